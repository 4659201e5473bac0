// What the third argument of ioctl(2) points to, by request: the requests of terminals, files, disks and interfaces of Linux.

export interface IoctlArgument {
  bytes: number;
  in: boolean;
  out: boolean;
}

const TERMIO_BYTES = 17, TERMIOS_BYTES = 36, TERMIOS2_BYTES = 44, WINSIZE_BYTES = 8;

/** Its argument points to another one: see `interfaceList`. */
export const SIOCGIFCONF = 0x8912;

const table = new Map<number, IoctlArgument>([
  [0x5401, { bytes: TERMIOS_BYTES, in: false, out: true }], // TCGETS
  [0x5402, { bytes: TERMIOS_BYTES, in: true, out: false }], // TCSETS
  [0x5403, { bytes: TERMIOS_BYTES, in: true, out: false }], // TCSETSW
  [0x5404, { bytes: TERMIOS_BYTES, in: true, out: false }], // TCSETSF
  [0x5405, { bytes: TERMIO_BYTES, in: false, out: true }], // TCGETA
  [0x5406, { bytes: TERMIO_BYTES, in: true, out: false }], // TCSETA
  [0x5407, { bytes: TERMIO_BYTES, in: true, out: false }], // TCSETAW
  [0x5408, { bytes: TERMIO_BYTES, in: true, out: false }], // TCSETAF
  [0x5456, { bytes: TERMIOS_BYTES, in: false, out: true }], // TIOCGLCKTRMIOS
  [0x5457, { bytes: TERMIOS_BYTES, in: true, out: false }], // TIOCSLCKTRMIOS
  [0x8004_5440, { bytes: 4, in: false, out: true }], // TIOCGEXCL
  [0x802c_542a, { bytes: TERMIOS2_BYTES, in: false, out: true }], // TCGETS2
  [0x402c_542b, { bytes: TERMIOS2_BYTES, in: true, out: false }], // TCSETS2
  [0x402c_542c, { bytes: TERMIOS2_BYTES, in: true, out: false }], // TCSETSW2
  [0x402c_542d, { bytes: TERMIOS2_BYTES, in: true, out: false }], // TCSETSF2
  [0x540f, { bytes: 4, in: false, out: true }], // TIOCGPGRP
  [0x5410, { bytes: 4, in: true, out: false }], // TIOCSPGRP
  [0x5411, { bytes: 4, in: false, out: true }], // TIOCOUTQ
  [0x5413, { bytes: WINSIZE_BYTES, in: false, out: true }], // TIOCGWINSZ
  [0x5414, { bytes: WINSIZE_BYTES, in: true, out: false }], // TIOCSWINSZ
  [0x541b, { bytes: 4, in: false, out: true }], // FIONREAD
  [0x5412, { bytes: 1, in: true, out: false }], // TIOCSTI
  [0x5420, { bytes: 4, in: true, out: false }], // TIOCPKT
  [0x5424, { bytes: 4, in: false, out: true }], // TIOCGETD
  [0x8004_5430, { bytes: 4, in: false, out: true }], // TIOCGPTN
  [0x4004_5431, { bytes: 4, in: true, out: false }], // TIOCSPTLCK
  [0x8004_5432, { bytes: 4, in: false, out: true }], // TIOCGDEV
  [0x8004_5438, { bytes: 4, in: false, out: true }], // TIOCGPKT
  [0x8004_5439, { bytes: 4, in: false, out: true }], // TIOCGPTLCK
  [0x5421, { bytes: 4, in: true, out: false }], // FIONBIO
  [0x5429, { bytes: 4, in: false, out: true }], // TIOCGSID
  [0x5452, { bytes: 4, in: true, out: false }], // FIOASYNC
  [0x8008_6601, { bytes: 4, in: false, out: true }], // FS_IOC_GETFLAGS
  [0x4008_6602, { bytes: 4, in: true, out: false }], // FS_IOC_SETFLAGS
  [0x8008_7601, { bytes: 4, in: false, out: true }], // FS_IOC_GETVERSION
  [0x801c_581f, { bytes: 28, in: false, out: true }], // FS_IOC_FSGETXATTR
  [0x401c_5820, { bytes: 28, in: true, out: false }], // FS_IOC_FSSETXATTR
  [0x125e, { bytes: 4, in: false, out: true }], // BLKROGET
  [0x1260, { bytes: 8, in: false, out: true }], // BLKGETSIZE
  [0x1263, { bytes: 8, in: false, out: true }], // BLKRAGET
  [0x1268, { bytes: 4, in: false, out: true }], // BLKSSZGET
  [0x1278, { bytes: 4, in: false, out: true }], // BLKIOMIN
  [0x1279, { bytes: 4, in: false, out: true }], // BLKIOOPT
  [0x127a, { bytes: 4, in: false, out: true }], // BLKALIGNOFF
  [0x127b, { bytes: 4, in: false, out: true }], // BLKPBSZGET
  [0x127e, { bytes: 2, in: false, out: true }], // BLKROTATIONAL
  [0x8008_1270, { bytes: 4, in: false, out: true }], // BLKBSZGET
  [0x8008_1272, { bytes: 8, in: false, out: true }], // BLKGETSIZE64
  [0x8008_1280, { bytes: 8, in: false, out: true }], // BLKGETDISKSEQ
  [0x8901, { bytes: 4, in: true, out: false }], // FIOSETOWN
  [0x8902, { bytes: 4, in: true, out: false }], // SIOCSPGRP
  [0x8903, { bytes: 4, in: false, out: true }], // FIOGETOWN
  [0x8904, { bytes: 4, in: false, out: true }], // SIOCGPGRP
  [0x8910, { bytes: 40, in: true, out: true }], // SIOCGIFNAME
  [0x8913, { bytes: 40, in: true, out: true }], // SIOCGIFFLAGS
  [0x8915, { bytes: 40, in: true, out: true }], // SIOCGIFADDR
  [0x8919, { bytes: 40, in: true, out: true }], // SIOCGIFBRDADDR
  [0x891b, { bytes: 40, in: true, out: true }], // SIOCGIFNETMASK
  [0x891d, { bytes: 40, in: true, out: true }], // SIOCGIFMETRIC
  [0x8921, { bytes: 40, in: true, out: true }], // SIOCGIFMTU
  [0x8927, { bytes: 40, in: true, out: true }], // SIOCGIFHWADDR
  [0x8933, { bytes: 40, in: true, out: true }], // SIOCGIFINDEX
  [0x8942, { bytes: 40, in: true, out: true }], // SIOCGIFTXQLEN
]);

/** Undefined where the argument is a number, or the request is not known. */
export function ioctlArgument(request: number): IoctlArgument | undefined {
  return table.get(request);
}
