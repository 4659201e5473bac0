// The page by which the supervisors tell a domain who is at the other ends of its rings: one line of
// words a ring. A supervisor writes the state, the domain acknowledges it. The ring's memory is touched
// only between the acknowledgement of "down" and the next "up".

export const LinkState = { DOWN: 0, UP: 1, GONE: 2 } as const;

const LINE_WORDS = 16;
const STATE = 0;
const ACKNOWLEDGED = 1;
const REQUEST = 2;
const RESUMED = 3;
const RESUMED_AT = 4;

export const MAX_LINKS = 60;
export const CONTROL_BYTES = MAX_LINKS * LINE_WORDS * 4;

/**
 * State and generation travel in one word, so that neither is seen without the other:
 * generation in the upper 30 bits, state in the lower two.
 */
export class ControlPage {
  readonly #words: Int32Array;

  constructor(memory: ArrayBufferLike) {
    this.#words = new Int32Array(memory, 0, CONTROL_BYTES / 4);
  }

  /** supervisor: publishes whether somebody is at the other end of a ring */
  setLink(ring: number, state: number, generation: number): void {
    Atomics.store(this.#words, this.#line(ring) + STATE, generation << 2 | state);
  }

  /** State and generation of a ring from their word. */
  static linkOf(word: number): { state: number; generation: number } {
    return { state: word & 3, generation: word >>> 2 };
  }

  /** domain: whether a ring is in another state than that of `word`; cheap */
  linkChanged(ring: number, word: number): boolean {
    return this.#words[this.#line(ring) + STATE] !== word;
  }

  /** domain: state and generation in one word; see {@link linkOf} */
  linkWord(ring: number): number {
    return Atomics.load(this.#words, this.#line(ring) + STATE);
  }

  /** domain: has left the ring as the state says, or taken it up */
  acknowledge(ring: number, word: number): void {
    Atomics.store(this.#words, this.#line(ring) + ACKNOWLEDGED, word);
  }

  /** supervisor: whether the domain has followed the present state of a ring */
  acknowledged(ring: number): boolean {
    const line = this.#line(ring);
    return Atomics.load(this.#words, line + ACKNOWLEDGED) ===
      Atomics.load(this.#words, line + STATE);
  }

  /**
   * domain: has brought the server of a ring to where the last one was, and goes on with its calls
   * @param answers those it has taken of this generation: what they answered was no program's call
   */
  resume(ring: number, generation: number, answers: number): void {
    const line = this.#line(ring);
    Atomics.store(this.#words, line + RESUMED_AT, answers);
    Atomics.store(this.#words, line + RESUMED, generation);
  }

  /** supervisor: what `resume` said of a generation; undefined before it has */
  resumed(ring: number, generation: number): number | undefined {
    const line = this.#line(ring);
    return Atomics.load(this.#words, line + RESUMED) === generation
      ? Atomics.load(this.#words, line + RESUMED_AT)
      : undefined;
  }

  /** domain: the other end of a ring wrote nonsense; its supervisor shall treat it as failed */
  accuse(ring: number): void {
    Atomics.store(this.#words, this.#line(ring) + REQUEST, 1);
  }

  /** supervisor: takes an accusation */
  takeAccusation(ring: number): boolean {
    return Atomics.exchange(this.#words, this.#line(ring) + REQUEST, 0) === 1;
  }

  #line(ring: number): number {
    return ring * LINE_WORDS;
  }
}
