#!/bin/sh
# Commits transactions while the domain that holds the database is killed again and again: sqlite3 does not
# notice, and all is there in the end.
# $1: folder of the database, $2: journal mode
sqlite3 "$1/restart.db" "pragma journal_mode=$2; create table t(n int, part int, filler blob);"
echo begun
awk 'BEGIN { print ".bail on"; for (n = 1; n <= 150; n++) {
  print "begin;"
  for (p = 0; p < 20; p++) print "insert into t values(" n "," p ",randomblob(300));"
  print "commit;"
} }' | sqlite3 "$1/restart.db" || exit 1
sqlite3 "$1/restart.db" "pragma integrity_check;
  select count(*), count(distinct n), sum(length(filler)) from t;
  select count(*) from (select 1 from t group by n having count(*) <> 20)"
