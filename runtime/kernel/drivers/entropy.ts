// The interface `entropy`: random bytes, as the entropy driver provides them.
import type { Blocking } from "../coroutine.ts";

export interface Entropy {
  /** Fills all of `into`. */
  fill(into: Uint8Array): Blocking<void>;
}
