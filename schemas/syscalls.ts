// The system-call table: which calls of Linux riscv64 there are, who serves them, and how far. It is the
// support statement, and what routing, copying of arguments and tracing are derived from.
// Sources: the man pages of section 2, and asm-generic numbers.

/**
 * Kinds of arguments, in order, separated by blanks:
 *
 * - `fd`, `int`, `uint`: 32 bits; `flags` and `mode` as `uint`, shown differently
 * - `size`, `offset`, `address`: 64 bits
 * - `path`: a byte string; `path?` where NULL is allowed
 * - `bufferIn`, `bufferOut`: bytes, as many as the next argument says
 * - `structIn16`, `structOut16`, `structInOut16`: so many bytes; NULL allowed, unless `!` follows
 * - `arrayIn8`, `arrayOut8`, `arrayInOut8`: so many bytes each, as many as the next argument says
 * - `room16`: where structures go, at most as many as the next argument says; the handler has them
 * - `arrayInBefore4`, `arrayOutBefore4`: as many as the argument before says; out come as many as the call
 *   answers
 * - `remainingOut16`: 16 bytes that are copied out when a signal interrupted the call
 * - `vectorIn`, `vectorOut`: `struct iovec`, as many as the next argument says
 * - `returned`: bytes that come back, with a pointer to how many in the next argument
 * - `messageIn`, `messageOut`: `struct msghdr`; `messagesIn`, `messagesOut`: several, as many as the next
 *   argument says
 * - `bytesOut4096`: a byte for every so many of the argument before
 * - `typedIn`, `typedOut`: a long, and as many bytes behind it as the next argument says
 * - `fileHandleIn`, `fileHandleOut`: `struct file_handle`, as long as its first word says
 * - `strings`: a vector of strings that ends with NULL
 * - `fdset`: bits of as many descriptors as the first argument says; `selectMask`: a mask behind a pointer
 * - `fcntl`, `ioctl`, `futex`, `prctl`, `semaphores`: what the command before makes of it
 */
export type ArgumentKinds = string;

export interface SystemCall {
  number: number;
  name: string;
  /** group of calls that a component serves: see schemas/components.ts */
  group: "process" | "files" | "sockets";
  args: ArgumentKinds;
  /** "missing" answers ENOSYS, and the report names it */
  status: "implemented" | "partial" | "missing";
  /** what is not as in Linux */
  note?: string;
}

function call(
  number: number,
  name: string,
  group: SystemCall["group"],
  args: ArgumentKinds,
  { partial }: { partial?: string } = {},
): SystemCall {
  return partial === undefined
    ? { number, name, group, args, status: "implemented" }
    : { number, name, group, args, status: "partial", note: partial };
}

function missing(number: number, name: string, group: SystemCall["group"]): SystemCall {
  const note = "answers ENOSYS";
  return { number, name, group, args: "", status: "missing", note };
}

export const systemCalls: readonly SystemCall[] = [
  call(0, "io_setup", "process", "uint structInOut8!"),
  call(1, "io_destroy", "process", "address"),
  call(2, "io_submit", "process", "address offset address", {
    partial: "RWF_NOWAIT answers EOPNOTSUPP; priorities change nothing",
  }),
  call(3, "io_cancel", "process", "address address address"),
  call(4, "io_getevents", "process", "address offset offset arrayOutBefore32 structIn16"),
  call(5, "setxattr", "process", "path path bufferIn size flags"),
  call(6, "lsetxattr", "process", "path path bufferIn size flags"),
  call(7, "fsetxattr", "process", "fd path bufferIn size flags"),
  call(8, "getxattr", "process", "path path bufferOut size"),
  call(9, "lgetxattr", "process", "path path bufferOut size"),
  call(10, "fgetxattr", "process", "fd path bufferOut size"),
  call(11, "listxattr", "process", "path bufferOut size"),
  call(12, "llistxattr", "process", "path bufferOut size"),
  call(13, "flistxattr", "process", "fd bufferOut size"),
  call(14, "removexattr", "process", "path path"),
  call(15, "lremovexattr", "process", "path path"),
  call(16, "fremovexattr", "process", "fd path"),
  call(17, "getcwd", "process", "bufferOut size"),
  call(19, "eventfd2", "process", "uint flags"),
  call(20, "epoll_create1", "process", "flags"),
  call(21, "epoll_ctl", "process", "fd int fd structIn16"),
  call(22, "epoll_pwait", "process", "fd room16 int int structIn8 size"),
  call(23, "dup", "process", "fd"),
  call(24, "dup3", "process", "fd int flags"),
  call(25, "fcntl", "process", "fd int fcntl", {
    partial:
      "leases and F_SETOWN_EX answer EINVAL; what F_SETSIG sends does not tell the descriptor",
  }),
  call(26, "inotify_init1", "process", "flags"),
  call(27, "inotify_add_watch", "process", "fd path uint"),
  call(28, "inotify_rm_watch", "process", "fd int"),
  call(29, "ioctl", "process", "fd uint ioctl", {
    partial:
      "descriptors, terminals, sockets, disks and flags of files; other requests to files answer ENOTTY",
  }),
  call(30, "ioprio_set", "process", "int int int", {
    partial: "priorities are kept and told; requests go to the disk as they come",
  }),
  call(31, "ioprio_get", "process", "int int"),
  call(32, "flock", "files", "fd flags"),
  call(33, "mknodat", "files", "fd path mode int"),
  call(34, "mkdirat", "files", "fd path mode"),
  call(35, "unlinkat", "files", "fd path flags"),
  call(36, "symlinkat", "files", "path fd path"),
  call(37, "linkat", "files", "fd path fd path flags"),
  call(39, "umount2", "process", "path flags"),
  call(40, "mount", "process", "path? path path? flags path?", {
    partial:
      "tmpfs, and further places of what is mounted; MS_SHARED answers EINVAL, nosuid and the like change nothing",
  }),
  missing(41, "pivot_root", "process"),
  call(43, "statfs", "files", "path structOut120!"),
  call(44, "fstatfs", "files", "fd structOut120!"),
  call(45, "truncate", "files", "path offset"),
  call(46, "ftruncate", "files", "fd offset"),
  call(47, "fallocate", "files", "fd flags offset offset"),
  call(48, "faccessat", "files", "fd path mode"),
  call(49, "chdir", "process", "path"),
  call(50, "fchdir", "process", "fd"),
  call(51, "chroot", "process", "path"),
  call(52, "fchmod", "files", "fd mode"),
  call(53, "fchmodat", "files", "fd path mode"),
  call(54, "fchownat", "files", "fd path int int flags"),
  call(55, "fchown", "files", "fd int int"),
  call(56, "openat", "files", "fd path flags mode", {
    partial: "O_DIRECT is accepted and goes through the page cache",
  }),
  call(57, "close", "process", "fd"),
  call(59, "pipe2", "process", "structOut8! flags"),
  missing(60, "quotactl", "process"),
  call(61, "getdents64", "files", "fd bufferOut size"),
  call(62, "lseek", "files", "fd offset int"),
  call(63, "read", "files", "fd bufferOut size"),
  call(64, "write", "files", "fd bufferIn size"),
  call(65, "readv", "files", "fd vectorOut int"),
  call(66, "writev", "files", "fd vectorIn int"),
  call(67, "pread64", "files", "fd bufferOut size offset"),
  call(68, "pwrite64", "files", "fd bufferIn size offset"),
  call(69, "preadv", "files", "fd vectorOut int offset"),
  call(70, "pwritev", "files", "fd vectorIn int offset"),
  call(71, "sendfile", "files", "fd fd structInOut8 size"),
  call(72, "pselect6", "process", "int fdset fdset fdset structIn16 selectMask"),
  call(73, "ppoll", "process", "arrayInOut8 uint structIn16 structIn8 size"),
  call(74, "signalfd4", "process", "fd structIn8! size flags", {
    partial: "a signal sent to one thread can be read by any thread of its process",
  }),
  call(75, "vmsplice", "process", "fd vectorIn int uint", {
    partial: "copies into pipes; out of a pipe answers EBADF",
  }),
  call(76, "splice", "process", "fd structInOut8 fd structInOut8 size uint"),
  call(77, "tee", "process", "fd fd size uint"),
  call(78, "readlinkat", "files", "fd path bufferOut size"),
  call(79, "newfstatat", "files", "fd path structOut128! flags"),
  call(80, "fstat", "files", "fd structOut128!"),
  call(81, "sync", "files", ""),
  call(82, "fsync", "files", "fd"),
  call(83, "fdatasync", "files", "fd"),
  call(84, "sync_file_range", "process", "fd offset offset uint"),
  call(85, "timerfd_create", "process", "int flags"),
  call(86, "timerfd_settime", "process", "fd flags structIn32! structOut32"),
  call(87, "timerfd_gettime", "process", "fd structOut32!"),
  call(88, "utimensat", "files", "fd path? structIn32 flags"),
  missing(89, "acct", "process"),
  call(90, "capget", "process", "structInOut8! structOut24"),
  call(91, "capset", "process", "structInOut8! structIn24!", {
    partial: "only CAP_SETUID and CAP_SETGID allow anything; else the effective user id does",
  }),
  call(92, "personality", "process", "uint", {
    partial: "only that of Linux; its flags are kept and change nothing",
  }),
  call(93, "exit", "process", "int"),
  call(94, "exit_group", "process", "int"),
  call(95, "waitid", "process", "int int structOut128 int structOut144"),
  call(96, "set_tid_address", "process", "address"),
  missing(97, "unshare", "process"),
  call(98, "futex", "process", "address int int futex address int", {
    partial: "priority inheritance and FUTEX_FD answer ENOSYS",
  }),
  call(99, "set_robust_list", "process", "address size"),
  call(100, "get_robust_list", "process", "int structOut8! structOut8!"),
  call(101, "nanosleep", "process", "structIn16! remainingOut16"),
  call(102, "getitimer", "process", "int structOut32!"),
  call(103, "setitimer", "process", "int structIn32 structOut32", {
    partial: "ITIMER_VIRTUAL and ITIMER_PROF look at processor time each millisecond",
  }),
  call(107, "timer_create", "process", "int structIn64 structOut4!"),
  call(108, "timer_gettime", "process", "int structOut32!"),
  call(109, "timer_getoverrun", "process", "int"),
  call(110, "timer_settime", "process", "int flags structIn32 structOut32"),
  call(111, "timer_delete", "process", "int"),
  call(112, "clock_settime", "process", "int structIn16!", {
    partial: "answers EPERM: the time of day is the host's",
  }),
  call(113, "clock_gettime", "process", "int structOut16!"),
  call(114, "clock_getres", "process", "int structOut16"),
  call(115, "clock_nanosleep", "process", "int flags structIn16! remainingOut16"),
  call(116, "syslog", "process", "int address int", {
    partial: "the log is empty",
  }),
  call(117, "ptrace", "process", "uint int address address", {
    partial:
      "a tracer is a process, whichever of its threads asks; what Linux has for seccomp, user dispatch and checkpoints answers EIO",
  }),
  call(118, "sched_setparam", "process", "int structIn4"),
  call(119, "sched_setscheduler", "process", "int int structIn4", {
    partial: "policies are kept and told; threads take turns whatever they are",
  }),
  call(120, "sched_getscheduler", "process", "int"),
  call(121, "sched_getparam", "process", "int structOut4"),
  call(122, "sched_setaffinity", "process", "int uint arrayInBefore1"),
  call(123, "sched_getaffinity", "process", "int uint arrayOutBefore1"),
  call(124, "sched_yield", "process", ""),
  call(125, "sched_get_priority_max", "process", "int"),
  call(126, "sched_get_priority_min", "process", "int"),
  call(127, "sched_rr_get_interval", "process", "int structOut16!"),
  call(128, "restart_syscall", "process", ""),
  call(129, "kill", "process", "int int"),
  call(130, "tkill", "process", "int int"),
  call(131, "tgkill", "process", "int int int"),
  call(132, "sigaltstack", "process", "structIn24 structOut24"),
  call(133, "rt_sigsuspend", "process", "structIn8! size"),
  call(134, "rt_sigaction", "process", "int structIn24 structOut24 size"),
  call(135, "rt_sigprocmask", "process", "int structIn8 structOut8 size"),
  call(136, "rt_sigpending", "process", "structOut8! size"),
  call(137, "rt_sigtimedwait", "process", "structIn8! structOut128 structIn16 size"),
  call(138, "rt_sigqueueinfo", "process", "int int structIn128!"),
  call(139, "rt_sigreturn", "process", ""),
  call(140, "setpriority", "process", "int int int", {
    partial: "nice values are kept and told; threads take turns whatever they are",
  }),
  call(141, "getpriority", "process", "int int"),
  missing(142, "reboot", "process"),
  call(143, "setregid", "process", "uint uint"),
  call(144, "setgid", "process", "uint"),
  call(145, "setreuid", "process", "uint uint"),
  call(146, "setuid", "process", "uint"),
  call(147, "setresuid", "process", "uint uint uint"),
  call(148, "getresuid", "process", "structOut4! structOut4! structOut4!"),
  call(149, "setresgid", "process", "uint uint uint"),
  call(150, "getresgid", "process", "structOut4! structOut4! structOut4!"),
  call(151, "setfsuid", "process", "uint"),
  call(152, "setfsgid", "process", "uint"),
  call(153, "times", "process", "structOut32"),
  call(154, "setpgid", "process", "int int"),
  call(155, "getpgid", "process", "int"),
  call(156, "getsid", "process", "int"),
  call(157, "setsid", "process", ""),
  call(158, "getgroups", "process", "int arrayOutBefore4"),
  call(159, "setgroups", "process", "int arrayInBefore4"),
  call(160, "uname", "process", "structOut390!"),
  call(161, "sethostname", "process", "bufferIn size"),
  call(162, "setdomainname", "process", "bufferIn size"),
  call(163, "getrlimit", "process", "uint structOut16!"),
  call(164, "setrlimit", "process", "uint structIn16!"),
  call(165, "getrusage", "process", "int structOut144!", {
    partial: "times and resident memory; what is not counted is 0",
  }),
  call(166, "umask", "process", "mode"),
  call(167, "prctl", "process", "int prctl address address address", {
    partial:
      "names, signals at the parent's end, orphans and what is only kept; other options answer EINVAL",
  }),
  call(168, "getcpu", "process", "structOut4 structOut4 address"),
  call(169, "gettimeofday", "process", "structOut16 structOut8"),
  call(170, "settimeofday", "process", "address address", {
    partial: "answers EPERM: the time of day is the host's",
  }),
  call(171, "adjtimex", "process", "structInOut208!", {
    partial: "answers what it is; changing it answers EPERM",
  }),
  call(172, "getpid", "process", ""),
  call(173, "getppid", "process", ""),
  call(174, "getuid", "process", ""),
  call(175, "geteuid", "process", ""),
  call(176, "getgid", "process", ""),
  call(177, "getegid", "process", ""),
  call(178, "gettid", "process", ""),
  call(179, "sysinfo", "process", "structOut112!"),
  call(180, "mq_open", "process", "path flags mode structIn64"),
  call(181, "mq_unlink", "process", "path"),
  call(182, "mq_timedsend", "process", "fd bufferIn size uint structIn16"),
  call(183, "mq_timedreceive", "process", "fd bufferOut size structOut4 structIn16"),
  call(184, "mq_notify", "process", "fd structIn64", {
    partial: "SIGEV_THREAD answers EINVAL",
  }),
  call(185, "mq_getsetattr", "process", "fd structIn64 structOut64"),
  call(186, "msgget", "process", "int flags"),
  call(187, "msgctl", "process", "int int structInOut120"),
  call(188, "msgrcv", "process", "int typedOut size offset flags"),
  call(189, "msgsnd", "process", "int typedIn size flags"),
  call(190, "semget", "process", "int int flags"),
  call(191, "semctl", "process", "int int int semaphores"),
  call(192, "semtimedop", "process", "int arrayIn6 size structIn16"),
  call(193, "semop", "process", "int arrayIn6 size"),
  call(194, "shmget", "process", "int size flags", {
    partial: "SHM_HUGETLB answers ENOMEM",
  }),
  call(195, "shmctl", "process", "int int structInOut112"),
  call(196, "shmat", "process", "int address flags"),
  call(197, "shmdt", "process", "address"),
  call(198, "socket", "sockets", "int int int"),
  call(199, "socketpair", "sockets", "int int int structOut8!"),
  call(200, "bind", "sockets", "fd bufferIn size"),
  call(201, "listen", "sockets", "fd int"),
  call(202, "accept", "sockets", "fd returned size"),
  call(203, "connect", "sockets", "fd bufferIn size"),
  call(204, "getsockname", "sockets", "fd returned size"),
  call(205, "getpeername", "sockets", "fd returned size"),
  call(206, "sendto", "sockets", "fd bufferIn size flags bufferIn size"),
  call(207, "recvfrom", "sockets", "fd bufferOut size flags returned size"),
  call(208, "setsockopt", "sockets", "fd int int bufferIn size"),
  call(209, "getsockopt", "sockets", "fd int int returned size"),
  call(210, "shutdown", "sockets", "fd int"),
  call(211, "sendmsg", "sockets", "fd messageIn flags", {
    partial:
      "of IP's control messages PKTINFO, TTL or HOPLIMIT, TOS or TCLASS; others answer EINVAL",
  }),
  call(212, "recvmsg", "sockets", "fd messageOut flags", {
    partial:
      "of IP's control messages those that sendmsg takes, and those of error queues, which TCP has none of",
  }),
  call(213, "readahead", "files", "fd offset size"),
  call(214, "brk", "process", "address"),
  call(215, "munmap", "process", "address size"),
  call(216, "mremap", "process", "address size size int address"),
  call(220, "clone", "process", "address address address address address", {
    partial: "namespaces answer EINVAL; CLONE_PTRACE and CLONE_IO change nothing",
  }),
  call(221, "execve", "process", "path strings strings"),
  call(222, "mmap", "process", "address size int int fd offset", {
    partial: "MAP_HUGETLB answers ENOMEM, MAP_SYNC EOPNOTSUPP; MAP_GROWSDOWN does not grow",
  }),
  call(223, "fadvise64", "files", "fd offset size int"),
  call(226, "mprotect", "process", "address size int"),
  call(227, "msync", "process", "address size int"),
  call(228, "mlock", "process", "address size"),
  call(229, "munlock", "process", "address size"),
  call(230, "mlockall", "process", "int"),
  call(231, "munlockall", "process", ""),
  call(232, "mincore", "process", "address size bytesOut4096"),
  call(233, "madvise", "process", "address size int", {
    partial: "MADV_REMOVE and MADV_HWPOISON answer EINVAL; MADV_FREE frees at once",
  }),
  missing(234, "remap_file_pages", "process"),
  call(240, "rt_tgsigqueueinfo", "process", "int int int structIn128!"),
  missing(241, "perf_event_open", "process"),
  call(242, "accept4", "sockets", "fd returned size flags"),
  call(243, "recvmmsg", "sockets", "fd messagesOut size flags structInOut16"),
  call(258, "riscv_hwprobe", "process", "arrayInOut16 size size arrayInBefore1 uint", {
    partial: "RISCV_HWPROBE_WHICH_CPUS answers EINVAL",
  }),
  call(259, "riscv_flush_icache", "process", "address address size"),
  call(260, "wait4", "process", "int structOut4 int structOut144"),
  call(261, "prlimit64", "process", "int uint structIn16 structOut16"),
  call(264, "name_to_handle_at", "files", "fd path fileHandleOut structOut4! flags", {
    partial:
      "ext4, tmpfs and /dev; that of a file which was not durable when its domain died is stale",
  }),
  call(265, "open_by_handle_at", "files", "fd fileHandleIn flags"),
  call(266, "clock_adjtime", "process", "int structInOut208!", {
    partial: "answers what CLOCK_REALTIME is; changing it answers EPERM",
  }),
  call(267, "syncfs", "files", "fd"),
  call(269, "sendmmsg", "sockets", "fd messagesIn size flags"),
  call(270, "process_vm_readv", "process", "int arrayIn16 size arrayIn16 size size"),
  call(271, "process_vm_writev", "process", "int arrayIn16 size arrayIn16 size size"),
  call(272, "kcmp", "process", "int int int fd fd", { partial: "KCMP_EPOLL_TFD answers EINVAL" }),
  call(276, "renameat2", "files", "fd path fd path flags"),
  call(277, "seccomp", "process", "uint uint address", {
    partial: "answers EINVAL: there are no filters",
  }),
  call(278, "getrandom", "process", "bufferOut size flags"),
  call(279, "memfd_create", "process", "path uint", {
    partial: "MFD_HUGETLB answers EINVAL",
  }),
  missing(280, "bpf", "process"),
  call(281, "execveat", "process", "fd path strings strings flags"),
  missing(282, "userfaultfd", "process"),
  call(283, "membarrier", "process", "int int int", {
    partial: "only MEMBARRIER_CMD_QUERY",
  }),
  call(284, "mlock2", "process", "address size int"),
  call(285, "copy_file_range", "files", "fd structInOut8 fd structInOut8 size uint"),
  call(286, "preadv2", "process", "fd vectorOut int offset size uint", {
    partial: "RWF_NOWAIT answers EOPNOTSUPP",
  }),
  call(287, "pwritev2", "process", "fd vectorIn int offset size uint", {
    partial: "RWF_NOWAIT answers EOPNOTSUPP",
  }),
  call(291, "statx", "files", "fd path flags uint structOut256!"),
  call(
    292,
    "io_pgetevents",
    "process",
    "address offset offset arrayOutBefore32 structIn16 selectMask",
  ),
  missing(293, "rseq", "process"),
  call(424, "pidfd_send_signal", "process", "int int structIn128 uint"),
  missing(425, "io_uring_setup", "process"),
  missing(426, "io_uring_enter", "process"),
  missing(427, "io_uring_register", "process"),
  call(434, "pidfd_open", "process", "int uint", {
    partial: "PIDFD_THREAD answers EINVAL",
  }),
  call(435, "clone3", "process", "address size", {
    partial: "namespaces, CLONE_INTO_CGROUP and set_tid answer EINVAL",
  }),
  call(436, "close_range", "process", "uint uint flags"),
  call(437, "openat2", "process", "fd path bufferIn size", {
    partial: "RESOLVE_CACHED answers EAGAIN",
  }),
  call(438, "pidfd_getfd", "process", "int int uint"),
  call(439, "faccessat2", "files", "fd path mode flags"),
  call(441, "epoll_pwait2", "process", "fd room16 int structIn16 structIn8 size"),
  missing(449, "futex_waitv", "process"),
  call(452, "fchmodat2", "process", "fd path mode flags"),
];

const byNumber = new Map(systemCalls.map((call) => [call.number, call]));

/** The call of a number, if the table has it. */
export function systemCall(number: number): SystemCall | undefined {
  return byNumber.get(number);
}

/** The number of a name. @throws Error for a name that is not in the table */
export function callNumber(name: string): number {
  const call = systemCalls.find((each) => each.name === name);
  if (call === undefined) throw new Error(`There is no system call "${name}"`);
  return call.number;
}
