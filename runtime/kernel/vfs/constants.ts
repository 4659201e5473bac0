// Constants of Linux riscv64 (asm-generic) for files: open flags, seek, locks, readiness.

/** Flags of `open`. */
export const O = {
  ACCMODE: 3,
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DSYNC: 0o10000,
  DIRECT: 0o40000,
  LARGEFILE: 0o100000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
  NOATIME: 0o1000000,
  CLOEXEC: 0o2000000,
  SYNC: 0o4010000,
  PATH: 0o10000000,
  TMPFILE: 0o20200000,
} as const;

/** Where an offset of `seek` counts from. */
export const SEEK = { SET: 0, CUR: 1, END: 2, DATA: 3, HOLE: 4 } as const;

/** Flags of the calls that take a directory and a path; `FDCWD` is the working directory. */
export const AT = {
  FDCWD: -100,
  SYMLINK_NOFOLLOW: 0x100,
  REMOVEDIR: 0x200,
  EACCESS: 0x200,
  SYMLINK_FOLLOW: 0x400,
  EMPTY_PATH: 0x1000,
} as const;

/** Commands of `fcntl`, and the types of its locks. */
export const F = {
  DUPFD: 0,
  GETFD: 1,
  SETFD: 2,
  GETFL: 3,
  SETFL: 4,
  GETLK: 5,
  SETLK: 6,
  SETLKW: 7,
  SETOWN: 8,
  GETOWN: 9,
  SETSIG: 10,
  GETSIG: 11,
  SETOWN_EX: 15,
  GETOWN_EX: 16,
  OFD_GETLK: 36,
  OFD_SETLK: 37,
  OFD_SETLKW: 38,
  DUPFD_CLOEXEC: 1030,
  SETPIPE_SZ: 1031,
  GETPIPE_SZ: 1032,
  ADD_SEALS: 1033,
  GET_SEALS: 1034,
  RDLCK: 0,
  WRLCK: 1,
  UNLCK: 2,
} as const;

/** Seals of a file (fcntl(2)). */
export const SEAL = { SEAL: 1, SHRINK: 2, GROW: 4, WRITE: 8, FUTURE_WRITE: 16, EXEC: 32 } as const;

/** Operations of `flock`. */
export const LOCK = { SH: 1, EX: 2, NB: 4, UN: 8 } as const;

/** What `poll` waits for and reports. */
export const POLL = { IN: 1, PRI: 2, OUT: 4, ERR: 8, HUP: 16, NVAL: 32, RDHUP: 0x2000 } as const;

export const UTIME_NOW = 0x3fff_ffff;
export const UTIME_OMIT = 0x3fff_fffe;

/** Flags of files (FS_IOC_GETFLAGS(2const)), with the bits that ext4 has on disk. */
export const FL = {
  SECRM: 0x1,
  UNRM: 0x2,
  COMPR: 0x4,
  SYNC: 0x8,
  IMMUTABLE: 0x10,
  APPEND: 0x20,
  NODUMP: 0x40,
  NOATIME: 0x80,
  NOTAIL: 0x8000,
  DIRSYNC: 0x1_0000,
  TOPDIR: 0x2_0000,
} as const;

export const RENAME = { NOREPLACE: 1, EXCHANGE: 2 } as const;

export const FALLOC = { KEEP_SIZE: 1, PUNCH_HOLE: 2, ZERO_RANGE: 16 } as const;

/** Flags of `setxattr`. */
export const XATTR = { CREATE: 1, REPLACE: 2 } as const;

/** `R_OK` and so on: also the masks of permission checks. */
export const ACCESS = { EXECUTE: 1, WRITE: 2, READ: 4 } as const;

export const DT = { FIFO: 1, CHR: 2, DIR: 4, BLK: 6, REG: 8, LNK: 10, SOCK: 12 } as const;
