// Half-open connections that outlive their domain: a peer whose SYN was answered thinks that it is connected as
// soon as it has the answer, and what it sends next may find another instance here. In memory that the next
// instance is given as this one left it, each has a record, written before the answer goes out. An instance may
// end at any store: a record counts once its mark is set, which is the last store.

/** Those on top are forgotten with their instance. */
const RECORDS = 512;
const RECORD_BYTES = 128;
export const HALF_OPEN_BYTES = RECORDS * RECORD_BYTES;
const MARK_AT = 0, SIZE_AT = 4, SOURCE_AT = 8, DESTINATION_AT = 24, VALUES_AT = 40;

const numbers = [
  "localPort",
  "remotePort",
  "irs",
  "iss",
  "peerMss",
  "windowScale",
  "timestamp",
  "recentTimestamp",
] as const;
const flags = ["six", "selective", "timestamps"] as const;

/** What both sides have said so far. */
export type SavedHalfOpen =
  & Record<typeof numbers[number], number>
  & Record<typeof flags[number], boolean>
  & {
    /** 4 or 16 bytes each */
    source: Uint8Array;
    destination: Uint8Array;
  };

export class HalfOpenRecords {
  readonly #marks: Int32Array;
  readonly #free: number[] = [];
  readonly #saved = new Map<number, SavedHalfOpen>();

  /** @param memory as the last instance left it, {@link HALF_OPEN_BYTES} */
  constructor(private readonly memory: Uint8Array) {
    this.#marks = new Int32Array(memory.buffer, memory.byteOffset, memory.length / 4);
    for (let place = RECORDS - 1; place >= 0; place--) {
      if (this.#marks[this.#markOf(place)] === 0) this.#free.push(place);
      else this.#saved.set(place, this.#load(place));
    }
  }

  #markOf(place: number): number {
    return (place * RECORD_BYTES + MARK_AT) / 4;
  }

  #values(place: number): Float64Array {
    const { buffer, byteOffset } = this.memory;
    const at = byteOffset + place * RECORD_BYTES + VALUES_AT;
    return new Float64Array(buffer, at, numbers.length + 1);
  }

  #load(place: number): SavedHalfOpen {
    const { memory } = this, at = place * RECORD_BYTES, values = this.#values(place);
    const size = memory[at + SIZE_AT] === 4 ? 4 : 16, bits = values[numbers.length];
    const saved: Record<string, unknown> = {
      source: memory.slice(at + SOURCE_AT, at + SOURCE_AT + size),
      destination: memory.slice(at + DESTINATION_AT, at + DESTINATION_AT + size),
    };
    numbers.forEach((name, index) => saved[name] = values[index]);
    flags.forEach((name, bit) => saved[name] = (bits & 1 << bit) !== 0);
    return saved as unknown as SavedHalfOpen;
  }

  /** @returns its place; -1 where there is no room */
  save(halfOpen: SavedHalfOpen): number {
    const place = this.#free.pop() ?? -1;
    if (place < 0) return place;
    const { memory } = this, at = place * RECORD_BYTES, values = this.#values(place);
    const { source, destination } = halfOpen;
    memory[at + SIZE_AT] = source.length;
    memory.set(source, at + SOURCE_AT);
    memory.set(destination, at + DESTINATION_AT);
    numbers.forEach((name, index) => values[index] = halfOpen[name]);
    values[numbers.length] = flags.reduce((bits, name, bit) => bits | +halfOpen[name] << bit, 0);
    Atomics.store(this.#marks, this.#markOf(place), 1);
    return place;
  }

  /** It has become a connection, or nothing. @param place as `save` gave it */
  clear(place: number): void {
    if (place < 0) return;
    Atomics.store(this.#marks, this.#markOf(place), 0);
    this.#free.push(place);
  }

  /** Those of the last instance at a port, by their places, which are whoever's that asks. */
  takeSaved(localPort: number, six: boolean): [place: number, SavedHalfOpen][] {
    const taken = [...this.#saved].filter(([, saved]) =>
      saved.localPort === localPort && saved.six === six
    );
    for (const [place] of taken) this.#saved.delete(place);
    return taken;
  }

  /** Nobody will ask for what is left. */
  forgetSaved(): void {
    for (const place of this.#saved.keys()) this.clear(place);
    this.#saved.clear();
  }
}
