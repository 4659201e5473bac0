// A system call that a guest thread has begun: what its registers hold until it has a result, and how they
// become what it is begun anew with. The program counter stays at the ecall until there is a result.
import { A0, A7 } from "../../hardware/hart/abi.ts";
import { State } from "../../hardware/hart/state.ts";

const ECALL_BYTES = 4;

export class PendingCall {
  /**
   * what a tracer sees in a0 meanwhile, as Linux has it; it sees the program counter behind the ecall then.
   * Undefined where it sees the registers as they are
   */
  shown: bigint | undefined;

  /** @param firstLow a0 as it was, and its upper half */
  private constructor(
    readonly number: number,
    private readonly firstLow: number,
    private readonly firstHigh: number,
  ) {}

  /** @param words the state block, of a thread at an ecall */
  static begun(words: Int32Array): PendingCall {
    return new PendingCall(words[A7 * 2], words[A0 * 2], words[A0 * 2 + 1]);
  }

  /** The call is made anew when the thread goes on. */
  beginAgain(words: Int32Array): void {
    words[A0 * 2] = this.firstLow;
    words[A0 * 2 + 1] = this.firstHigh;
  }
}

/** Puts a result into a0, and goes on behind the ecall. */
export function answer(words: Int32Array, status: number): void {
  words[A0 * 2] = status;
  words[A0 * 2 + 1] = Math.floor(status / 2 ** 32);
  const pc = State.PC >> 2;
  const low = (words[pc] >>> 0) + ECALL_BYTES;
  words[pc] = low;
  if (low > 0xffff_ffff) words[pc + 1]++;
}
