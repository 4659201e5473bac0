#!/bin/sh
# strace of what a shell does: prints nothing that differs from run to run.
cd /tmp || exit 2
echo "== follow"
strace -f -o log sh -c 'echo one two | tr a-z A-Z; (exit 3); sleep 0.02 & wait'
echo "status $?"
grep -c 'clone(' log
grep -oE 'execve\("[^"]*", \[.*\]' log | sort
grep -oE '(exited|killed) .*' log | sort
grep -oE 'SIGCHLD \{.*si_code=CLD_EXITED.*si_status=3' log | wc -l
grep -E ' write\(1, ' log | grep -oE '"[^"]*", [0-9]*' | sort
echo "== select"
strace -e trace=openat busybox cat /test/nothing 2>&1 | grep openat.*nothing
echo "== count"
strace -c -f sh -c 'cat /dev/null' 2>&1 | grep -oE ' 2 +execve$| total$'
strace -c -f sh -c 'cat /dev/null' 2>&1 | grep total | grep -c ' 0\.000000 '
echo "== inject"
strace -e trace=getuid -e inject=getuid:retval=42 busybox id -u 2>&1 | tail -2
{ strace -o log -e trace=write -e inject=write:signal=TERM busybox echo hi; } >/dev/null 2>&1
tail -2 log
echo "== attach"
sleep 20 &
pid=$!
strace -o attached -p "$pid" 2>/dev/null &
tracer=$!
until [ -s attached ]; do sleep 0.02; done
grep -c "TracerPid:	$tracer" "/proc/$pid/status"
kill -INT "$tracer"
wait "$tracer"
grep -o 'detached' attached
grep TracerPid "/proc/$pid/status"
rm attached
strace -o attached -p "$pid" 2>/dev/null &
tracer=$!
until [ -s attached ]; do sleep 0.02; done
kill -USR1 "$pid"
wait "$pid" 2>/dev/null
echo "status $?"
wait "$tracer" 2>/dev/null
sed -n 's/.*\(= ? ERESTART_RESTARTBLOCK\|SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER\|+++ .* +++\).*/\1/p' attached
