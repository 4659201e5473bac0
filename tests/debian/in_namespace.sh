#!/bin/sh
# Executes a RISC-V program and what it starts, in a tree of its own: in a user namespace, where the kernel
# hands such programs to QEMU for this namespace alone. $1: the tree, $2: QEMU, $3...: program and arguments
set -e
root=$1 qemu=$2
shift 2
formats=/proc/sys/fs/binfmt_misc
mount -t binfmt_misc none $formats
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
# F: the interpreter is opened now, as it is not in the tree; P: argv[0] is kept.
printf '%s' ":riscv64:M::$magic:$mask:$qemu:FP" >$formats/register
mount -t tmpfs none "$root/tmp"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
exec chroot "$root" "$@"
