// What the primary's kernel asks of a socket server (the interface `sockets`, which crosses rings). A socket
// is a handle of the server. Nothing but EVENTS waits there: what would wait is EAGAIN, and the caller waits
// for readiness at home, where a signal can end it.
//
// Readiness: the server keeps the level of each socket. Answers to calls that transfer data, and events, carry
// it as it is at that moment; EVENTS answers with the handles whose level gained a bit since the client was
// last told, where an answer has told of the bit alone that its call is about: those who wait for others hear
// of them by an event. The client keeps the levels, so that poll and epoll ask nobody.
//
// Data ahead: the event that tells of a stream carries what has come, where that is little and the client has
// read all that it got before, so that a request needs not be asked for. Calls on a stream tell how many bytes
// of it have arrived at the client, and how many of those its program has not read.
//
// Connections ahead: the event that tells of a socket that listens carries connections, accepted before the program
// asks, as many as its backlog lets. One that the client has named in a call makes room for another.

/** Calls have the riscv64 numbers of those they stand for. Arguments after the handle; payload as said. */
export const SocketCall = {
  /** family, type, protocol -> handle */
  SOCKET: 198,
  /** handle; in: sockaddr */
  BIND: 200,
  /** handle, backlog */
  LISTEN: 201,
  /** handle -> handle of the connection; out: what is at {@link AcceptedAt} */
  ACCEPT: 202,
  /** handle; in: sockaddr -> 0 (datagrams), or EINPROGRESS and readiness later (streams) */
  CONNECT: 203,
  /** handle; out: length word, sockaddr */
  GETSOCKNAME: 204,
  /** handle; out: length word, sockaddr */
  GETPEERNAME: 205,
  /**
   * handle, flags, bytes of the sockaddr at the start of the payload, arrived, unread, bytes of control messages; in:
   * sockaddr, control messages, data
   * -> level * 2^32 + bytes taken
   */
  SENDTO: 206,
  /**
   * handle, flags, arrived, unread, bytes for control messages at the end of the payload; out:
   * {@link RECEIVE_HEADER_BYTES} of header, data, control messages
   * -> level * 2^32 + bytes written with the header; EAGAIN also where data is on its way with an event
   */
  RECVFROM: 207,
  /** handle, level, name; in: value */
  SETSOCKOPT: 208,
  /** handle, level, name; out: value -> bytes */
  GETSOCKOPT: 209,
  /** handle, how */
  SHUTDOWN: 210,
  /**
   * handle, whether the caller waits, arrived, unread -> 0, or the seconds that SO_LINGER has it wait until the peer has
   * everything: then the level is HUP, and the socket is closed once more
   */
  CLOSE: 57,
  /** handle, or -1 for a request about interfaces; request; in and out: its structure */
  IOCTL: 29,
  /**
   * handle of a connection that the server before had, arrived, unread -> level; out: bytes sent, as far as
   * they were taken, as a 64-bit floating-point number
   */
  CLAIM: 0x3002,
  /** the client has asked for all connections that the server before had and that it knows of */
  CLAIMED: 0x3003,
  /**
   * waits; out: for each event handle, level and bytes of data (words), and the data, up to a whole word -> bytes; with
   * {@link ACCEPTED} in the level they are connections ({@link AcceptedAhead})
   */
  EVENTS: 0x3000,
  /** which text (an index of {@link NetworkTexts}), offset; out: text -> bytes */
  PROC: 0x3001,
} as const;

/** Status of a call whose server died before it answered, and has been replaced; no error number. */
export const SERVER_LOST = -65536;

/**
 * Words before received data: flags (MSG_TRUNC, MSG_CTRUNC), bytes of the sockaddr and of control messages (16 bits
 * each), full length; then room for a sockaddr.
 */
export const RECEIVE_HEADER_BYTES = 12 + 28;

/** Room for control messages that a datagram may bring, at most. */
export const MOST_CONTROL_BYTES = 256;

/** A bit of levels beside those of poll(2): the peer sends no more of the stream, and the client has got all of it. */
export const ENDED = 0x4000;

/**
 * Where an answer to ACCEPT has the level of the connection, of which IN is news all the same; both its addresses, each
 * behind a length word; and the level of the socket that it was accepted from.
 */
export const AcceptedAt = { level: 0, peer: 4, local: 36, listener: 68, bytes: 72 } as const;

/** A bit of levels in events, which no socket has: what goes with it are connections. */
export const ACCEPTED = 0x8000;
/** Where a connection that was accepted ahead has its handle, and what ACCEPT would answer. */
export const AcceptedAhead = { handle: 0, answer: 4, bytes: 4 + AcceptedAt.bytes } as const;
/** Connections of a socket that were accepted ahead and that the client has not named, at most. */
export const MOST_ACCEPTED_AHEAD = 16;

/** Words before the data of an event. */
export const EVENT_HEAD_BYTES = 12;
/** Data that goes with an event, at most: a request fits, and what is more is cheaper to fetch. */
export const MOST_AHEAD_BYTES = 8192;

/** Bytes of an event with so much data. */
export function eventBytes(data: number): number {
  return EVENT_HEAD_BYTES + (data + 3 & ~3);
}

/** Added to the handle of a socket, its inode number: none that its client gives to other things. */
export const FIRST_SOCKET_INODE = 0x8000_0000;

/** Files of /proc/net that the network's server keeps. */
export const ProcNet = [
  "dev",
  "tcp",
  "tcp6",
  "udp",
  "udp6",
  "route",
  "if_inet6",
  "snmp",
  "sockstat",
  "sockstat6",
  "arp",
  "pnp",
] as const;

/** Texts that the server tells, by index: those files, and all of an interface in a line. */
export const NetworkTexts = [...ProcNet, "interfaces"] as const;

/** Fields of such a line, as /sys/class/net has them. */
export const InterfaceField = [
  "name",
  "ifindex",
  "type",
  "flags",
  "address",
  "broadcast",
  "mtu",
  "tx_queue_len",
  "rx_bytes",
  "rx_packets",
  "rx_dropped",
  "tx_bytes",
  "tx_packets",
] as const;

/** The level and the count of an answer that carries both. */
export function splitLevel(status: number): { level: number; count: number } {
  const level = Math.floor(status / 2 ** 32);
  return { level, count: status - level * 2 ** 32 };
}
