#!/bin/bash
# The programs of a Debian system as people use them in bash: GNU coreutils, grep, find, tar, gzip, xz,
# diff, perl. Takes the folder to work in; prints nothing that differs from run to run.
set -u
cd "$1" || exit 2
export TZ=UTC LC_ALL=C

section() { echo "== $*"; }

section bash
declare -A count=([one]=1 [two]=2)
count[three]=3
for key in $(printf '%s\n' "${!count[@]}" | sort); do echo "$key=${count[$key]}"; done
list=(a b c d e)
echo "${list[@]:1:3} ${#list[@]} ${list[-1]} ${list[*]/b/B}"
diff <(seq 1 5) <(seq 1 2 9); echo through | cat /dev/stdin; seq 3 | tee >(wc -l >count) >/dev/null; sleep 0.3; cat count; rm count
[[ foo123 =~ ^([a-z]+)([0-9]+)$ ]] && echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
text="Hello World"
echo "${text^^} ${text,,} ${text/World/There} ${text:0:5} ${text@Q}"
echo {1..5} {a..e} x{1,2}y $((2 ** 10)) $((16#ff))
printf -v padded '%05d' 42; echo "$padded"
mapfile -t lines < <(seq 3); echo "${#lines[@]} ${lines[2]}"
coproc CAT { cat; }
echo "through a coprocess" >&"${CAT[1]}"
read -r answer <&"${CAT[0]}"; echo "$answer"
eval "exec ${CAT[1]}>&-"; wait "$CAT_PID"
set -o pipefail; false | true; echo "pipefail $?"; set +o pipefail
trap 'echo "caught USR1"' USR1; kill -USR1 $$; trap - USR1
(sleep 0.05; exit 5) & wait $!; echo "wait $?"
sleep 20 & sleep 21 & jobs -r | wc -l; kill %1 %2; wait 2>/dev/null; jobs -r | wc -l
set -m; (exit 6) & wait %%; echo "group $?"; set +m
select_name() { local -n ref=$1; ref=changed; }; v=old; select_name v; echo $v
cat <<< "a here string"
exec {fd}>fd.txt; echo written >&$fd; exec {fd}>&-; cat fd.txt
time_out=$( { TIMEFORMAT=%R; time true; } 2>&1 ); [[ $time_out =~ ^[0-9]+\.[0-9]+$ ]] && echo timed

section files
mkdir -p a/b/c && echo one >a/one && echo two >a/b/two && ln -s one a/link && ln a/one a/hard
chmod 640 a/one; chmod u+x,g-r a/b/two; chmod 1777 a/b/c
touch -d '2024-02-29 12:34:56' a/one; touch -r a/one a/b/two a/b/c; touch -h -d '2020-01-01' a/link
stat -c '%n %s %a %F %h %y' a/one a/b/two a/link a/b/c
ls -l --time-style=+%Y a | awk 'NR > 1 && $NF != "b" { print $1, $2, $3, $4, $5, $7, $8, $9 }'
cp -a a copy && diff -r a copy && stat -c '%n %a %Y' copy/one copy/b/two copy/b/c
stat -c '%N' copy/link; readlink -f copy/link | sed "s|$PWD|.|"; realpath --relative-to=. copy/b/../one
mv copy moved && ls moved && mv -n a/one moved/b/two; cat moved/b/two
dd if=/dev/zero of=zeros bs=1k count=64 status=none; stat -c %s zeros
dd if=/dev/zero of=zeros bs=1 seek=1000000 count=1 conv=notrunc status=none; stat -c %s zeros
truncate -s 100 zeros; stat -c %s zeros; head -c 5 zeros | od -An -tu1
install -m 751 -D a/hard in/stalled && stat -c %a in/stalled
cp --sparse=always zeros sparse; cmp zeros sparse && echo equal
rmdir a/b/c; rm -r moved; ls -A | sort | tr '\n' ' '; echo
mktemp -d ./tmp.XXXXXX >name && test -d "$(cat name)" && rmdir "$(cat name)" && echo temporary
df -P . | tail -1 | awk '{ print ($2 > 0 && $2 >= $3) ? "space" : "none" }'; du -s --apparent-size -B1 sparse | cut -f1
id -u; id -g; id -un; test -w /etc/passwd && echo writable
chown 0:0 zeros && stat -c %u:%g zeros
umask 027; touch masked; stat -c %a masked; umask 022
ln -sf nowhere dangling; test -e dangling || echo dangling; test -L dangling && echo link
ls missing 2>&1; echo "status $?"; cat . 2>&1; rmdir / 2>&1 | head -1 | cut -c1-30

section text
printf '1 a\n2 b\n3 c\n' >left; printf '1 x\n3 y\n4 z\n' >right
join left right; comm -12 <(cut -d' ' -f1 left) <(cut -d' ' -f1 right); paste -d, left right
seq 100 >hundred; split -l 30 hundred part. && wc -l part.* ; csplit -s hundred 25 75 && wc -l xx*
od -c <<< 'ab	c' | head -2; od -An -tx4 -N8 hundred; seq -w 8 11 | tee teed | tac; cat teed | wc -c
sort -t' ' -k2,2r left; sort -n -r <<< $'10\n9\n100'; sort -u -f <<< $'b\nB\na'; sort -V <<< $'v1.10\nv1.9'
shuf -i 1-50 | sort -n | sha256sum; seq 20 | head -n -17; seq 20 | tail -n +19; seq 5 | nl -w2 -s:
tr -dc 'a-f\n' <<< 'abcxyzdef'; fold -w 4 <<< abcdefghij; expand -t4 <<< $'a\tb'; fmt -w 20 <<< 'words that are too many for one line'
cut -c2-4 <<< abcdef; rev 2>/dev/null <<< abc || true; uniq -d <<< $'a\na\nb'; wc -lwc hundred
numfmt --to=iec 1048576; factor 600851475143; basename /a/b.c .c; dirname /a/b.c; expr length hello
md5sum hundred; sha1sum hundred; sha512sum hundred | cut -c1-32; b2sum hundred | cut -c1-32; cksum hundred; base32 <<< x
printf '%s|%5d|%-5s|%x|%e\n' text 42 ab 255 12345.678; printf '%q\n' 'a b'; echo -e 'tab\there\x41'
date -u -d '2024-03-01 -1 day' +%F; date -u -d @0 +%c; tsort <<< $'a b\nb c'

section processes
timeout 0.1 sleep 10; echo "timeout $?"; timeout 5 true; echo "timeout $?"
env -i A=1 B=2 env | sort; env A=3 bash -c 'echo $A'; nohup echo not hung up 2>/dev/null; nice -n 5 nice
bash -c 'exit 300'; echo $?; (bash -c 'kill -SEGV $$'; echo $?) 2>/dev/null; true & wait; command -v ls; nproc --ignore=1000
seq 8 | xargs -P 4 -I{} bash -c 'echo $(({} * {}))' | sort -n | tr '\n' ' '; echo

section grep and find
grep -n -E '^(1|2)[05]$' hundred; grep -c 9 hundred; grep -o '[0-9]0' hundred | tail -2; grep -v -x '[0-9]*' hundred; echo $?
grep -P '^(\d)\1$' hundred | tr '\n' ' '; echo; grep -A1 -B1 -w 50 hundred; grep -rl two . | sort
mkdir deep; (cd deep; for n in $(seq 60); do mkdir -p n$((n % 6)) && head -c $((n * 100)) /dev/zero >n$((n % 6))/$n; done)
find deep -size +5k -printf '%p %s %m\n' | sort; find deep -type f -newer hundred | wc -l; find deep -name '1?' -delete; find deep -type f | wc -l
find deep -maxdepth 1 -mindepth 1 -type d | sort | tr '\n' ' '; echo; find deep -empty; find deep -type f -print0 | xargs -0 -n 10 | wc -l

section archives
tar -C deep --sort=name --mtime=@0 --owner=0 --group=0 -cf deep.tar . && tar -tf deep.tar | wc -l
for how in z J; do
  tar -c${how}f deep.tar.$how deep && mkdir out.$how && tar -xf deep.tar.$how -C out.$how && diff -r deep out.$how/deep && echo "same $how"
done
gzip -9 <hundred | gzip -t && echo tested; gzip -k hundred && zcat hundred.gz | cmp - hundred && echo same
xz -k hundred && xz -dc hundred.xz | cmp - hundred && echo same; tar --delete -f deep.tar ./n0 && tar -tf deep.tar | wc -l
diff -u <(seq 1 9) <(seq 2 10) | tail -n +3; sdiff -w 20 left right; diff3 left left right | head -4; cmp left right
