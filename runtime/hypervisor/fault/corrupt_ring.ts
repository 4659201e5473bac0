// What a server that lost its mind may write into its ring: answers to questions that nobody asked.
import { Completion, ENTRY_WORDS, Header, type RingShape, ringViews } from "../ring/layout.ts";

/** A slot that no ring has. */
const NO_SLOT = 0xffff;

/** Fills the completion queue with such answers, and says that all of them are there. */
export function corruptRing(memory: ArrayBufferLike, shape: RingShape): void {
  const { header, completions } = ringViews(memory, shape);
  for (let entry = 0; entry < shape.depth; entry++) {
    completions[entry * ENTRY_WORDS + Completion.SLOT] = NO_SLOT;
  }
  Atomics.add(header, Header.COMPLETION_TAIL, shape.depth + 1);
}
