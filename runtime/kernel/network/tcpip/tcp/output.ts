// What a connection sends, and when (RFC 9293, 3.8.6.2.1; Nagle's rule, RFC 1122, 4.2.3.4).
import type { Connection } from "./connection.ts";
import { Mode } from "./connection_variables.ts";
import { inFlight, repeatLost } from "./recovery.ts";
import { Flag } from "./segment.ts";
import { writer } from "./segment_writer.ts";
import { State } from "./state.ts";

/** Most bytes of a packet that the device cuts into segments. */
const MOST_LARGE_BYTES = 65_535 - 120;

/** States in which there may be data or a FIN to send. */
function maySend(state: State): boolean {
  return state === State.ESTABLISHED || state === State.CLOSE_WAIT ||
    state === State.FIN_WAIT_1 || state === State.CLOSING || state === State.LAST_ACK;
}

/** Sends what may be sent. @param force even a small segment, for a timer that says so */
export function output(connection: Connection, force = false): void {
  if (!maySend(connection.state)) return;
  const { congestion, roundTrip } = connection;
  const idle = connection.una === connection.nxt;
  if (idle && connection.queued > connection.nxt && connection.nxt > 1) {
    const now = connection.tcp.now();
    if (now - connection.lastSentNs > roundTrip.timeoutNs) congestion.idle();
  }
  if (connection.mode !== Mode.OPEN && !repeatLost(connection)) return;
  let room = congestion.window - inFlight(connection);
  let limited = false;
  for (;;) {
    const { queued, nxt, mss, una } = connection;
    const unsent = queued - nxt;
    const fin = connection.finQueued && nxt <= queued;
    if (unsent <= 0 && !fin) break;
    const allowed = una + connection.window - nxt;
    const most = Math.min(allowed, room);
    const length = sendable(connection, Math.min(unsent, most), unsent, force);
    if (length < 0 || most <= 0) {
      limited = room < allowed && room < mss;
      if (limited || una < nxt) break;
      if (length === HELD) connection.timers.armCork();
      else connection.timers.armProbe();
      break;
    }
    const payload = writer.payloadBytes(connection);
    const bytes = segmentBytes(connection, length, unsent, payload);
    const last = bytes === unsent;
    const withFin = fin && last && bytes < most;
    const flags = Flag.ACK | (last && bytes > 0 ? Flag.PSH : 0) | (withFin ? Flag.FIN : 0);
    if (!transmit(connection, nxt, bytes, flags)) break;
    const taken = bytes + (withFin ? 1 : 0);
    if (bytes % payload !== 0) connection.smallEnd = nxt + bytes;
    connection.nxt = nxt + taken;
    room -= taken;
    if (taken === 0) break;
  }
  // Only a window that is in use may grow (RFC 9438, 5.8).
  const used = connection.nxt - connection.una;
  connection.windowUsed = limited || congestion.slowStart && 2 * used > congestion.window;
  if (connection.ackNow) sendAck(connection);
}

/** Bytes of the next segment, or of several that the device cuts apart: whole ones, but at the end. */
function segmentBytes(connection: Connection, length: number, unsent: number, payload: number) {
  if (length <= payload || !connection.path.via.segments) return Math.min(length, payload);
  const bytes = Math.min(length, Math.floor(MOST_LARGE_BYTES / payload) * payload);
  return bytes < unsent ? bytes - bytes % payload : bytes;
}

/** Not worth sending by itself (silly window), and held back by the program or Nagle's rule. */
const SILLY = -1, HELD = -2;

/** How much of `length` bytes, that windows allow, is to be sent now; negative: nothing, and why. */
function sendable(connection: Connection, length: number, unsent: number, force: boolean): number {
  const { mss, tcpOptions } = connection;
  if (force) return length;
  if (length < unsent) {
    if (length >= mss) return length - length % mss;
    return length > 0 && length >= connection.mostWindow / 2 ? length : SILLY;
  }
  const tail = length % mss;
  if (tail === 0 || connection.finQueued) return length;
  const corked = tcpOptions.cork || connection.moreFollows;
  const small = connection.smallEnd > connection.una;
  if (!corked && (tcpOptions.noDelay || !small)) return length;
  return length > tail ? length - tail : HELD;
}

/** Sends a segment from the stream; acknowledges on the way. @returns whether there was room */
export function transmit(
  connection: Connection,
  offset: number,
  length: number,
  flags: number,
): boolean {
  const { tcp, path } = connection;
  writer.prepare(connection, offset, length, flags);
  const result = tcp.stack.send(path, writer);
  if (result === "no room") {
    path.via.waitForRoom(connection);
    return false;
  }
  if (result === "too big") {
    // The way has become narrower: what is then cut smaller goes out with the timer.
    connection.resize();
    connection.timers.armRetransmit();
    return false;
  }
  const now = tcp.now();
  acknowledged(connection);
  connection.lastSentNs = now;
  // What is repeated, or sent behind a gap, tells nothing of the time (Karn's rule).
  if (connection.timedOffset === 0 && offset === connection.nxt && connection.mode === Mode.OPEN) {
    connection.timedOffset = offset + length + ((flags & Flag.FIN) !== 0 ? 1 : 0);
    connection.timedSinceNs = now;
  }
  if (!connection.timers.retransmitting) connection.timers.armRetransmit(now);
  return true;
}

/** What is to be acknowledged has been, in whatever segment. */
function acknowledged(connection: Connection): void {
  connection.unacknowledged = 0;
  connection.ackNow = false;
  connection.duplicateEnd = 0;
  connection.timers.cancelAcknowledge();
}

/** Sends an acknowledgement without data, or as soon as there is room. */
export function sendAck(connection: Connection): void {
  if (sendEmpty(connection, connection.nxt, Flag.ACK)) return acknowledged(connection);
  connection.ackNow = true;
  connection.path.via.waitForRoom(connection);
}

/** A segment that the peer does not accept, and so answers (window probes and keep-alives). */
export function sendProbe(connection: Connection): void {
  sendEmpty(connection, connection.una - 1, Flag.ACK);
}

export function sendReset(connection: Connection): void {
  sendEmpty(connection, connection.nxt, Flag.RST | Flag.ACK);
}

/** @returns whether there was room */
function sendEmpty(connection: Connection, offset: number, flags: number): boolean {
  writer.prepare(connection, offset, 0, flags);
  return connection.tcp.stack.send(connection.path, writer) === "sent";
}

/** Sends the SYN, with the acknowledgement of the peer's where it has come. */
export function sendSyn(connection: Connection, withAck: boolean): void {
  const now = connection.tcp.now();
  writer.prepareSyn(connection, withAck);
  connection.tcp.stack.send(connection.path, writer);
  if (connection.retries === 0) {
    connection.timedOffset = 1;
    connection.timedSinceNs = now;
  }
}
