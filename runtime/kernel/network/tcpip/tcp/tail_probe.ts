// Tail loss probes (RFC 8985, 7): when the last segments of a burst are lost, nothing comes that would tell.
// One segment more, well before the timeout, makes the peer say what it has.
import type { Connection } from "./connection.ts";
import { Mode } from "./connection_variables.ts";
import { transmit } from "./output.ts";
import { Flag } from "./segment.ts";

/** Beside two round trips: what timers and the peer may take. */
const SLACK_NS = 2e6;

/** How long to wait for an answer before probing; infinity where it is left to the timeout. */
export function tailDelayNs(connection: Connection): number {
  const { mode, selective, tailProbed, sacked, roundTrip, una, nxt, mss } = connection;
  const eligible = selective && mode === Mode.OPEN && !tailProbed && sacked.count === 0 &&
    roundTrip.smoothedNs > 0 && connection.established;
  // The peer may delay the acknowledgement of a single segment for as long as the timeout takes anyway.
  if (!eligible || nxt - una <= mss) return Infinity;
  return 2 * roundTrip.smoothedNs + SLACK_NS;
}

/** Sends new data, or else the last segment again. */
export function probeTail(connection: Connection): void {
  const { una, nxt, queued, mss, mode, window, sacked } = connection;
  connection.tailProbed = true;
  if (mode !== Mode.OPEN || sacked.count > 0 || una === nxt) return;
  const fresh = Math.min(queued - nxt, mss, una + window - nxt);
  if (fresh > 0) {
    if (transmit(connection, nxt, fresh, Flag.ACK | Flag.PSH)) connection.nxt = nxt + fresh;
    return;
  }
  const end = Math.min(nxt, queued), start = Math.max(una, end - mss);
  connection.timedOffset = 0;
  connection.repeatedSegments++;
  transmit(connection, start, end - start, Flag.ACK | Flag.PSH);
}
