#!/bin/sh
# Runs a command and prints the most memory, in KiB, that it and all below it held at once: the sum of
# their proportional shares (proc(5), smaps_rollup).
"$@" >/dev/null 2>&1 &
root=$!
peak=0
while kill -0 "$root" 2>/dev/null; do
  pids=$root
  todo=$root
  while [ -n "$todo" ]; do
    next=
    for pid in $todo; do
      for task in /proc/"$pid"/task/*/children; do
        next="$next $(cat "$task" 2>/dev/null)"
      done
    done
    pids="$pids $next"
    todo=$(echo $next)
  done
  now=$(for pid in $pids; do cat "/proc/$pid/smaps_rollup" 2>/dev/null; done | awk '/^Pss:/ { sum += $2 } END { print sum + 0 }')
  [ "$now" -gt "$peak" ] && peak=$now
  sleep 0.02
done
wait "$root" || exit 1
echo "$peak"
