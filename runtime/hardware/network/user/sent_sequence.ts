// What has been sent to the machine, and what it has taken of that: the sequence numbers of the sending side
// (RFC 9293, 3.3.1). What was sent and is lost is sent again from the first number that was not acknowledged.
import { difference } from "./received_sequence.ts";
import { Flag, type Segment } from "./tcp_segment.ts";

/** Acknowledgements of the same number, after the first, that say that a segment was lost (RFC 5681, 3.2). */
const DUPLICATES = 3;

export class SentSequence {
  /** first number not acknowledged (SND.UNA) */
  unacknowledged: number;
  /** the number that is sent next (SND.NXT) */
  next: number;
  /** the first number that nothing sent had */
  highest: number;
  /** bytes that the machine takes beyond what it acknowledged (SND.WND) */
  window = 0;
  #scale = 0;
  #duplicates = 0;

  constructor(initial: number) {
    this.unacknowledged = this.next = this.highest = initial;
  }

  /** The machine's SYN has come. */
  begin({ window, scale = 0 }: Segment): void {
    this.window = window;
    this.#scale = scale;
  }

  /** A SYN takes the first number. @returns that */
  synchronize(): number {
    const sequence = this.unacknowledged;
    this.next = this.highest = (sequence + 1) >>> 0;
    return sequence;
  }

  /** The SYN was acknowledged. */
  open({ acknowledgement }: Segment): void {
    this.unacknowledged = this.next = acknowledgement;
  }

  /** Whether a SYN is under way, and a segment acknowledges that and nothing else. */
  isAnswered({ acknowledgement }: Segment): boolean {
    return this.next !== this.unacknowledged && acknowledgement === this.highest;
  }

  /** Numbers that are under way, as far as nothing is to be sent again. */
  get flying(): number {
    return difference(this.next, this.unacknowledged);
  }

  /** Whether something was sent that is not acknowledged. */
  get waiting(): boolean {
    return this.highest !== this.unacknowledged;
  }

  /**
   * Numbers that a segment acknowledges anew; negative for one that is older.
   * @returns undefined where it acknowledges what was not sent
   */
  acknowledgedBy({ acknowledgement }: Segment): number | undefined {
    const count = difference(acknowledgement, this.unacknowledged);
    return count > difference(this.highest, this.unacknowledged) ? undefined : count;
  }

  /**
   * Takes what a segment says of this side.
   * @param count of numbers that it acknowledges anew, not negative
   * @returns whether the window is another than before
   */
  take({ window, payload, flags, acknowledgement }: Segment, count: number): boolean {
    const told = window << this.#scale, changed = told !== this.window;
    this.window = told;
    if (count > 0) {
      this.unacknowledged = acknowledgement;
      if (this.flying < 0) this.next = acknowledgement;
      this.#duplicates = 0;
    } else if (
      !changed && payload.length === 0 && (flags & Flag.FIN) === 0 &&
      this.next !== this.unacknowledged && ++this.#duplicates === DUPLICATES
    ) this.again();
    return changed;
  }

  /** So many numbers are sent. @returns the first of them */
  advance(count: number): number {
    const sequence = this.next;
    this.next = (sequence + count) >>> 0;
    if (difference(this.next, this.highest) > 0) this.highest = this.next;
    return sequence;
  }

  /** What was not acknowledged is sent again. */
  again(): void {
    this.next = this.unacknowledged;
  }
}
