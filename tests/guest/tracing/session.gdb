set pagination off
set confirm off
set style enabled off
break sum
run
backtrace
print *at@count
print at[1].weight * 2
print $a1
delete
watch total
continue
continue
delete
stepi
nexti
print sum(points, 2)
set var points[2].x = 50
finish
break work
continue
print $_thread > 1
info threads
delete
continue
