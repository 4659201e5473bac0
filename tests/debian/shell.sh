#!/bin/sh
# What people write for busybox: pipes, loops, functions, traps, here documents, jobs, and its tools on a
# tree of a thousand files. Takes the folder to work in; prints nothing that differs from run to run.
set -u
cd "$1" || exit 2
export TZ=UTC

section() { echo "== $*"; }
failed=0
expect() {
  if [ "$2" = "$3" ]; then echo "ok: $1"; else
    echo "no: $1: \"$2\" is not \"$3\""
    failed=$((failed + 1))
  fi
}

section functions and arithmetic
fib() { if [ "$1" -lt 2 ]; then echo "$1"; else echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); fi; }
expect recursion "$(fib 9)" 34
sum=0
for n in $(seq 1 100); do sum=$((sum + n * n)); done
expect squares $sum 338350
i=0
while :; do
  i=$((i + 1))
  [ $((i % 2)) -eq 0 ] && continue
  [ $i -gt 20 ] && break
  printf '%03d ' $i
done
echo
echo "shifts $((1 << 40)) $((-7 / 2)) $((0x7fffffffffffffff + 1)) $((~5 & 0xff))"
local_scope() { local v=inner; echo $v; }
v=outer
local_scope
echo $v

section parameters
set -- one "two three" four
echo $# "$2" "${3%r}" "${1#o}"
path=/usr/share/doc/a.tar.gz
echo "${path##*/} ${path%/*} ${path%%.*} ${path#*.} ${#path}"
unset missing
echo "${missing:-default} ${missing:+set}${path:+set}"
(: "${missing:?is not there}") 2>/dev/null || echo "status $?"
IFS=: read -r a b c <<EOF
x:y:z:rest
EOF
echo "$a|$b|$c"

section case and patterns
for word in apple.c banana.h 42 "a b" ''; do
  case $word in
    *.[ch]) echo "source $word" ;;
    [0-9]*) echo "number $word" ;;
    *\ *) echo "spaced $word" ;;
    '') echo empty ;;
  esac
done

section here documents
name=world
cat <<EOF
hello $name, $((6 * 7)), $(echo nested)
EOF
cat <<'EOF'
hello $name, $((6 * 7))
EOF
cat <<-EOF
	tabs are gone
	EOF

section pipes and descriptors
seq 1 1000 | grep 7 | sed 's/7/seven/g' | awk 'END { print NR, $0 }'
{ echo to-out; echo to-err >&2; } 2>err.txt | tr a-z A-Z
cat err.txt
exec 5>five.txt
echo "through five" >&5
exec 5>&-
cat five.txt
false | true
echo "status of a pipe $?"
yes | head -n 3 | tr '\n' ' '
echo
! false && echo negated

section traps and signals
sh -c 'trap "echo left" EXIT; exit 3'
echo "status $?"
sh -c 'trap "echo told; exit 9" TERM; kill -TERM $$; echo not reached'
echo "status $?"
sh -c 'trap "" INT; kill -INT $$; echo deaf'
sh -c 'kill -KILL $$'
echo "status $?"

section jobs
(sleep 0.1; exit 4) &
wait $!
echo "job ended with $?"
for n in 1 2 3 4; do (echo "job $n" >"job$n") & done
wait
cat job1 job2 job3 job4
sleep 30 &
kill $!
wait $! 2>/dev/null
echo "killed: $?"
mkfifo pipe
(for n in 1 2 3; do echo "line $n"; done >pipe) &
while read -r line; do echo "got $line"; done <pipe
wait

section a tree of a thousand files
mkdir tree
for d in 0 1 2 3 4 5 6 7 8 9; do
  mkdir -p tree/d$d/sub
  for f in 0 1 2 3 4 5 6 7 8 9; do
    for g in 0 1 2 3 4 5 6 7 8 9; do
      case $g in [0-4]) at=tree/d$d ;; *) at=tree/d$d/sub ;; esac
      echo "file $d$f$g of the tree" >$at/f$d$f$g.txt
    done
  done
done
expect files "$(find tree -type f | wc -l)" 1000
expect folders "$(find tree -type d | wc -l)" 21
find tree -name 'f?5?.txt' | sort | sed -n '1p;50p;$p'
find tree -type f -print0 | xargs -0 cat | sort | md5sum
find tree -type f | sort | xargs -n 100 grep -l '[24]0[13]' | sort | head -n 8
find tree -path '*sub*' -name '*9.txt' -exec rm {} +
expect removed "$(find tree -type f | wc -l)" 900
grep -r 'file 333' tree
ls tree/d3 | awk -F. '{ n[substr($1, 2, 2)]++ } END { for (k in n) print k, n[k] }' | sort
sed -i 's/tree/wood/; s/file \([0-9]\)/FILE-\1/' tree/d0/*.txt
cat tree/d0/f000.txt

section archives
tar -cf tree.tar tree
expect names "$(tar -tf tree.tar | wc -l)" 921
gzip -c tree.tar >tree.tar.gz
gunzip -c tree.tar.gz | cmp - tree.tar && echo same
mkdir again
tar -xzf tree.tar.gz -C again
diff -r tree again/tree && echo "no difference"
echo x >>again/tree/d1/f100.txt
diff -r tree again/tree | tail -n 1
bzip2 -c tree.tar | bunzip2 | md5sum | cmp -s - err.txt || echo unequal
(cd again && find . -type f | sort | cpio -o -H newc 2>/dev/null) | cpio -t 2>/dev/null | wc -l

section text
seq 20 | awk '{ s += $1; a[NR % 3] = a[NR % 3] " " $1 } END { print s; for (i = 0; i < 3; i++) print i ":" a[i] }'
awk 'BEGIN { printf "%s %5.2f %x %c|%-5s|%05d\n", substr("abcdef", 2, 3), 3.14159, 255, 65, "ab", 42
  n = split("a,b,c", p, ","); print n, p[3]; print toupper("x"), index("hello", "ll"), length("four")
  gsub(/o/, "0", n); print match("foobar", /o+/), RSTART, RLENGTH }'
printf 'b 2\na 10\nc 1\n' >list
sort list; sort -k2n list; sort -r list | head -n 1
printf 'x\nx\ny\nz\nz\nz\n' | uniq -c | awk '{ print $2 $1 }'
printf 'a:b:c\n1:2:3\n' | cut -d: -f1,3
echo abcabc | sed -e 's/b/[&]/2' -e 'y/c/C/' -e '1!d'
seq 10 | sed -n '2,4p;$!d' | tr '\n' ,; echo
seq 5 | tac | tr '\n' ' '; echo
echo 'hello world' | od -An -tx1 | head -n 1
printf 'data' | base64; printf 'ZGF0YQ==' | base64 -d; echo
echo 'some text' | sha256sum
echo '2^64 / 3' | bc 2>/dev/null || true
expr 6 \* 7
date -u -d '@86400' '+%Y-%m-%d %H:%M:%S'
test -d tree -a ! -e nothing && echo tested
echo "failed $failed"
exit $failed
