// Data and FIN of a segment that arrived (RFC 9293, 3.10.7.4, seventh and eighth step), and when they are
// acknowledged (RFC 5681, 4.2).
import type { Connection } from "./connection.ts";
import { sendAck } from "./output.ts";
import { Flag, type Segment } from "./segment.ts";
import { State } from "./state.ts";

export function receiveData(connection: Connection, segment: Segment, sequence: number): void {
  const { state } = connection;
  const open = state === State.ESTABLISHED || state === State.FIN_WAIT_1 ||
    state === State.FIN_WAIT_2;
  if (!open) {
    connection.ackNow = true;
    return;
  }
  const { dataBytes } = segment;
  // Nobody will ever read it: the peer must know (RFC 1122, 4.2.2.13).
  if (connection.owner === undefined && sequence + dataBytes > connection.rcvNxt) {
    return connection.abort();
  }
  const dataEnd = sequence + dataBytes;
  const end = Math.min(dataEnd, connection.rcvEdge, connection.finAt);
  if (segment.has(Flag.FIN) && end === dataEnd) connection.finAt = dataEnd;
  const inOrder = sequence <= connection.rcvNxt && connection.gaps.count === 0;
  const before = connection.rcvNxt;
  if (inOrder) {
    if (end > before) {
      place(connection, segment, before, sequence, end);
      connection.rcvNxt = end;
    }
  } else placeApart(connection, segment, sequence, end);
  const gained = connection.rcvNxt - before;
  connection.unacknowledged += gained;
  // What was refused, came again or out of order is told at once, and so is a gap that closes.
  if (!inOrder || gained === 0 && dataBytes > 0) connection.ackNow = true;
  else if (gained > 0) scheduleAck(connection, gained);
  if (gained > 0) connection.news = true;
  if (connection.rcvNxt === connection.finAt) receiveFin(connection);
}

/** Puts the bytes from offset `start` to `end` where they belong in the receive buffer. */
function place(
  { received, confirmed }: Connection,
  { packet, dataAt }: Segment,
  start: number,
  sequence: number,
  end: number,
): void {
  received.reserve(confirmed, end);
  received.write(start, packet.bytes, dataAt + start - sequence, end - start);
}

/** Data behind a gap, or that closes one. */
function placeApart(connection: Connection, segment: Segment, sequence: number, end: number): void {
  const { gaps } = connection;
  const start = Math.max(sequence, connection.rcvNxt);
  if (end <= start) return;
  // With too many gaps, it may come again once some are closed.
  const added = gaps.add(start, end);
  if (added < 0) return;
  if (added === 0) {
    connection.duplicateStart = start;
    connection.duplicateEnd = end;
  }
  place(connection, segment, start, sequence, end);
  if (start > connection.rcvNxt) return;
  connection.rcvNxt = gaps.ends[0];
  gaps.dropBelow(connection.rcvNxt);
}

/** Every second full segment is acknowledged at once; else an answer of the program may carry it. */
function scheduleAck(connection: Connection, gained: number): void {
  if (gained > connection.rcvMss) connection.rcvMss = Math.min(gained, connection.pathMss);
  if (connection.quickAcks > 0 && gained >= connection.rcvMss) {
    connection.quickAcks--;
    connection.ackNow = true;
  } else if (connection.unacknowledged >= 2 * connection.rcvMss || connection.tcpOptions.quickAck) {
    connection.ackNow = true;
  } else connection.timers.armAcknowledge();
}

function receiveFin(connection: Connection): void {
  connection.rcvNxt++;
  connection.ackNow = true;
  connection.news = true;
  if (connection.state === State.ESTABLISHED) connection.state = State.CLOSE_WAIT;
  else if (connection.state === State.FIN_WAIT_1) connection.state = State.CLOSING;
  else {
    sendAck(connection);
    connection.enterTimeWait();
  }
}
