// Disjoint ranges of stream offsets in order: what has been selectively acknowledged (RFC 2018), and what
// has come out of order.

export class RangeList {
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** bytes in all ranges */
  bytes = 0;
  /** index of the range that the last `add` went into */
  latest = 0;

  /** @param most ranges kept; one more is not added */
  constructor(private readonly most: number) {}

  get count(): number {
    return this.starts.length;
  }

  /** Adds a range and joins what it touches. @returns bytes that are new, or -1 where it was refused */
  add(start: number, end: number): number {
    const { starts, ends } = this;
    // The common case: behind or at the end of the last one.
    let first = starts.length;
    while (first > 0 && ends[first - 1] >= start) first--;
    let next = first;
    let covered = 0, from = start, to = end;
    while (next < starts.length && starts[next] <= end) {
      covered += ends[next] - starts[next];
      from = Math.min(from, starts[next]);
      to = Math.max(to, ends[next]);
      next++;
    }
    if (next === first && starts.length >= this.most) return -1;
    this.latest = first;
    if (next === first + 1) {
      starts[first] = from;
      ends[first] = to;
    } else {
      starts.splice(first, next - first, from);
      ends.splice(first, next - first, to);
    }
    const added = to - from - covered;
    this.bytes += added;
    return added;
  }

  /** Forgets everything before an offset. */
  dropBelow(offset: number): void {
    const { starts, ends } = this;
    while (starts.length > 0 && starts[0] < offset) {
      if (ends[0] > offset) {
        this.bytes -= offset - starts[0];
        starts[0] = offset;
        return;
      }
      this.bytes -= ends[0] - starts[0];
      starts.shift();
      ends.shift();
      if (this.latest > 0) this.latest--;
    }
  }

  clear(): void {
    this.starts.length =
      this.ends.length =
      this.bytes =
      this.latest =
        0;
  }
}
