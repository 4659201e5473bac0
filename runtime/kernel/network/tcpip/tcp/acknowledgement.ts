// What an acknowledgement says (RFC 9293, 3.10.7.4, fifth step; RFC 5961, 5; RFC 2018; RFC 5681, 3.2).
import type { Connection } from "./connection.ts";
import { Mode } from "./connection_variables.ts";
import { sendAck } from "./output.ts";
import {
  duplicateThreshold,
  enterRecovery,
  lostEdge,
  noticeLostRepeats,
  repeatLost,
} from "./recovery.ts";
import { Flag, type Segment } from "./segment.ts";
import { State } from "./state.ts";

/** Between two answers to segments that nobody should have sent (RFC 5961, 7). */
const CHALLENGE_NS = 500e6;

/** Answers a suspicious segment with an acknowledgement, not too often: a real peer then corrects itself. */
export function challenge(connection: Connection): void {
  const now = connection.tcp.arrivedNs;
  if (now - connection.challengedNs < CHALLENGE_NS) return;
  connection.challengedNs = now;
  sendAck(connection);
}

/** The offset in our stream that a segment acknowledges. */
export function acknowledgedOffset(connection: Connection, segment: Segment): number {
  const { iss, nxt } = connection;
  return nxt + (segment.acknowledgement - (iss + nxt | 0) | 0);
}

/**
 * Takes the acknowledgement of a segment.
 * @returns whether the rest of the segment is to be looked at
 */
export function acknowledge(connection: Connection, segment: Segment, sequence: number): boolean {
  const ack = acknowledgedOffset(connection, segment);
  const { una, nxt } = connection;
  if (ack > nxt || ack < una - connection.mostWindow) {
    challenge(connection);
    return false;
  }
  connection.timers.answered();
  const added = segment.sackBlocks > 0 && connection.selective
    ? takeBlocks(connection, segment)
    : 0;
  if (ack < una) return true;
  const window = windowOf(connection, segment);
  const plain = segment.length === 0 && window === connection.window;
  takeWindow(connection, window, sequence, ack);
  // A peer that keeps its window closed lives; what nobody has any more may not wait for it for ever.
  if (window === 0 && connection.owner !== undefined) connection.retries = 0;
  if (ack > una) advance(connection, segment, ack);
  const duplicate = ack === una && una < nxt && (added > 0 || plain && !connection.selective);
  if (duplicate) connection.duplicates++;
  if (connection.una === nxt) return true;
  if (connection.mode !== Mode.OPEN) {
    if (added > 0) noticeLostRepeats(connection, added);
    return true;
  }
  const lost = connection.duplicates > 0 &&
      connection.duplicates >= duplicateThreshold(connection) ||
    added > 0 && (connection.tailProbed || lostEdge(connection) > connection.una);
  if (lost) enterRecovery(connection);
  return true;
}

/** The window of a segment in bytes; that of a SYN is never scaled (RFC 7323, 2.2). */
export function windowOf({ windowScale }: Connection, segment: Segment): number {
  return segment.has(Flag.SYN) ? segment.window : segment.window * 2 ** windowScale;
}

/** What acknowledges more is newer also where it repeats old data: else its window would be counted twice. */
function takeWindow(connection: Connection, window: number, sequence: number, ack: number): void {
  const { una, windowSequence, windowAcknowledgement } = connection;
  const newer = ack > una || sequence > windowSequence ||
    sequence === windowSequence && ack >= windowAcknowledgement;
  if (!newer) return;
  connection.windowSequence = sequence;
  connection.windowAcknowledgement = ack;
  connection.window = window;
  if (window > connection.mostWindow) connection.mostWindow = window;
}

/** Takes over blocks that make sense. @returns bytes that are newly acknowledged so */
function takeBlocks(connection: Connection, { sackBlocks, sackEdges }: Segment): number {
  const { una, nxt, iss, sacked } = connection;
  let added = 0;
  for (let block = 0; block < sackBlocks; block++) {
    const start = nxt + (sackEdges[2 * block] - (iss + nxt | 0) | 0);
    const end = nxt + (sackEdges[2 * block + 1] - (iss + nxt | 0) | 0);
    // Before `una` it tells of something that came twice (RFC 2883).
    if (start < una || end <= start || end > nxt) continue;
    added += Math.max(0, sacked.add(start, end));
  }
  return added;
}

/** New data is acknowledged. */
function advance(connection: Connection, segment: Segment, ack: number): void {
  const acked = ack - connection.una;
  const now = connection.tcp.arrivedNs;
  const { roundTrip, congestion, sacked } = connection;
  const wasFull = !isWritable(connection);
  measure(connection, segment, ack, now);
  connection.una = ack;
  connection.retries = 0;
  connection.softError = 0;
  connection.sackedSince = 0;
  connection.tailProbed = false;
  roundTrip.recovered();
  connection.timers.progressed();
  if (sacked.count > 0) sacked.dropBelow(ack);
  if (connection.mode === Mode.OPEN) {
    connection.duplicates = 0;
    if (connection.windowUsed) congestion.acknowledged(acked, now, roundTrip.smoothedNs);
  } else if (ack >= connection.recoveryPoint) {
    if (connection.mode === Mode.RECOVERY) congestion.window = congestion.threshold;
    connection.mode = Mode.OPEN;
    connection.duplicates = connection.lostEnd = 0;
  } else if (connection.mode === Mode.LOSS) {
    congestion.acknowledged(acked, now, roundTrip.smoothedNs);
  } else if (!connection.selective) {
    // A partial acknowledgement: the next segment was lost as well (RFC 6582, 3.2).
    const segments = Math.ceil(acked / connection.mss);
    connection.duplicates = Math.max(0, connection.duplicates - segments);
    connection.repeated = ack;
    connection.lostEnd = Math.min(connection.nxt, ack + connection.mss);
    repeatLost(connection, true);
  }
  if (ack >= connection.queued) connection.sent.emptied();
  if (ack === connection.nxt) connection.timers.cancelRetransmit();
  else connection.timers.armRetransmit(now);
  if (wasFull && isWritable(connection)) connection.news = true;
}

/** Measures the round trip: by the clock where nothing was repeated, else by the peer's echo of ours. */
function measure(connection: Connection, segment: Segment, ack: number, nowNs: number): void {
  if (connection.timedOffset > 0) {
    if (ack < connection.timedOffset) return;
    connection.roundTrip.measured(nowNs - connection.timedSinceNs);
    connection.timedOffset = 0;
  } else if (connection.timestamps && segment.timestamped && segment.timestampEcho !== 0) {
    const sentAt = segment.timestampEcho - connection.timestampOffset | 0;
    const elapsedMs = connection.tcp.clock() - sentAt | 0;
    // The clock ticks in milliseconds: less than one cannot be told from none.
    if (elapsedMs >= 0) connection.roundTrip.measured(Math.max(1, elapsedMs) * 1e6);
  }
}

/** Whether there is so much room that it is worth telling (a third of the buffer, as on Linux). */
export function isWritable(connection: Connection): boolean {
  return connection.unsent <= connection.options.sendBytes * 2 / 3;
}

/** What it means for the state that our FIN is acknowledged. */
export function finAcknowledged(connection: Connection): void {
  if (!connection.finQueued || connection.una <= connection.queued) return;
  if (connection.state === State.FIN_WAIT_1) {
    connection.state = State.FIN_WAIT_2;
    connection.news = true;
    if (connection.owner === undefined) connection.timers.armOrphan();
    connection.lingering?.();
  } else if (connection.state === State.CLOSING) {
    connection.enterTimeWait();
    connection.lingering?.();
  } else if (connection.state === State.LAST_ACK) connection.end(0);
}
