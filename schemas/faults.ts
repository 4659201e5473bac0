// What can go wrong where, and what the requests of each interface and device are called where faults name
// them. Calls of Linux carry their riscv64 numbers; the rest are numbers of the interface, which a test
// compares.

/** What can go wrong, where: in a domain's kernel code, or in a device of a model. */
export const faultPlaces = {
  crash: "domain",
  hang: "domain",
  exhaust: "domain",
  slow: "domain",
  "corrupt-ring": "domain",
  "wild-dma": "domain",
  "disk-error": "virtio-blk",
  "disk-full": "virtio-blk",
  "packet-loss": "virtio-net",
} as const;

/** Requests by name, for each interface that can cross a ring. */
export const ringRequests: Record<string, Record<string, number>> = {
  files: {
    fsetxattr: 7,
    fgetxattr: 10,
    flistxattr: 13,
    fremovexattr: 16,
    fcntl: 25,
    flock: 32,
    mknodat: 33,
    mkdirat: 34,
    unlinkat: 35,
    symlinkat: 36,
    linkat: 37,
    fstatfs: 44,
    ftruncate: 46,
    fallocate: 47,
    fchmod: 52,
    fchown: 55,
    close: 57,
    getdents64: 61,
    lseek: 62,
    pread64: 67,
    pwrite64: 68,
    ppoll: 73,
    readlinkat: 78,
    sync: 81,
    fsync: 82,
    fdatasync: 83,
    utimensat: 88,
    readahead: 213,
    renameat2: 276,
    statx: 291,
    faccessat2: 439,
    walk: 1026,
    create: 1027,
    open: 1028,
  },
  sockets: {
    ioctl: 29,
    close: 57,
    socket: 198,
    bind: 200,
    listen: 201,
    accept: 202,
    connect: 203,
    getsockname: 204,
    getpeername: 205,
    sendto: 206,
    recvfrom: 207,
    setsockopt: 208,
    getsockopt: 209,
    shutdown: 210,
  },
  disk: {
    "disk-read": 2049,
    "disk-write": 2050,
    "disk-flush": 2051,
    "disk-discard": 2052,
  },
  // Those of a turn are one request, and so is a wait for some.
  frames: { "frames-sent": 2065, "frames-awaited": 2066 },
};

/** Requests by name, for each device model in which faults can be brought about. */
export const deviceRequests: Record<string, Record<string, number>> = {
  "virtio-blk": { "disk-read": 0, "disk-write": 1, "disk-flush": 4, "disk-discard": 11 },
  "virtio-net": { "frame-sent": 0, "frame-received": 1 },
};

/** Which requests carry out what programs ask for by other names. */
export const requestsOfCalls: Record<string, string> = {
  read: "pread64",
  readv: "pread64",
  write: "pwrite64",
  writev: "pwrite64",
  openat: "walk, create or open",
  fstat: "statx",
  newfstatat: "statx",
  accept4: "accept",
  send: "sendto",
  recv: "recvfrom",
  sendmsg: "sendto",
  recvmsg: "recvfrom",
};
