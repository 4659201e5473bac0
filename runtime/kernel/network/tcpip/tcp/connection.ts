// One connection: what the program asks of it, and how it ends. Its variables are in connection_variables.ts;
// segments are taken in input.ts and acknowledgement.ts, sent in output.ts, repeated in recovery.ts.
import { E, fail } from "../../../errno.ts";
import { MSG } from "../../constants.ts";
import { ipHeaderBytes } from "../ip/outgoing.ts";
import type { Path } from "../ip/path.ts";
import type { Blocked } from "../link/link.ts";
import type { Bound } from "../ports.ts";
import type { SocketOptions } from "../socket_options.ts";
import { ByteRing } from "./byte_ring.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { ConnectionTimers } from "./connection_timers.ts";
import { ConnectionVariables, DEFAULT_MSS_4, DEFAULT_MSS_6 } from "./connection_variables.ts";
import type { Flow } from "./flow_table.ts";
import { segmentArrives } from "./input.ts";
import { output, sendAck, sendReset, sendSyn } from "./output.ts";
import { type Segment, TIMESTAMPS_BYTES } from "./segment.ts";
import { State } from "./state.ts";
import type { Tcp } from "./tcp.ts";
import type { TcpOptions } from "./tcp_options.ts";

/** What we multiply our window by: 65,535 << 7 is more than any buffer may have. */
export const WINDOW_SCALE = 7;

/** Who is told what happens to a connection: its endpoint, or the listener that it waits at. */
export interface Owner {
  /** the connection is there, has ended, or has something new */
  happened(connection: Connection): void;
}

export class Connection extends ConnectionVariables implements Flow, Blocked, Bound {
  nextFlow: Flow | undefined;
  /** an instance of the domain that died made it */
  restored = false;
  /** undefined: nobody has it any more (an orphan) */
  owner: Owner | undefined;
  /** told that the peer has everything, or that it ended: somebody waits for that (SO_LINGER) */
  lingering: (() => void) | undefined;
  /** from the first byte not acknowledged to the last that the program gave */
  sent: ByteRing;
  /** from the first byte not read to the last that came, gaps and all */
  received: ByteRing;
  /** where it is kept for the next instance of the domain, where there is such a place */
  checkpoint: Checkpoint | undefined;
  readonly timers: ConnectionTimers;

  constructor(
    readonly tcp: Tcp,
    readonly path: Path,
    readonly localPort: number,
    readonly remotePort: number,
    readonly six: boolean,
    public options: SocketOptions,
    public tcpOptions: TcpOptions,
    readonly chosen: boolean,
  ) {
    super();
    this.timestamps = tcp.features.timestamps;
    this.selective = tcp.features.selectiveAcknowledgements;
    this.sent = new ByteRing(tcp.buffers);
    this.received = new ByteRing(tcp.buffers);
    this.timers = new ConnectionTimers(this);
  }

  get listening(): boolean {
    return false;
  }

  get boundIp(): Uint8Array {
    return this.path.source;
  }

  get port(): number {
    return this.localPort;
  }

  get yields(): boolean {
    return this.restored && this.tcp.portsYield;
  }

  /** The most payload of a segment without options that fits the path, as the peer is told. */
  get pathMss(): number {
    // The length fields of IPv4 and IPv6 tell no more, whatever the link carries.
    const most = this.path.version === 4 ? 65_535 : 65_535 + 40;
    return Math.min(this.path.mtu, most) - ipHeaderBytes(this.path.version) - 20;
  }

  /** Works out the size of segments anew: the path, the peer or options have changed. */
  resize(): void {
    const peer = this.peerMss || (this.path.version === 4 ? DEFAULT_MSS_4 : DEFAULT_MSS_6);
    const asked = this.tcpOptions.segmentBytes || Infinity;
    const options = this.timestamps ? TIMESTAMPS_BYTES : 0;
    this.mss = Math.max(48, Math.min(peer, this.pathMss, asked) - options);
    this.congestion.resize(this.mss, this.nxt > 1);
  }

  /** Starts an active open. */
  open(): void {
    this.iss = this.tcp.firstSequence(this.path, this.localPort, this.remotePort);
    this.timestampOffset = this.tcp.timestampOffset(this.path);
    this.rcvScale = this.tcp.features.windowScaling ? WINDOW_SCALE : 0;
    this.state = State.SYN_SENT;
    this.nxt = 1;
    sendSyn(this, false);
    this.timers.armRetransmit();
  }

  /** Takes what fits of `data` for sending. @returns bytes taken; 0 where there is no room */
  send(data: Uint8Array, flags: number): number {
    const room = this.options.sendBytes - this.unsent;
    const count = Math.min(room, data.length);
    this.moreFollows = (flags & MSG.MORE) !== 0;
    if (count <= 0) return 0;
    this.sent.reserve(Math.max(1, this.una), this.queued + count);
    this.sent.write(this.queued, data, 0, count);
    this.queued += count;
    if (this.established) output(this);
    this.save();
    return count;
  }

  /** Copies what came in order. @param consume whether it is then gone */
  receive(into: Uint8Array, consume: boolean): number {
    const count = Math.min(into.length, this.readable);
    this.received.read(this.read, into, 0, count);
    if (!consume || count === 0) return count;
    this.read += count;
    if (this.checkpoint === undefined) this.confirmed = this.read;
    if (this.read === this.rcvNxt && this.gaps.count === 0) this.received.emptied();
    // The peer hears of the room once there is much more than it knows of (RFC 9293, 3.8.6.2.2).
    const gained = this.receiveEnd - this.rcvEdge;
    const much = Math.min(this.options.receiveBytes >> 1, 2 * this.rcvMss);
    if (gained >= much && !this.ended && this.state !== State.TIME_WAIT) sendAck(this);
    return count;
  }

  /** Nothing more will be sent (RFC 9293, 3.10.4). */
  finish(): void {
    if (this.finQueued) return;
    this.finQueued = true;
    this.moreFollows = false;
    if (this.state === State.ESTABLISHED) this.state = State.FIN_WAIT_1;
    else if (this.state === State.CLOSE_WAIT) this.state = State.LAST_ACK;
    else return this.save();
    output(this);
    this.save();
  }

  /** The program closed it: what is left is sent by itself. @param unread whether it has not read all that it got */
  release(unread = false): void {
    unread ||= this.readable > 0;
    this.owner = undefined;
    if (this.state === State.CLOSED || this.state === State.TIME_WAIT) {
      return this.#letGo();
    }
    // What nobody will read was not delivered, and the peer must know (RFC 2525, 2.17).
    if (this.options.linger === 0 || unread) return this.abort();
    if (this.state === State.SYN_SENT) return this.end(0);
    this.finish();
    if (this.state === State.FIN_WAIT_2) this.timers.armOrphan();
  }

  /** Ends it with a reset (RFC 9293, 3.10.5). */
  abort(): void {
    const { state } = this;
    if (state !== State.CLOSED && state !== State.SYN_SENT && state !== State.TIME_WAIT) {
      sendReset(this);
    }
    this.end(0);
  }

  /** It is over: forgets everything but what the program has not read. */
  end(error: number): void {
    if (this.state === State.CLOSED) return;
    if (this.state !== State.TIME_WAIT) this.tcp.forget(this);
    this.state = State.CLOSED;
    this.error = error;
    this.timers.dispose();
    this.sent.release();
    this.sacked.clear();
    if (this.owner === undefined) this.#letGo();
    else this.save();
    this.owner?.happened(this);
    this.lingering?.();
  }

  /** Nobody reads what came any more. */
  #letGo(): void {
    this.received.release();
    this.checkpoint?.clear();
    this.checkpoint = undefined;
  }

  /** From here on it is kept for the next instance of the domain, where there is room. */
  keep(): void {
    const slot = this.tcp.checkpoints?.take();
    if (slot === undefined) return;
    slot.begin(this);
    this.checkpoint = slot;
    this.sent = new ByteRing(this.tcp.buffers, slot.sent);
    this.received = new ByteRing(this.tcp.buffers, slot.received);
    this.save();
  }

  /** Writes down what the next instance has to know. @param sentEnd behind what is about to be sent */
  save(sentEnd?: number): void {
    const { checkpoint } = this;
    if (checkpoint === undefined) return;
    const over = this.state === State.CLOSED || this.state === State.TIME_WAIT;
    if (this.received.inFixed && (over || this.sent.inFixed)) {
      return checkpoint.save(this, sentEnd);
    }
    // Its buffers have become larger than what is kept: it does not survive.
    this.checkpoint = undefined;
    this.confirmed = this.read;
    checkpoint.forget();
  }

  /** The program has got that many bytes for certain. */
  confirm(bytes: number): void {
    if (this.checkpoint === undefined) return;
    this.confirmed = Math.min(this.read, Math.max(this.confirmed, 1 + bytes));
  }

  /** Its program has got everything before an offset from the instance before, of which that may not have told. */
  readBefore(offset: number): void {
    const read = Math.min(Math.max(this.confirmed, offset), this.finAt, this.rcvEdge);
    this.read = this.confirmed = read;
    this.rcvNxt = Math.max(this.rcvNxt, read);
    // The peer may know of less room, or of none.
    if (this.state !== State.CLOSED && this.state !== State.TIME_WAIT) sendAck(this);
  }

  /** Behind the last byte for which there is room: what may have to be read again is kept. */
  get receiveEnd(): number {
    const most = this.checkpoint === undefined
      ? Infinity
      : this.confirmed + this.checkpoint.received.length;
    return Math.min(this.read + this.options.receiveBytes, most);
  }

  /** It needs to remember for a while only that it was there. */
  enterTimeWait(): void {
    this.state = State.TIME_WAIT;
    this.tcp.wait(this);
    this.timers.dispose();
    this.sent.release();
    this.sacked.clear();
    if (this.owner === undefined) this.#letGo();
    else this.save();
    this.news = true;
  }

  arrive(segment: Segment): void {
    segmentArrives(this, segment);
    if (!this.news) return;
    this.news = false;
    this.owner?.happened(this);
  }

  /** There is room on the link again. */
  unblocked(): void {
    if (this.state === State.CLOSED || this.state === State.TIME_WAIT) return;
    output(this);
    if (this.ackNow) sendAck(this);
  }

  /** ICMP says that something is in the way (RFC 1122, 4.2.3.9; RFC 5927, 5.2). */
  failed(errno: number): void {
    if (this.state === State.SYN_SENT || this.state === State.SYN_RECEIVED) this.end(errno);
    else this.softError = errno;
  }

  /** @throws Errno EPIPE once nothing can be sent any more */
  checkSend(): void {
    if (this.finQueued || this.state === State.CLOSED || this.state === State.TIME_WAIT) {
      fail(E.EPIPE);
    }
  }
}
