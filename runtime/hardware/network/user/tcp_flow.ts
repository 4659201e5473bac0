// One TCP connection of the machine (RFC 9293), which ends here, and the connection of the host that goes on
// from it. Neither side is read faster than the other takes it: the host's is read while the machine has a
// window, and the machine's window is what the host has not taken yet. The link below loses nothing and is
// as fast as memory, so there is no congestion control, and what comes out of order is left to be sent again.
import type { Frame } from "../frame.ts";
import { giveBuffer } from "../frame_buffers.ts";
import { HostEnd, MAX_READ_BYTES } from "./host_end.ts";
import type { HostStream } from "./host_sockets.ts";
import type { Ends, HeadWriter } from "./packet.ts";
import { difference, ReceivedSequence } from "./received_sequence.ts";
import { Retransmission } from "./retransmission.ts";
import { SentSequence } from "./sent_sequence.ts";
import { Flag, type Segment, writeSegment } from "./tcp_segment.ts";

/** Most that is kept for either side. */
const QUEUE_BYTES = 256 << 10;
/** Our windows are in units of 8 bytes. */
const OWN_SCALE = 3;
const IP_TCP_BYTES = { 4: 40, 6: 60 } as const;

/** The table that the connection is in. */
export interface FlowOwner {
  readonly writer: HeadWriter;
  readonly mtu: number;
  nowMs(): number;
  /** It has something to send. */
  ready(flow: TcpFlow): void;
  /** It has something to send that can wait for a while: to go with what comes next. */
  later(flow: TcpFlow): void;
  /** It waits for an answer. */
  armed(flow: TcpFlow): void;
  /** Sends a last segment for a connection that is no more. */
  last(frame: Frame): void;
  /** A connection that the host brought was answered, or is over before. */
  answered(flow: TcpFlow): void;
  closed(flow: TcpFlow): void;
}

type State = "connecting" | "syn-received" | "syn-sent" | "open" | "closed";

export class TcpFlow {
  #state: State;
  readonly #end: HostEnd = new HostEnd({
    mayRead: (count) => this.#mayRead(count),
    came: () => this.owner.ready(this),
    written: () => this.#tellRoom(),
    over: () => this.#finish(),
    failed: () => this.abort(),
  });
  readonly #timer = new Retransmission();
  /** whether the host made it */
  brought = false;
  // To the machine: the queue begins with the first byte not acknowledged.
  readonly #sent: SentSequence;
  #mss = 536;
  #scaling = true;
  #endAcknowledged = false;
  #probe = false;
  #synDue = false;
  // From the machine.
  readonly #received = new ReceivedSequence();
  /** of the last segment that had none but the usual headers: it has been taken when the next is made */
  #head: Uint8Array | undefined;
  #acknowledgeDue = false;
  /** an acknowledgement is due that need not go by itself yet */
  #acknowledgeLater = false;

  private constructor(
    private readonly owner: FlowOwner,
    readonly ends: Ends,
    readonly guestPort: number,
    readonly remotePort: number,
    readonly key: string,
    initial: number,
    state: State,
  ) {
    this.#sent = new SentSequence(initial);
    this.#state = state;
  }

  /** A connection that the machine asks for: its SYN is answered once the host is connected. */
  static toHost(
    owner: FlowOwner,
    ends: Ends,
    key: string,
    initial: number,
    syn: Segment,
    connecting: Promise<HostStream>,
  ): TcpFlow {
    const { guestPort, remotePort } = syn;
    const flow = new TcpFlow(owner, ends, guestPort, remotePort, key, initial, "connecting");
    flow.#begin(syn);
    connecting.then((stream) => flow.#connected(stream), () => flow.abort());
    return flow;
  }

  /** A connection that the host brings: the machine is asked for it. */
  static toGuest(
    owner: FlowOwner,
    ends: Ends,
    key: string,
    initial: number,
    guestPort: number,
    remotePort: number,
    stream: HostStream,
  ): TcpFlow {
    const flow = new TcpFlow(owner, ends, guestPort, remotePort, key, initial, "syn-sent");
    flow.brought = true;
    flow.#end.connected(stream);
    flow.#synDue = true;
    owner.ready(flow);
    return flow;
  }

  /** the first number that nothing of it had */
  get highest(): number {
    return this.#sent.highest;
  }

  /** A segment of an earlier connection between the same ports, which is to be told that it is over. */
  isOfAnother({ flags, acknowledgement }: Segment): boolean {
    const sent = this.#sent;
    return this.#state === "syn-sent" && (flags & (Flag.ACK | Flag.RST)) === Flag.ACK &&
      sent.flying !== 0 && acknowledgement !== sent.highest;
  }

  get deadlineMs(): number {
    return this.#timer.deadlineMs;
  }

  #begin(syn: Segment): void {
    this.#received.begin(syn.sequence);
    this.#sent.begin(syn);
    this.#mss = Math.min(syn.mss, this.owner.mtu - IP_TCP_BYTES[this.ends.version]);
    this.#scaling = syn.scale !== undefined;
  }

  #connected(stream: HostStream): void {
    if (this.#state !== "connecting") return stream.close();
    this.#end.connected(stream);
    this.#state = "syn-received";
    this.#synDue = true;
    this.owner.ready(this);
  }

  #open(segment: Segment): void {
    if (this.#state === "syn-sent") this.owner.answered(this);
    this.#state = "open";
    this.#sent.open(segment);
    this.#timer.answered(this.owner.nowMs(), false);
    this.#end.begin();
  }

  /** Takes a segment of the machine. @param memory what it lies in, given back when it is done with */
  receive(segment: Segment, memory?: Frame["memory"]): void {
    const { flags } = segment;
    const acknowledged = (flags & Flag.ACK) !== 0;
    switch (this.#state) {
      case "connecting":
        if ((flags & Flag.RST) !== 0) this.abandon();
        return;
      case "syn-sent":
        if (!acknowledged || !this.#sent.isAnswered(segment)) return;
        if ((flags & Flag.RST) !== 0) return this.abandon();
        if ((flags & Flag.SYN) === 0) return;
        this.#begin(segment);
        this.#open(segment);
        return this.#acknowledge();
      case "closed":
        return;
    }
    if ((flags & Flag.RST) !== 0) {
      const place = difference(segment.sequence, this.#received.expected);
      if (place >= 0 && place <= QUEUE_BYTES) this.abandon();
      return;
    }
    if ((flags & Flag.SYN) !== 0) {
      // The answer was not heard; or it is somebody else's, who is told how things are (RFC 5961, 4).
      if (this.#state === "syn-received") this.#synDue = true;
      return this.#acknowledge();
    }
    if (!acknowledged) return;
    if (this.#state === "syn-received") {
      if (segment.acknowledgement !== this.#sent.highest) return this.abort();
      this.#open(segment);
    }
    if (this.#takeAcknowledgement(segment)) this.#take(segment, memory);
    this.#finish();
  }

  /** @returns whether the segment may be one of this connection */
  #takeAcknowledgement(segment: Segment): boolean {
    const sent = this.#sent, acknowledged = sent.acknowledgedBy(segment);
    if (acknowledged === undefined) {
      this.#acknowledge();
      return false;
    }
    if (acknowledged < 0) return true;
    const data = Math.min(acknowledged, this.#end.toGuest.bytes);
    this.#end.toGuest.drop(data);
    this.#endAcknowledged ||= acknowledged > data;
    const changed = sent.take(segment, acknowledged);
    if (sent.window === 0) this.#timer.heard();
    if (acknowledged > 0 || changed) {
      this.#timer.answered(this.owner.nowMs(), sent.waiting);
      if (sent.waiting) this.owner.armed(this);
    }
    this.#end.resumeReading();
    this.owner.ready(this);
    return true;
  }

  /** Takes the data of a segment, as far as it is the next and there is room. */
  #take(segment: Segment, memory: Frame["memory"]): void {
    const end = (segment.flags & Flag.FIN) !== 0;
    if (segment.payload.length === 0 && !end) return giveBuffer(memory);
    const received = this.#received;
    const data = received.take(segment, QUEUE_BYTES - this.#end.toHost.bytes);
    if (data === undefined) return this.#acknowledge();
    // What comes in order is acknowledged with what goes the other way, if that is soon (RFC 9293, 3.8.6.3).
    if (received.unacknowledged < 2 * this.#mss && !end && data.length > 0) {
      this.#acknowledgeLater = true;
      this.owner.later(this);
    } else this.#acknowledge();
    this.#end.write(data, memory, received.ended);
  }

  /** It has waited for long enough with what it had to send. */
  waited(): void {
    if (this.#acknowledgeLater) this.#acknowledge();
  }

  #acknowledge(): void {
    this.#acknowledgeDue = true;
    this.owner.ready(this);
  }

  /** The next segment for the machine, where there is one to send. */
  next(): Frame | undefined {
    if (this.#synDue) {
      this.#synDue = false;
      const answer = this.#state === "syn-received";
      const flags = answer ? Flag.SYN | Flag.ACK : Flag.SYN;
      return this.#send(flags, this.#sent.synchronize(), NOTHING, true);
    }
    if (this.#state !== "open") return undefined;
    const sent = this.#sent, { flying, window } = sent;
    const unsent = this.#end.toGuest.bytes - flying;
    if (unsent > 0) {
      const room = this.#probe ? 1 : window - flying;
      if (room >= Math.min(unsent, this.#mss) || room > 0 && flying === 0) {
        this.#probe = false;
        const most = Math.min(room, MAX_READ_BYTES);
        const data = this.#end.toGuest.at(flying, most);
        return this.#send(Flag.ACK | Flag.PSH, sent.advance(data.length), data);
      }
      // A window that opens is told; in case that is not heard, it is asked for.
      if (flying === 0) this.#arm();
    } else if (unsent === 0 && this.#end.readAll && !this.#endAcknowledged) {
      return this.#send(Flag.ACK | Flag.FIN, sent.advance(1), NOTHING);
    }
    if (!this.#acknowledgeDue) return undefined;
    // A probe's byte is beyond the window, and so would be what comes after it.
    const inWindow = (sent.unacknowledged + Math.min(flying, window)) >>> 0;
    return this.#send(Flag.ACK, inWindow, NOTHING);
  }

  #send(flags: number, sequence: number, payload: Uint8Array, syn = false): Frame {
    const { owner, ends } = this;
    const answering = (flags & Flag.ACK) !== 0;
    if (syn || payload.length > 0 || (flags & Flag.FIN) !== 0) this.#arm();
    this.#acknowledgeDue = this.#acknowledgeLater = false;
    const room = QUEUE_BYTES - this.#end.toHost.bytes;
    const window = syn || !this.#scaling ? Math.min(0xffff, room) : room >> OWN_SCALE;
    this.#received.tell(syn || !this.#scaling ? window : window << OWN_SCALE);
    const frame = writeSegment(owner.writer, ends, {
      guestPort: this.guestPort,
      remotePort: this.remotePort,
      sequence,
      acknowledgement: answering ? this.#received.expected : 0,
      flags,
      window,
      payload,
      segmentBytes: this.#mss,
      options: syn
        ? {
          mss: owner.mtu - IP_TCP_BYTES[ends.version],
          scale: this.#scaling ? OWN_SCALE : undefined,
        }
        : undefined,
    }, syn ? undefined : this.#head);
    if (!syn) this.#head = frame.head;
    return frame;
  }

  #arm(): void {
    this.#timer.start(this.owner.nowMs());
    this.owner.armed(this);
  }

  /** The machine did not answer in time. */
  expired(nowMs: number): void {
    const waiting = this.#state !== "open" || this.#sent.waiting || this.#end.toGuest.bytes > 0;
    if (!waiting) return this.#timer.answered(nowMs, false);
    if (!this.#timer.expired(nowMs)) return this.abort();
    this.#sendAgain();
    this.owner.armed(this);
  }

  #sendAgain(): void {
    if (this.#state === "open") {
      this.#sent.again();
      this.#probe = this.#sent.window === 0;
    } else this.#synDue = this.#state !== "connecting";
    this.owner.ready(this);
  }

  /** What waits for the machine has a bound, and so has what it has no window for. */
  #mayRead(count: number): boolean {
    const waiting = this.#end.toGuest.bytes;
    return waiting === 0 || waiting < this.#sent.window && waiting + count <= QUEUE_BYTES;
  }

  /** Tells the machine of room, where it knows of little and there is much. */
  #tellRoom(): void {
    const told = this.#received.window;
    const room = QUEUE_BYTES - this.#end.toHost.bytes;
    if (told < QUEUE_BYTES / 2 && room - told >= QUEUE_BYTES / 4) this.#acknowledge();
  }

  /** Both sides have ended, and know it of each other. */
  #finish(): void {
    if (this.#state !== "open" || !this.#endAcknowledged || !this.#end.wroteAll) return;
    this.#head = undefined;
    const last = this.#acknowledgeDue || this.#acknowledgeLater
      ? this.#send(Flag.ACK, this.#sent.next, NOTHING)
      : undefined;
    if (last !== undefined) this.owner.last(last);
    this.abandon();
  }

  /** Ends the connection with a reset. */
  abort(): void {
    if (this.#state === "closed") return;
    this.#head = undefined;
    const reset = this.#state === "syn-sent" ? undefined : this.#send(
      Flag.RST | Flag.ACK,
      this.#state === "connecting" ? 0 : this.#sent.next,
      NOTHING,
    );
    this.abandon();
    if (reset !== undefined) this.owner.last(reset);
  }

  /** Ends the connection without a word to the machine. */
  abandon(): void {
    if (this.#state === "closed") return;
    if (this.#state === "syn-sent") this.owner.answered(this);
    this.#state = "closed";
    this.#synDue = this.#acknowledgeDue = this.#acknowledgeLater = false;
    this.#timer.answered(0, false);
    this.#end.close();
    this.owner.closed(this);
  }

  /** The machine's end begins anew and goes on with its connections: what was under way may be lost. */
  goOn(): void {
    this.#timer.answered(0, false);
    this.#sendAgain();
    this.#arm();
  }

  /** The machine begins anew. @returns whether this connection can: it has not heard of it yet */
  begunAnew(): boolean {
    if (this.#state !== "syn-sent") return false;
    this.#synDue = true;
    this.#timer.answered(0, false);
    this.owner.ready(this);
    return true;
  }
}

const NOTHING = new Uint8Array(0);
