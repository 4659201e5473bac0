// What has come of a connection from the machine, and what the machine was told of that: the sequence numbers of the
// receiving side (RFC 9293, 3.3.1).
import { Flag, type Segment } from "./tcp_segment.ts";

export class ReceivedSequence {
  /** the number that comes next (RCV.NXT) */
  expected = 0;
  /** the machine has sent everything, and its end */
  ended = false;
  /** first number beyond the window that was told last */
  #edge = 0;
  /** number that was acknowledged last */
  #acknowledged = 0;

  /** @param first number of the machine's SYN */
  begin(first: number): void {
    this.expected = (first + 1) >>> 0;
  }

  /**
   * Takes the data of a segment, as far as it is the next and there is room.
   * @param room in bytes
   * @returns the data; undefined where the segment has nothing that is next
   */
  take({ sequence, payload, flags }: Segment, room: number): Uint8Array | undefined {
    const known = difference(this.expected, sequence);
    if (this.ended || known < 0 || known > payload.length) return undefined;
    const data = known === 0 && payload.length <= room
      ? payload
      : payload.subarray(known, known + room);
    this.expected = (this.expected + data.length) >>> 0;
    if ((flags & Flag.FIN) !== 0 && known + data.length === payload.length) {
      this.ended = true;
      this.expected = (this.expected + 1) >>> 0;
    }
    return data;
  }

  /** How much has come that is not acknowledged. */
  get unacknowledged(): number {
    return difference(this.expected, this.#acknowledged);
  }

  /** Bytes that the machine may send still, as far as it was told. */
  get window(): number {
    return difference(this.#edge, this.expected);
  }

  /** The machine is told of all that has come, and of a window of so many bytes. */
  tell(windowBytes: number): void {
    this.#acknowledged = this.expected;
    this.#edge = this.expected + windowBytes;
  }
}

/** How far one sequence number is behind another (RFC 9293, 3.4). */
export function difference(left: number, right: number): number {
  return (left - right) | 0;
}
