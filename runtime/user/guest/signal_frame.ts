// What a signal handler finds on its stack, and what rt_sigreturn restores: `struct rt_sigframe` of Linux
// riscv64, which is a siginfo, then a ucontext with all registers.
import { State } from "../../hardware/hart/state.ts";
import { putSignalInfo, SIGNAL_INFO_BYTES } from "../../kernel/process/signal/signal_info.ts";
import type { SignalInfo, SignalSet } from "../../kernel/process/signal/signal.ts";
import type { AlternateStack } from "../../kernel/process/thread.ts";

/** Offsets in the ucontext. */
const UC = { STACK: 16, MASK: 40, REGISTERS: 176, FLOATS: 432, FCSR: 688 } as const;
const UCONTEXT_BYTES = 960;
export const FRAME_BYTES = SIGNAL_INFO_BYTES + UCONTEXT_BYTES;
const INTEGERS_BYTES = 32 * 8;
const FLOATS_BYTES = 32 * 8;

/**
 * @param state bytes of the thread's state block: what the handler interrupts
 * @param mask what is blocked after the handler has returned
 */
export function makeFrame(
  state: Uint8Array,
  info: SignalInfo,
  mask: SignalSet,
  stack: AlternateStack,
): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES);
  putSignalInfo(info, frame.subarray(0, SIGNAL_INFO_BYTES));
  const context = frame.subarray(SIGNAL_INFO_BYTES);
  const view = new DataView(context.buffer, context.byteOffset);
  view.setBigUint64(UC.STACK, stack.base, true);
  view.setUint32(UC.STACK + 8, stack.flags, true);
  view.setBigUint64(UC.STACK + 16, stack.size, true);
  view.setBigUint64(UC.MASK, mask, true);
  // The place of x0 holds the program counter.
  context.set(state.subarray(State.X, State.X + INTEGERS_BYTES), UC.REGISTERS);
  context.set(state.subarray(State.PC, State.PC + 8), UC.REGISTERS);
  context.set(state.subarray(State.F, State.F + FLOATS_BYTES), UC.FLOATS);
  context.set(state.subarray(State.FCSR, State.FCSR + 4), UC.FCSR);
  return frame;
}

/** Puts the registers of a frame back. @returns the mask that it holds */
export function restoreFrame(frame: Uint8Array, state: Uint8Array): SignalSet {
  const context = frame.subarray(SIGNAL_INFO_BYTES);
  state.set(context.subarray(UC.REGISTERS + 8, UC.REGISTERS + INTEGERS_BYTES), State.X + 8);
  state.set(context.subarray(UC.REGISTERS, UC.REGISTERS + 8), State.PC);
  state.set(context.subarray(UC.FLOATS, UC.FLOATS + FLOATS_BYTES), State.F);
  state[State.FCSR] = context[UC.FCSR];
  return new DataView(context.buffer, context.byteOffset).getBigUint64(UC.MASK, true);
}
