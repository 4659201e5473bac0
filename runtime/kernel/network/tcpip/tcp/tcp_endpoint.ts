// Endpoints of TCP as programs see them (tcp(7)): unconnected, listening, or with a connection.
import { E, fail } from "../../../errno.ts";
import { IP, IPPROTO, IPV6, MSG, SHUT, SOCK, SOL, TCP } from "../../constants.ts";
import type { InternetAddress, Received, StreamEndpoint } from "../../endpoint.ts";
import { EndpointBase, Ready } from "../endpoint_base.ts";
import { isLinkLocal, isMulticast } from "../ip/ip_address.ts";
import { intBytes } from "../socket_options.ts";
import type { Stack } from "../stack.ts";
import { choosePort, isFree } from "./connect_ports.ts";
import { Connection, type Owner } from "./connection.ts";
import { Listener } from "./listener.ts";
import { applyOption } from "./option_effects.ts";
import { State } from "./state.ts";
import { streamReadiness } from "./stream_readiness.ts";
import { tcpInfo } from "./tcp_info.ts";
import { getTcpOption, setTcpOption, TcpOptions } from "./tcp_options.ts";

export class TcpEndpoint extends EndpointBase implements StreamEndpoint, Owner {
  tcpOptions = new TcpOptions();
  listener: Listener | undefined;
  #connection: Connection | undefined;
  /** the connection was there: another connect is refused */
  #connected = false;
  #readShut = false;
  #closed = false;
  #handle = 0;
  #claimed: (() => void) | undefined;

  constructor(stack: Stack, family: number) {
    super(stack, family, SOCK.STREAM, IPPROTO.TCP);
  }

  /**
   * An endpoint for a connection of an instance before.
   * @param claimed called when somebody asks for it
   */
  static restored(
    stack: Stack,
    family: number,
    connection: Connection,
    claimed: () => void,
  ): TcpEndpoint {
    const endpoint = new TcpEndpoint(stack, family);
    endpoint.#adopt(connection);
    endpoint.#claimed = claimed;
    return endpoint;
  }

  keep(handle: number, tentative = false): void {
    this.#handle = handle;
    if (this.#connection === undefined) return;
    Object.assign(this.#connection, { handle, tentative });
    this.#connection.save();
  }

  confirm(bytes: number): void {
    this.#connection?.confirm(bytes);
  }

  claim(received: number): number {
    const connection = this.#connection!;
    this.#claimed?.();
    this.#claimed = undefined;
    connection.readBefore(1 + received);
    if (connection.state !== State.CLOSED) this.stack.tcp.ports.add(connection);
    return connection.queued - 1;
  }

  get connecting(): boolean {
    const state = this.#connection?.state;
    return state === State.SYN_SENT || state === State.SYN_RECEIVED;
  }

  get lingerSeconds(): number {
    const { linger } = this.options, state = this.#connection?.state;
    const unfinished = state === State.FIN_WAIT_1 || state === State.CLOSING ||
      state === State.LAST_ACK;
    return this.#closed && unfinished ? Math.max(0, linger) : 0;
  }

  get readiness(): number {
    if (this.#closed) return this.lingerSeconds > 0 ? 0 : Ready.HUP;
    if (this.listener !== undefined) return this.listener.ready.length > 0 ? Ready.IN : 0;
    if (this.connecting) return 0;
    return streamReadiness(this.#connection, this.error, this.#readShut);
  }

  protected override get localIp(): Uint8Array | undefined {
    return this.#connection?.path.source ?? this.boundIp;
  }

  get peer(): InternetAddress | undefined {
    const connection = this.#connection;
    if (connection === undefined || connection.state === State.CLOSED) return undefined;
    const { path: { via, destination }, remotePort } = connection;
    return this.tell(destination, remotePort, isLinkLocal(destination) ? via.index : 0);
  }

  get queuedIn(): number {
    if (this.listener !== undefined) fail(E.EINVAL);
    return this.#connection?.readable ?? 0;
  }

  get queuedOut(): number {
    if (this.listener !== undefined) fail(E.EINVAL);
    return this.#connection?.unsent ?? 0;
  }

  /** Bytes of a connection that were not told yet, and why it ended. */
  happened(connection: Connection): void {
    if (connection.error !== 0) {
      this.error = connection.error;
      connection.error = 0;
    }
    if (connection.established) this.#connected = true;
    this.changed();
  }

  bind(address: InternetAddress): void {
    if (this.#connection !== undefined) fail(E.EINVAL);
    this.checkBind(address);
    try {
      if (address.port === 0 && this.options.latePort) return;
      this.stack.tcp.ports.take(this, address.port);
    } catch (failure) {
      this.boundIp = undefined;
      throw failure;
    }
  }

  listen(backlog: number): void {
    if (this.#connection !== undefined) fail(E.EINVAL);
    const { tcp, tcp: { ports } } = this.stack;
    if (this.listener === undefined) {
      if (this.port === 0) ports.take(this, 0);
      this.listening = true;
      if (ports.conflicts(this)) {
        this.listening = false;
        fail(E.EADDRINUSE);
      }
      const { six, options, tcpOptions } = this;
      this.listener = new Listener(tcp, six, options, tcpOptions, () => this.changed());
      tcp.startListening(this);
      for (const connection of tcp.restored?.takeUnaccepted(this) ?? []) {
        this.listener.take(connection);
      }
    }
    this.listener.backlog = backlog;
    tcp.restored?.resumeHalfOpen(this);
  }

  get acceptable(): number {
    return this.listener?.ready.length ?? 0;
  }

  accept(): TcpEndpoint {
    const { listener } = this;
    if (listener === undefined) fail(E.EINVAL);
    const connection = listener.ready.shift() ?? fail(E.EAGAIN);
    const accepted = new TcpEndpoint(this.stack, this.family);
    accepted.#adopt(connection);
    return accepted;
  }

  #adopt(connection: Connection): void {
    this.options = connection.options;
    this.tcpOptions = connection.tcpOptions;
    this.port = connection.localPort;
    this.boundIp = connection.path.source;
    this.#connection = connection;
    this.#connected = true;
    this.error = connection.error;
    connection.error = 0;
    connection.owner = this;
  }

  connect(address: InternetAddress | undefined): void {
    if (address === undefined) return this.#disconnect();
    if (this.listener !== undefined) fail(E.EISCONN);
    if (this.connecting) fail(E.EALREADY);
    if (this.#connected) fail(E.EISCONN);
    // What became of the last try is told first; the port that it chose was for that try alone.
    this.throwError();
    if (this.chosen) this.port = 0;
    const path = this.pathTo(address);
    const { routes } = this.stack;
    if (isMulticast(path.destination) || routes.isBroadcast(path.destination)) fail(E.ENETUNREACH);
    const { port, six, options, tcpOptions, stack: { tcp } } = this;
    const local = port !== 0 ? port : choosePort(this.stack, path, address.port);
    if (port !== 0 && !isFree(this.stack, path, port, address.port)) fail(E.EADDRNOTAVAIL);
    const chosen = port === 0;
    this.port = local;
    const connection = new Connection(
      tcp,
      path,
      local,
      address.port,
      six,
      options,
      tcpOptions,
      chosen,
    );
    connection.handle = this.#handle;
    connection.resize();
    connection.owner = this;
    this.#connection = connection;
    this.chosen = chosen;
    tcp.remember(connection);
    connection.open();
  }

  /** Back to where it began (AF_UNSPEC). */
  #disconnect(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#connected = this.#readShut = false;
    if (connection !== undefined) {
      connection.owner = undefined;
      connection.abort();
    }
    if (this.chosen) this.port = 0;
    this.chosen = false;
    this.error = 0;
  }

  send(data: Uint8Array, flags: number): number {
    this.throwError();
    const connection = this.#connection ?? fail(E.EPIPE);
    if (this.connecting) fail(E.EAGAIN);
    connection.checkSend();
    if (data.length === 0) return 0;
    return connection.send(data, flags) || fail(E.EAGAIN);
  }

  receive(into: Uint8Array, flags: number): Received {
    if (this.listener !== undefined) fail(E.ENOTCONN);
    // Urgent data stays in the stream, as SO_OOBINLINE has it.
    if ((flags & MSG.OOB) !== 0) fail(E.EINVAL);
    const connection = this.#connection;
    if (connection === undefined) {
      this.throwError();
      fail(E.ENOTCONN);
    }
    if (this.connecting) fail(E.EAGAIN);
    const count = connection.receive(into, (flags & MSG.PEEK) === 0);
    if (count === 0 && into.length > 0) {
      this.throwError();
      if (!connection.ended && !this.#readShut) fail(E.EAGAIN);
    }
    return { count, flags: 0 };
  }

  shutdown(how: number): void {
    if (how < SHUT.RD || how > SHUT.RDWR) fail(E.EINVAL);
    if (this.listener !== undefined) {
      if (how !== SHUT.WR) this.#stopListening();
      return this.changed();
    }
    const connection = this.#connection ?? fail(E.ENOTCONN);
    if (connection.state === State.CLOSED) fail(E.ENOTCONN);
    if (how !== SHUT.WR) this.#readShut = true;
    if (how !== SHUT.RD) {
      if (connection.state === State.SYN_SENT) connection.end(0);
      else connection.finish();
    }
    this.changed();
  }

  #stopListening(): void {
    if (this.listener === undefined) return;
    this.stack.tcp.stopListening(this);
    this.listener.close();
    this.listener = undefined;
    this.listening = false;
  }

  override setOption(level: number, name: number, value: Uint8Array): void {
    if (level !== SOL.TCP) super.setOption(level, name, value);
    else setTcpOption(this.tcpOptions, name, value);
    const connection = this.#connection;
    if (connection === undefined || connection.state === State.CLOSED) return;
    applyOption(connection, level, name);
  }

  override getOption(level: number, name: number): Uint8Array {
    const connection = this.#connection;
    if (level === SOL.TCP) {
      if (name === TCP.INFO) return this.#info();
      if (name === TCP.MAXSEG && connection !== undefined) return intBytes(connection.mss);
      return getTcpOption(this.tcpOptions, name);
    }
    const asksMtu = level === SOL.IP && name === IP.MTU ||
      level === SOL.IPV6 && name === IPV6.MTU;
    if (asksMtu) return intBytes(connection?.path.mtu ?? fail(E.ENOTCONN));
    return super.getOption(level, name);
  }

  #info(): Uint8Array {
    if (this.#connection !== undefined) return tcpInfo(this.#connection);
    const bytes = new Uint8Array(104);
    bytes[0] = this.listening ? State.LISTEN : State.CLOSED;
    return bytes;
  }

  close(unread = false): void {
    if (this.#closed) return;
    this.#closed = true;
    this.leaveGroups();
    this.#stopListening();
    this.stack.tcp.ports.remove(this);
    const connection = this.#connection;
    if (connection === undefined) return;
    connection.release(unread);
    if (this.lingerSeconds > 0) connection.lingering = () => this.changed();
  }
}
