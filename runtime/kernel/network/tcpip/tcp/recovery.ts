// Which bytes are in the network, which are lost, and sending them again: after selective acknowledgements
// (RFC 6675), without them (NewReno, RFC 6582), and after a timeout (RFC 6298, 5; RFC 5681, 3.1).
import type { Connection } from "./connection.ts";
import { Mode } from "./connection_variables.ts";
import { output, transmit } from "./output.ts";
import { Flag } from "./segment.ts";

/** Segments known to have come after one that is then taken as lost (DupThresh). */
const DUPLICATE_THRESHOLD = 3;

/** Everything before this that is not selectively acknowledged is lost (IsLost of RFC 6675). */
export function lostEdge(connection: Connection): number {
  const { sacked, mss, mode } = connection;
  if (mode === Mode.LOSS) return connection.lostEnd;
  const { starts, ends } = sacked;
  let above = 0;
  for (let index = starts.length - 1; index >= 0; index--) {
    above += ends[index] - starts[index];
    const ranges = starts.length - index;
    if (ranges >= DUPLICATE_THRESHOLD || above > (DUPLICATE_THRESHOLD - 1) * mss) {
      return Math.max(starts[index], connection.lostEnd);
    }
  }
  return connection.lostEnd;
}

/** Bytes that are probably still in the network (SetPipe of RFC 6675). */
export function inFlight(connection: Connection): number {
  const { una, nxt, mode, sacked, duplicates, mss, selective } = connection;
  if (mode === Mode.OPEN) {
    // What came behind a gap has left the network: new data may follow it (RFC 3042).
    const left = selective ? sacked.bytes : Math.min(duplicates, DUPLICATE_THRESHOLD - 1) * mss;
    return nxt - una - left;
  }
  const lost = lostEdge(connection), repeated = Math.max(una, connection.repeated);
  let pipe = 0, holeStart = una;
  for (let index = 0; index <= sacked.count; index++) {
    const holeEnd = index < sacked.count ? sacked.starts[index] : nxt;
    if (repeated > holeStart) pipe += Math.min(holeEnd, repeated) - holeStart;
    const alive = Math.max(holeStart, lost, repeated);
    if (holeEnd > alive) pipe += holeEnd - alive;
    holeStart = sacked.ends[index];
  }
  // Without selective acknowledgements every duplicate stands for a segment that has come.
  if (!selective && mode === Mode.RECOVERY) pipe = Math.max(0, pipe - duplicates * mss);
  return pipe;
}

/** The first offset at or after `from` that is not selectively acknowledged, and the end of that hole. */
function nextHole({ sacked, nxt }: Connection, from: number): [number, number] {
  const { starts, ends } = sacked;
  for (let index = 0; index < starts.length; index++) {
    if (from < starts[index]) return [from, starts[index]];
    if (from < ends[index]) from = ends[index];
  }
  return [from, nxt];
}

/**
 * Sends lost data again, as far as the window allows.
 * @returns whether new data may follow: false where the link has no room
 */
export function repeatLost(connection: Connection, atLeastOne = false): boolean {
  const { congestion, mss } = connection;
  const lost = lostEdge(connection);
  let room = congestion.window - inFlight(connection);
  for (;;) {
    const [start, end] = nextHole(connection, Math.max(connection.una, connection.repeated));
    if (start >= lost || start >= end) return true;
    if (room < mss && !atLeastOne) return true;
    atLeastOne = false;
    const length = repeat(connection, start, end);
    if (length === 0) return false;
    room -= length;
  }
}

/** Sends one segment of a hole again. @returns how far that went; 0 where there was no room */
function repeat(connection: Connection, start: number, end: number): number {
  const { queued, mss } = connection;
  const length = Math.min(end, queued, start + mss) - start;
  // The FIN lies right behind the last byte.
  const fin = connection.finQueued && start + length === queued && end > queued;
  const flags = Flag.ACK | (length > 0 && start + length === queued ? Flag.PSH : 0) |
    (fin ? Flag.FIN : 0);
  if (!transmit(connection, start, length, flags)) return 0;
  connection.repeatedSegments++;
  const taken = length + (fin ? 1 : 0);
  connection.repeated = Math.max(connection.repeated, start + taken);
  connection.repeatedAt = connection.nxt;
  if (start === connection.una) connection.sackedSince = 0;
  return taken;
}

/**
 * What was repeated may be lost again, which no timeout need find out: something that was sent later has
 * come, and the first hole is still there.
 * @param added bytes that were just selectively acknowledged
 */
export function noticeLostRepeats(connection: Connection, added: number): void {
  const { una, mode, sacked, mss, repeated, repeatedAt } = connection;
  connection.sackedSince += added;
  if (sacked.count === 0 || sacked.starts[0] <= una || repeated <= una) return;
  const enough = DUPLICATE_THRESHOLD * mss;
  if (sacked.ends[sacked.count - 1] >= repeatedAt + enough) {
    // New data has come: every hole that is left was repeated in vain.
    connection.repeated = una;
  } else if (mode === Mode.LOSS && connection.sackedSince >= enough) {
    // After a timeout everything goes in order: others have come that were repeated after the first.
    repeat(connection, una, sacked.starts[0]);
  }
}

/** Signs of loss that are enough to act on: fewer where so little is in flight that no more can come. */
export function duplicateThreshold({ una, nxt, queued, mss }: Connection): number {
  const segments = Math.ceil((nxt - una) / mss);
  // With new data there will be more signs (RFC 3042); else RFC 5827, 3.1.
  if (queued > nxt || segments > DUPLICATE_THRESHOLD) return DUPLICATE_THRESHOLD;
  return Math.max(1, segments - 1);
}

/** Begins fast retransmit and recovery. */
export function enterRecovery(connection: Connection): void {
  const { una, nxt, mss, sacked, tailProbed } = connection;
  connection.congestion.lost(inFlight(connection));
  connection.mode = Mode.RECOVERY;
  connection.recoveryPoint = nxt;
  connection.repeated = una;
  // The answer to a probe of the tail comes after everything else that was sent.
  const known = tailProbed && sacked.count > 0 ? sacked.starts[sacked.count - 1] : una + mss;
  connection.lostEnd = Math.min(nxt, known);
  connection.timedOffset = connection.sackedSince = 0;
  repeatLost(connection, true);
}

/** Everything in flight is taken as lost: sends it again from the start, one segment at first. */
export function timedOut(connection: Connection): void {
  const { una, nxt, congestion } = connection;
  if (una === nxt) return;
  if (connection.retries <= 1) congestion.timedOut(inFlight(connection));
  else {
    congestion.window = connection.mss;
    // The peer may have given up what it said that it has (RFC 2018, 8).
    connection.sacked.clear();
  }
  enterLoss(connection);
}

/** Sends everything in flight again, in the window that there is. */
export function enterLoss(connection: Connection): void {
  connection.mode = Mode.LOSS;
  connection.recoveryPoint = connection.lostEnd = connection.nxt;
  connection.repeated = connection.una;
  connection.duplicates = connection.timedOffset = connection.sackedSince = 0;
  output(connection);
}
