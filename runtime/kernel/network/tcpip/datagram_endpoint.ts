// An endpoint of whole messages, UDP or ICMP: a bounded queue of what came, sending, and errors of either
// direction. The protocols add their headers and how packets find the endpoint.
import { E, fail } from "../../errno.ts";
import { IP, IPV6, MSG, SHUT, SOL } from "../constants.ts";
import type { Endpoint, InternetAddress, Received } from "../endpoint.ts";
import { EndpointBase, Ready } from "./endpoint_base.ts";
import {
  ancillaryOf,
  type Arrival,
  arrivalOf,
  type Departure,
  readDeparture,
  wantsAncillary,
} from "./ancillary.ts";
import { ErrorQueue, Origin } from "./error_queue.ts";
import type { PacketError } from "./ip/icmp_error.ts";
import { isMulticast } from "./ip/ip_address.ts";
import type { Outgoing } from "./ip/outgoing.ts";
import type { Path } from "./ip/path.ts";
import type { Blocked, Packet } from "./link/link.ts";
import { intBytes } from "./socket_options.ts";

/** What a queued message costs beside its bytes: many empty ones must not fill the memory. */
const MESSAGE_COST_BYTES = 256;

const nothing = new Uint8Array(0);

interface Message {
  bytes: Uint8Array;
  from: InternetAddress;
  /** how it came, where the program wants to know */
  arrival: Arrival | undefined;
}

export abstract class DatagramEndpoint extends EndpointBase implements Endpoint, Blocked {
  readonly connecting = false;
  peerIp: Uint8Array | undefined;
  peerPort = 0;
  /** messages that found the queue full */
  dropped = 0;
  #queue: Message[] = [];
  readonly #errors = new ErrorQueue();
  #first = 0;
  #cost = 0;
  #path: Path | undefined;
  #blocked = false;
  #shut = 0;
  /** what the program says of the message that is being sent */
  #departure: Departure | undefined;
  #closed = false;

  /** Sends a message over a path. @throws Errno EMSGSIZE @returns whether there was room */
  protected abstract transmit(path: Path, port: number, data: Uint8Array): boolean;
  /** Takes a port, or what the protocol has instead, where there is none yet. */
  protected abstract ensurePort(): void;
  protected abstract takePort(port: number): void;
  protected abstract releasePort(): void;

  get readiness(): number {
    let ready = 0;
    if (this.queued > 0) ready |= Ready.IN;
    if (!this.#blocked) ready |= Ready.OUT;
    if (this.error !== 0 || this.#errors.length > 0) ready |= Ready.ERR;
    if ((this.#shut & 1) !== 0) ready |= Ready.IN | Ready.RDHUP;
    if (this.#shut === 3) ready |= Ready.HUP;
    return ready;
  }

  protected get queued(): number {
    return this.#queue.length - this.#first;
  }

  get queuedIn(): number {
    return this.queued === 0 ? 0 : this.#queue[this.#first].bytes.length;
  }

  /** Bytes of all messages, as /proc/net/udp tells. */
  get queuedCost(): number {
    return this.#cost;
  }

  get queuedOut(): number {
    return 0;
  }

  protected override get localIp(): Uint8Array | undefined {
    return this.boundIp ?? this.#path?.source;
  }

  get peer(): InternetAddress | undefined {
    return this.peerIp && this.tell(this.peerIp, this.peerPort);
  }

  bind(address: InternetAddress): void {
    this.checkBind(address);
    try {
      this.takePort(address.port);
    } catch (failure) {
      this.boundIp = undefined;
      throw failure;
    }
  }

  connect(address: InternetAddress | undefined): void {
    if (address === undefined) {
      this.peerIp = this.#path = undefined;
      this.peerPort = 0;
      return;
    }
    const path = this.pathTo(address);
    if (this.stack.routes.isBroadcast(path.destination) && !this.options.broadcast) fail(E.EACCES);
    this.ensurePort();
    this.#path = path;
    this.peerIp = path.destination;
    this.peerPort = address.port;
  }

  send(data: Uint8Array, _flags: number, to?: InternetAddress, control = nothing): number {
    this.throwError();
    if ((this.#shut & 2) !== 0) fail(E.EPIPE);
    const departure = control.length === 0 ? undefined : readDeparture(control, this.six);
    this.#departure = departure;
    const path = departure?.source !== undefined || (departure?.index ?? 0) !== 0
      ? this.#pathFrom(departure!, to ?? this.peer ?? fail(E.EDESTADDRREQ))
      : to === undefined
      ? this.#path ?? fail(E.EDESTADDRREQ)
      : this.pathTo(to);
    if (this.stack.routes.isBroadcast(path.destination) && !this.options.broadcast) fail(E.EACCES);
    this.ensurePort();
    if (this.transmit(path, to === undefined ? this.peerPort : to.port, data)) return data.length;
    this.#blocked = true;
    path.via.waitForRoom(this);
    fail(E.EAGAIN);
  }

  /** @throws Errno ENODEV; ENETUNREACH, also for a source that is not this machine's */
  #pathFrom({ source, index }: Departure, to: InternetAddress): Path {
    const { routes, links } = this.stack;
    if (source !== undefined && !routes.isLocal(source)) fail(E.ENETUNREACH);
    if (index !== 0 && !links.some((link) => link.index === index)) fail(E.ENODEV);
    const scope = index === 0 ? to.scope : index;
    return this.pathTo({ ...to, scope }, source);
  }

  unblocked(): void {
    this.#blocked = false;
    this.changed();
  }

  /** Gives a packet the options of this endpoint. */
  protected dress(outgoing: Outgoing, path: Path): void {
    const { options } = this;
    const four = path.version === 4;
    const ownClass = four ? options.trafficClass4 : options.trafficClass6;
    const ownLimit = isMulticast(path.destination)
      ? options.multicastHops
      : four
      ? options.hopLimit4
      : options.hopLimit6;
    outgoing.trafficClass = this.#departure?.trafficClass ?? ownClass;
    outgoing.hopLimit = this.#departure?.hopLimit ?? ownLimit;
    // IP_PMTUDISC_DO and _PROBE: whoever sets them wants EMSGSIZE instead of fragments.
    outgoing.dontFragment = options.discoverMtu === 2 || options.discoverMtu === 3;
  }

  receive(into: Uint8Array, flags: number, controlRoom = 0): Received {
    if ((flags & MSG.ERRQUEUE) !== 0) return this.#receiveError(into, controlRoom);
    this.throwError();
    if (this.queued === 0) {
      if ((this.#shut & 1) !== 0) return { count: 0, flags: 0 };
      fail(E.EAGAIN);
    }
    const { bytes, from, arrival } = this.#queue[this.#first];
    const count = Math.min(into.length, bytes.length);
    into.set(count === bytes.length ? bytes : bytes.subarray(0, count));
    if ((flags & MSG.PEEK) === 0) this.#shift(bytes.length);
    const along = arrival && ancillaryOf(arrival, this.options, this.six, controlRoom);
    return {
      count: (flags & MSG.TRUNC) !== 0 ? bytes.length : count,
      from,
      flags: (count < bytes.length ? MSG.TRUNC : 0) | (along?.truncated ? MSG.CTRUNC : 0),
      control: along?.control,
    };
  }

  #shift(bytes: number): void {
    this.#cost -= bytes + MESSAGE_COST_BYTES;
    this.#first++;
    if (this.#first * 2 < this.#queue.length) return;
    this.#queue.splice(0, this.#first);
    this.#first = 0;
  }

  /** Queues the message of a packet; dropped where the buffer is full. */
  protected enqueue(bytes: Uint8Array, from: InternetAddress, packet: Packet): void {
    const cost = bytes.length + MESSAGE_COST_BYTES;
    if (this.#closed || (this.#shut & 1) !== 0) return;
    if (this.#cost + cost > 2 * this.options.receiveBytes) {
      this.dropped++;
      return;
    }
    const arrival = wantsAncillary(this.options)
      ? arrivalOf(packet, this.stack.realtimeNs())
      : undefined;
    this.#queue.push({ bytes, from, arrival });
    this.#cost += cost;
    this.changed();
  }

  /** The network reports an error for what this endpoint sent. */
  failed(errno: number): void {
    this.error = errno;
    this.changed();
  }

  /** The network reports an error, and the program wants to know all of it. @param headerBytes of the transport */
  reported(error: PacketError, headerBytes: number): void {
    const { errno, type, code, info, report, remote, remotePort, quoted } = error;
    if (error.mtu !== undefined && this.options.discoverMtu === 0) return;
    const four = remote.length === 4;
    this.#errors.push({
      errno,
      origin: four ? Origin.ICMP : Origin.ICMP6,
      type,
      code,
      info,
      offender: this.tell(report?.source() ?? error.local, 0),
      data: quoted.subarray(headerBytes),
      to: this.tell(remote, remotePort),
      arrival: report && arrivalOf(report, this.stack.realtimeNs()),
    });
    this.failed(errno);
  }

  /** A datagram is too large for a way that was not to cut it. @throws Errno EMSGSIZE */
  protected refuse(path: Path, port: number): never {
    if (this.options.receiveErrors) {
      const to = this.tell(path.destination, port), data = nothing;
      const local = { origin: Origin.LOCAL, type: 0, code: 0, offender: undefined };
      const { mtu } = path;
      this.#errors.push({ ...local, errno: E.EMSGSIZE, info: mtu, data, to, arrival: undefined });
      this.changed();
    }
    return fail(E.EMSGSIZE);
  }

  #receiveError(into: Uint8Array, controlRoom: number): Received {
    const received = this.#errors.take(into, this.options, this.six, controlRoom);
    this.error = this.#errors.pending;
    return received;
  }

  /** Forgets the path: what is known of the way has changed. */
  rerouted(): void {
    if (this.peerIp === undefined || this.#path === undefined) return;
    this.#path = this.stack.routes.find(this.peerIp, this.#path.source) ?? this.#path;
  }

  override getOption(level: number, name: number): Uint8Array {
    const asksMtu = level === SOL.IP && name === IP.MTU || level === SOL.IPV6 && name === IPV6.MTU;
    if (asksMtu) return intBytes(this.#path?.mtu ?? fail(E.ENOTCONN));
    return super.getOption(level, name);
  }

  shutdown(how: number): void {
    if (how < SHUT.RD || how > SHUT.RDWR) fail(E.EINVAL);
    if (this.peerIp === undefined) fail(E.ENOTCONN);
    this.#shut |= how + 1;
    this.changed();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.leaveGroups();
    this.releasePort();
    this.#queue = [];
    this.#errors.clear();
    this.#first = this.#cost = 0;
  }
}
