# perl-base at work: regular expressions, sorting, files, processes, sockets of its own.
use strict;
use warnings;
chdir $ARGV[0] or die;
$| = 1;

my %count;
$count{$_}++ for split //, "mississippi";
print join(" ", map { "$_$count{$_}" } sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count), "\n";
my $text = join "\n", map { sprintf "%03d %s", $_, "x" x ($_ % 7) } 1 .. 300;
my @hits = $text =~ /^(\d+) (x{5})$/mg;
print scalar(@hits), " $hits[0] $hits[-1]\n";
(my $swapped = "first second third") =~ s/(\w+) (\w+)/$2 $1/;
print "$swapped ", ("a.b.c" =~ tr/././), " ", join("|", "k1=v1;k2=v2" =~ /(\w+)=(\w+)/g), "\n";
print "nested: $1\n" if "f(a(b)c)d" =~ /(\((?:[^()]++|(?1))*\))/;
printf "%s %.10f %e %b %s\n", 2**53 + 1, atan2(1, 1) * 4, 1 / 3, 10, 0x7fffffffffffffff + 1;
print join(",", map { sprintf "%x", $_ } unpack "C*", pack "nNvVa3d>", 1, 2, 3, 4, "abc", 0.5), "\n";
open my $out, ">", "perl.txt" or die;
print $out "line $_\n" for 1 .. 1000;
close $out;
open my $in, "<", "perl.txt" or die;
my ($lines, $sum) = (0, 0);
while (<$in>) { $lines++; $sum += $1 if /(\d+)/; }
print "$lines $sum ", -s "perl.txt", " ", eof($in) ? "end" : "more", "\n";
seek $in, 100, 0;
read $in, my $piece, 10;
print "$piece|", tell $in, "\n";
print map { "$_ " } sort glob "perl*";
print "\n", join(" ", `echo one; echo two` =~ /\w+/g), " ", system("exit 3") >> 8, "\n";
pipe my $r, my $w or die;
if (!(my $child = fork)) { close $r; print $w "from a child"; exit 4; }
close $w;
print <$r>, " ", wait > 0 ? $? >> 8 : "", "\n";
local $SIG{ALRM} = sub { die "alarm\n" };
eval { alarm 1; select undef, undef, undef, 20; };
print "caught $@";
my @sorted = sort { $a <=> $b } map { ($_ * 7919) % 10007 } 1 .. 5000;
print "$sorted[0] $sorted[2500] $sorted[-1]\n";
eval { die { code => 42 } };
print "died with $@->{code}\n";
my $fib; $fib = sub { my $n = shift; $n < 2 ? $n : $fib->($n - 1) + $fib->($n - 2) };
print $fib->(16), "\n";
unlink "perl.txt";
print -e "perl.txt" ? "there" : "gone", " $!\n";
