#!/bin/sh
# gdb runs a program; comes to a process that runs, and leaves it running; comes again, and ends it.
gdb -nx -batch -x /test/session.gdb /test/sample 2>&1 |
  grep -E '^(\$|#|Value returned|New value|sum|threads|\[Inferior|Thread . "sample" hit Breakpoint 3)' |
  sed -E 's/0x[0-9a-f]{5,}/ADDRESS/g; s,[^ ]*/sample.c,sample.c,; s/^Thread [23]/Thread N/; s/process [0-9]+/process N/'
echo "== attach"
sleep 100 &
pid=$!
until grep -q sleep "/proc/$pid/comm"; do sleep 0.02; done
gdb -nx -batch -ex 'print $a7' -ex 'print $_siginfo.si_signo' -ex detach -p "$pid" 2>&1 |
  grep -E '^\$|detached' | sed "s/$pid/N/"
grep -E 'State|TracerPid' "/proc/$pid/status"
gdb -nx -batch -ex "print (int)getpid() == $pid" -ex kill -p "$pid" 2>&1 |
  grep -E '^\$|killed' | sed "s/$pid/N/"
wait "$pid" 2>/dev/null
echo "status $?"
