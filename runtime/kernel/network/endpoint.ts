// The interface `transport`: ends of communication as TCP/IP provides them to the socket layer. Nothing
// here waits: what cannot be done now is EAGAIN, and `changed` says when to look again.

/** An address of the Internet families. */
export interface InternetAddress {
  /** 4 bytes (IPv4) or 16 (IPv6), in network order */
  ip: Uint8Array;
  port: number;
  /** interface of a link-local IPv6 address; 0: any */
  scope: number;
}

/** What one receive call got. */
export interface Received {
  /** bytes written, or with MSG_TRUNC the full length of the datagram */
  count: number;
  /** sender of a datagram */
  from?: InternetAddress;
  /** MSG_TRUNC where a datagram did not fit, MSG_CTRUNC where its control messages did not */
  flags: number;
  /** control messages of a datagram, as far as the program asked for any */
  control?: Uint8Array;
}

/** One socket of TCP, UDP or ICMP, without its descriptor. Calls throw an Errno. */
export interface Endpoint {
  /** what is so now: POLL bits (IN, OUT, ERR, HUP, RDHUP) */
  readonly readiness: number;
  /** Set by the owner; called whenever `readiness` may have changed. */
  changed: () => void;
  /** Set by the owner: the number by which programs know the socket; 0 where nobody has it. */
  inode: number;
  readonly local: InternetAddress;
  readonly peer: InternetAddress | undefined;
  /** @throws Errno EADDRINUSE, EADDRNOTAVAIL, EINVAL where it is bound already */
  bind(address: InternetAddress): void;
  /**
   * Starts to connect; TCP is connected when OUT is ready and `takeError` is 0. Without an address (AF_UNSPEC)
   * a datagram endpoint is disconnected.
   * @throws Errno EISCONN, EALREADY, ENETUNREACH, EADDRNOTAVAIL
   */
  connect(address: InternetAddress | undefined): void;
  /** whether a connect is under way */
  readonly connecting: boolean;
  /**
   * @param flags MSG bits: MORE, and OOB @param control messages (cmsg(3)) that go with a datagram
   * @returns bytes taken, at least 1 where there were any @throws Errno EAGAIN, EPIPE, ECONNRESET, EMSGSIZE …
   */
  send(data: Uint8Array, flags: number, to?: InternetAddress, control?: Uint8Array): number;
  /** @param flags MSG bits: PEEK, TRUNC, OOB @param controlRoom bytes for control messages @returns count 0 at the end of a stream @throws Errno EAGAIN … */
  receive(into: Uint8Array, flags: number, controlRoom?: number): Received;
  /** @param how SHUT_RD, SHUT_WR, SHUT_RDWR @throws Errno ENOTCONN */
  shutdown(how: number): void;
  /** The pending error number, which is then forgotten; 0 where there is none. */
  takeError(): number;
  /** @throws Errno ENOPROTOOPT, EINVAL */
  setOption(level: number, name: number, value: Uint8Array): void;
  /** @throws Errno ENOPROTOOPT */
  getOption(level: number, name: number): Uint8Array;
  /** Bytes that FIONREAD (SIOCINQ) and SIOCOUTQ tell. */
  readonly queuedIn: number;
  readonly queuedOut: number;
  /** The descriptor is gone: sends what is left by itself (or resets, as SO_LINGER says). */
  close(): void;
}

/** An endpoint of TCP. */
export interface StreamEndpoint extends Endpoint {
  /** @throws Errno EADDRINUSE, EINVAL */
  listen(backlog: number): void;
  /** connections that wait to be accepted */
  readonly acceptable: number;
  /** The next established connection. @throws Errno EAGAIN, EINVAL where it does not listen */
  accept(): StreamEndpoint;
  /** As of any endpoint. @param unread whether its owner has data of it that nobody has read: the peer is to know */
  close(unread?: boolean): void;
  /**
   * The handle by which its owner is to find it again, should this instance of the domain die.
   * @param tentative whether the owner may never hear of that handle: of a connection that it asked to accept
   */
  keep(handle: number, tentative?: boolean): void;
  /** The owner has got that many bytes, of those that `receive` gave since it was connected. */
  confirm(bytes: number): void;
  /**
   * The owner of a connection that the instance before had is there again.
   * @param received bytes that it has got @returns bytes that it has sent, as far as they were taken
   */
  claim(received: number): number;
  /**
   * After `close`: seconds that SO_LINGER has the program wait, 0 once the peer has everything; `readiness`
   * is then HUP.
   */
  readonly lingerSeconds: number;
}

/** An interface of the machine, for netlink, SIOCGIF… and /proc/net. */
export interface InterfaceInfo {
  /** counts from 1; loopback is 1 */
  index: number;
  name: string;
  loopback: boolean;
  mac: Uint8Array;
  mtu: number;
  addresses: { ip: Uint8Array; prefix: number }[];
  /** whose addresses on the link are known, or asked for */
  neighbours: NeighbourInfo[];
  /** since start */
  counters: {
    receivedFrames: number;
    receivedBytes: number;
    receivedDropped: number;
    sentFrames: number;
    sentBytes: number;
  };
}

export interface NeighbourInfo {
  ip: Uint8Array;
  /** undefined while it is asked for */
  mac: Uint8Array | undefined;
  /** it was not heard of for long */
  stale: boolean;
}

export interface RouteInfo {
  /** 4 or 16 bytes */
  destination: Uint8Array;
  prefix: number;
  gateway: Uint8Array | undefined;
  /** of the interface */
  index: number;
}

/** A socket as /proc/net/tcp and ss(8) show it. */
export interface SocketInfo {
  protocol: "tcp" | "tcp6" | "udp" | "udp6";
  local: InternetAddress;
  peer: InternetAddress;
  /** as in /proc/net/tcp: 1 established … 10 listening */
  state: number;
  queuedIn: number;
  queuedOut: number;
  /** 0: of a connection that nobody has, or has accepted */
  inode: number;
}

export interface Transport {
  /**
   * @param family AF_INET or AF_INET6 @param type SOCK_STREAM, SOCK_DGRAM, SOCK_RAW
   * @throws Errno EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT
   */
  open(family: number, type: number, protocol: number): Endpoint;
  interfaces(): InterfaceInfo[];
  routes(): RouteInfo[];
  /** addresses of name servers, as text */
  readonly nameServers: readonly string[];
  sockets(): SocketInfo[];
  /** connections of the instance before, by handle: they wait to be claimed */
  restored(): Map<number, StreamEndpoint>;
  /**
   * All owners are there again, and have asked for what they know of. A connection that was accepted, and nobody
   * heard of that, is to be accepted once more. @returns handles of those: they mean nothing any more
   */
  claimed(): number[];
}
