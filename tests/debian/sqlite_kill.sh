#!/bin/sh
# Kills sqlite3 in mid-transaction, over and over, and looks at what is left: the database is sound, every
# transaction is there whole or not at all, and what was acknowledged is there.
# $1: folder of the database, $2: journal mode, $3...: seconds after which sqlite3 is killed
db=$1/kill.db mode=$2
shift 2
sqlite3 "$db" "pragma journal_mode=$mode; create table t(round int, n int, part int, filler blob);"
round=0
for delay in "$@"; do
  round=$((round + 1))
  echo 0 >/tmp/acknowledged
  # A transaction of 20 rows; a number that is written once it is committed.
  awk -v r=$round 'BEGIN { print ".bail on\n.output /dev/null"; for (n = 1; n <= 4000; n++) {
    print "begin;"
    for (p = 0; p < 20; p++) print "insert into t values(" r "," n "," p ",randomblob(300));"
    print "commit;\nselect writefile(\"/tmp/next\",\"" n "\");\n.shell mv /tmp/next /tmp/acknowledged"
  } }' | sqlite3 "$db" >/dev/null 2>&1 &
  # The time counts from the first transaction on, however slow the machine is.
  tries=0
  while [ "$(cat /tmp/acknowledged)" = 0 ] && [ $((tries += 1)) -lt 200 ]; do sleep 0.05; done
  sleep "$delay"
  kill -KILL $! && wait $! 2>/dev/null
  acknowledged=$(cat /tmp/acknowledged)
  sqlite3 "$db" "pragma integrity_check;" | grep -qx ok && sound=sound || sound=broken
  torn=$(sqlite3 "$db" "select count(*) from (select 1 from t group by round, n having count(*) <> 20)")
  last=$(sqlite3 "$db" "select ifnull(max(n), 0) from t where round = $round")
  [ "$last" -ge "$acknowledged" ] && [ "$last" -le $((acknowledged + 1)) ] && kept=kept || kept="lost $acknowledged $last"
  [ "$acknowledged" -gt 0 ] || kept="nothing done"
  echo "$mode round $round: $sound, $torn torn, $kept"
done
