# A program leaves a core, and gdb says of it where it was.
cp /test/crash /tmp/crash
cd /tmp
ulimit -c unlimited
./crash
echo "status $?"
gdb -q -nx -batch -ex bt -ex "frame 0" -ex "print *list" -ex "print list" -ex "print first" -ex "up" -ex "print ratio" \
  -ex "info registers pc" -ex "print \$_siginfo._sifields._sigfault.si_addr" -ex "thread 2" -ex "print \$a7" crash core 2>&1 |
  grep -v -e "^warning" -e debuginfod -e "^\[New LWP" -e "^Using host" -e "^\[Thread debugging" -e "^Reading" -e libc.so -e '^$' |
  sed -e 's/0x[0-9a-f]\{6,\}/ADDRESS/g' -e 's/LWP [0-9]*/LWP/g' -e 's/([^()]*) *$/(...)/;s/[^ ]*crash\.c/crash.c/'
