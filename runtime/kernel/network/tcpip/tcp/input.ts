// A segment arrives for a connection (RFC 9293, 3.10.7.3 and 3.10.7.4, with the checks of RFC 5961).
import { E } from "../../../errno.ts";
import {
  acknowledge,
  acknowledgedOffset,
  challenge,
  finAcknowledged,
  windowOf,
} from "./acknowledgement.ts";
import type { Connection } from "./connection.ts";
import { receiveData } from "./input_data.ts";
import { output, sendAck, sendSyn } from "./output.ts";
import { Flag, type Segment } from "./segment.ts";
import { State } from "./state.ts";

/** A timestamp older than this says nothing any more (RFC 7323, 5.5). */
const TIMESTAMP_LIFE_NS = 24 * 86_400e9;

export function segmentArrives(connection: Connection, segment: Segment): void {
  connection.lastHeardNs = connection.tcp.arrivedNs;
  if (connection.state === State.SYN_SENT) return arriveInSynSent(connection, segment);
  const { rcvNxt, irs } = connection;
  const sequence = rcvNxt + (segment.sequence - (irs + rcvNxt | 0) | 0);
  if (!isAcceptable(connection, segment, sequence)) return refuse(connection, segment, sequence);
  if (segment.has(Flag.RST | Flag.SYN) && !passControl(connection, segment, sequence)) return;
  if (!segment.has(Flag.ACK)) return;
  if (
    connection.state === State.SYN_RECEIVED && !completeHandshake(connection, segment, sequence)
  ) {
    return;
  }
  takeTimestamp(connection, segment, sequence);
  if (!acknowledge(connection, segment, sequence)) return;
  if (connection.finQueued) finAcknowledged(connection);
  if (isOver(connection)) return;
  if (segment.length > 0) receiveData(connection, segment, sequence);
  if (isOver(connection)) return;
  output(connection);
  if (connection.ackNow) sendAck(connection);
}

function isOver({ state }: Connection): boolean {
  return state === State.CLOSED || state === State.TIME_WAIT;
}

/** Whether it is in the window (RFC 9293, table 6) and not from long ago (PAWS; RFC 7323, 5). */
function isAcceptable(connection: Connection, segment: Segment, sequence: number): boolean {
  const { rcvNxt, rcvEdge, unacknowledged } = connection;
  if (connection.timestamps && segment.timestamped && !segment.has(Flag.RST)) {
    const old = (segment.timestamp - connection.recentTimestamp | 0) < 0;
    const age = connection.tcp.arrivedNs - connection.recentAtNs;
    if (old && age < TIMESTAMP_LIFE_NS) return false;
  }
  const { length } = segment;
  // An acknowledgement may have overtaken data that we have not acknowledged yet, and is valid also where the
  // window is closed and the peer has probed it with a byte, which it counts as sent.
  if (length === 0) return sequence >= rcvNxt - unacknowledged && sequence <= rcvEdge + 1;
  return sequence + length > rcvNxt && sequence <= Math.max(rcvEdge, rcvNxt);
}

/** Says what would be right, unless it is a reset. */
function refuse(connection: Connection, segment: Segment, sequence: number): void {
  if (segment.has(Flag.RST)) return;
  const { dataBytes } = segment;
  if (dataBytes === 0 || segment.has(Flag.SYN)) return challenge(connection);
  if (sequence + dataBytes <= connection.rcvNxt && sequence > 0) {
    connection.duplicateStart = sequence;
    connection.duplicateEnd = sequence + dataBytes;
  }
  sendAck(connection);
}

/** Resets count at exactly the right place only; a SYN never does (RFC 5961, 3 and 4). */
function passControl(connection: Connection, segment: Segment, sequence: number): boolean {
  if (!segment.has(Flag.RST)) {
    challenge(connection);
    return false;
  }
  if (sequence !== connection.rcvNxt) {
    challenge(connection);
    return false;
  }
  const { state } = connection;
  if (state === State.SYN_RECEIVED) connection.end(E.ECONNREFUSED);
  else if (state === State.CLOSE_WAIT) connection.end(E.EPIPE);
  else if (state === State.CLOSING || state === State.LAST_ACK) connection.end(0);
  else connection.end(E.ECONNRESET);
  return false;
}

function takeTimestamp(connection: Connection, segment: Segment, sequence: number): void {
  if (!connection.timestamps || !segment.timestamped) return;
  // Only what comes no later than the last acknowledgement (RFC 7323, 4.3).
  if (sequence > connection.rcvNxt - connection.unacknowledged) return;
  if ((segment.timestamp - connection.recentTimestamp | 0) < 0) return;
  connection.recentTimestamp = segment.timestamp;
  connection.recentAtNs = connection.tcp.arrivedNs;
}

/** SYN-RECEIVED: our SYN must be acknowledged. */
function completeHandshake(connection: Connection, segment: Segment, sequence: number): boolean {
  const ack = acknowledgedOffset(connection, segment);
  if (ack <= connection.una || ack > connection.nxt) {
    connection.tcp.refuse(segment);
    return false;
  }
  establish(connection, segment, sequence);
  return true;
}

function establish(connection: Connection, segment: Segment, sequence: number): void {
  connection.window = connection.mostWindow = windowOf(connection, segment);
  connection.windowSequence = sequence;
  connection.state = connection.finQueued ? State.FIN_WAIT_1 : State.ESTABLISHED;
  if (connection.retries > 0) connection.roundTrip.handshakeRepeated();
  connection.timers.armKeepAlive();
  connection.news = true;
  connection.keep();
}

/** What a SYN says of who sent it. */
export type SynTerms = Pick<
  Segment,
  "mss" | "windowScale" | "sackPermitted" | "timestamped" | "timestamp"
>;

/** Takes the peer's SYN: where its stream begins, and what both sides can do. */
export function takeSyn(connection: Connection, irs: number, terms: SynTerms): void {
  connection.irs = irs;
  connection.rcvNxt = 1;
  const window = Math.min(65_535, connection.options.receiveBytes);
  connection.rcvEdge = Math.max(connection.rcvEdge, 1 + window);
  connection.peerMss = terms.mss;
  connection.timestamps &&= terms.timestamped;
  connection.selective &&= terms.sackPermitted;
  if (terms.windowScale < 0) connection.rcvScale = connection.windowScale = 0;
  else if (connection.rcvScale > 0) connection.windowScale = terms.windowScale;
  if (connection.timestamps) {
    connection.recentTimestamp = terms.timestamp;
    connection.recentAtNs = connection.tcp.arrivedNs;
  }
  connection.resize();
}

function arriveInSynSent(connection: Connection, segment: Segment): void {
  const ack = acknowledgedOffset(connection, segment);
  const acknowledges = segment.has(Flag.ACK) && ack > 0 && ack <= connection.nxt;
  if (segment.has(Flag.ACK) && !acknowledges) {
    if (!segment.has(Flag.RST)) connection.tcp.refuse(segment);
    return;
  }
  if (segment.has(Flag.RST)) {
    if (acknowledges) connection.end(E.ECONNREFUSED);
    return;
  }
  if (!segment.has(Flag.SYN)) return;
  takeSyn(connection, segment.sequence, segment);
  if (!acknowledges) {
    // Both sides open at the same time (RFC 9293, figure 7).
    connection.state = State.SYN_RECEIVED;
    sendSyn(connection, true);
    return connection.timers.armRetransmit();
  }
  establish(connection, segment, 0);
  acknowledge(connection, segment, 0);
  connection.quickAcks = Math.max(connection.quickAcks, 1);
  connection.ackNow = true;
  output(connection);
  if (connection.ackNow) sendAck(connection);
}
