// The variables of a connection (the transmission control block of RFC 9293, 3.3.1), with the values that
// they have before anything is sent.
//
// Positions in both streams are plain numbers that never wrap: 0 is the SYN, 1 the first byte. Only what is
// written to or read from a segment has 32 bits.
import { Congestion } from "./congestion.ts";
import { RangeList } from "./range_list.ts";
import { RoundTrip } from "./round_trip.ts";
import { State } from "./state.ts";

/** A peer that does not tell takes this much (RFC 9293, MUST-15). */
export const DEFAULT_MSS_4 = 536, DEFAULT_MSS_6 = 1220;
/** Ranges of out-of-order data, and of selectively acknowledged data, that are kept. */
const MAX_GAPS = 64, MAX_SACKED = 256;
/** Full-sized segments acknowledged at once at the start, for the peer's slow start. */
const QUICK_ACKS = 16;

/** How loss is dealt with: not at all, fast recovery (RFC 6675), or after a timeout. */
export const Mode = { OPEN: 0, RECOVERY: 1, LOSS: 2 } as const;

export class ConnectionVariables {
  state: State = State.CLOSED;
  /** positive errno of what ended it */
  error = 0;
  /** errno of what is in the way at the moment, told when patience ends */
  softError = 0;
  /** something happened that the owner is to hear of, once the segment has been dealt with */
  news = false;

  // sending (SND.*)
  iss = 0;
  una = 0;
  nxt = 0;
  /** offset after the last byte that the program gave; the FIN, where there is one, lies there */
  queued = 1;
  finQueued = false;
  window = 0;
  mostWindow = 0;
  /** where the last window came from (WL1, WL2) */
  windowSequence = 0;
  windowAcknowledgement = 0;
  windowScale = 0;
  /** payload bytes of a full segment, options of every segment taken off */
  mss = DEFAULT_MSS_4;
  /** what the peer said that it takes */
  peerMss = 0;
  /** offset after the last segment that was not full (Minshall's refinement of Nagle's rule) */
  smallEnd = 0;
  moreFollows = false;
  lastSentNs = 0;

  // loss
  mode: typeof Mode[keyof typeof Mode] = Mode.OPEN;
  duplicates = 0;
  /** recovery is over once this is acknowledged */
  recoveryPoint = 0;
  /** what was repeated in this recovery ends here (HighRxt) */
  repeated = 0;
  /** how far new data had gone when something was last repeated */
  repeatedAt = 0;
  /** bytes selectively acknowledged since the first hole was last repeated */
  sackedSince = 0;
  /** the end of what is in flight was probed since something was acknowledged (RFC 8985, 7) */
  tailProbed = false;
  /** what is lost for sure ends here, whatever the peer says of the rest */
  lostEnd = 0;
  readonly sacked = new RangeList(MAX_SACKED);
  readonly congestion = new Congestion(DEFAULT_MSS_4);
  windowUsed = false;
  retries = 0;
  /** bytes and segments sent again since the start */
  repeatedSegments = 0;

  // time
  readonly roundTrip = new RoundTrip();
  /** the offset whose acknowledgement is timed, and since when; 0: none */
  timedOffset = 0;
  timedSinceNs = 0;
  timestamps = true;
  timestampOffset = 0;
  recentTimestamp = 0;
  recentAtNs = 0;

  // receiving (RCV.*)
  irs = 0;
  rcvNxt = 0;
  /** right edge of the window that the peer was told */
  rcvEdge = 0;
  rcvScale = 0;
  /** first byte that the program has not read */
  read = 1;
  /** up to here the program is known to have what it read, where that may be lost on its way */
  confirmed = 1;
  /** by which the program's side knows the socket; 0 while nobody has accepted it */
  handle = 0;
  /** it was accepted, and whoever asked for that may not know */
  tentative = false;
  /** offset of the peer's FIN, once it was seen */
  finAt = Infinity;
  readonly gaps = new RangeList(MAX_GAPS);
  selective = true;
  /** a range that came twice, to be told first (RFC 2883) */
  duplicateStart = 0;
  duplicateEnd = 0;
  /** the largest segment that came so far */
  rcvMss = DEFAULT_MSS_4;
  unacknowledged = 0;
  ackNow = false;
  quickAcks = QUICK_ACKS;
  lastHeardNs = 0;
  challengedNs = -Infinity;

  /** Bytes that came in order and were not read. */
  get readable(): number {
    return Math.max(0, Math.min(this.rcvNxt, this.finAt) - this.read);
  }

  /** Bytes that the program gave and the peer has not acknowledged. */
  get unsent(): number {
    if (this.state === State.CLOSED) return 0;
    return this.queued - Math.max(1, Math.min(this.una, this.queued));
  }

  get established(): boolean {
    return this.state === State.ESTABLISHED || this.state === State.CLOSE_WAIT;
  }

  /** The peer has ended its stream, or the connection is gone. */
  get ended(): boolean {
    return this.rcvNxt > this.finAt || this.state === State.CLOSED;
  }
}
