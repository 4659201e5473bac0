// The registers of a thread that stands still as PTRACE_GETREGSET gives and PTRACE_SETREGSET takes them (ptrace(2),
// `struct user_regs_struct` and `struct __riscv_d_ext_state` of Linux riscv64).
import { A0 } from "../../hardware/hart/abi.ts";
import { State } from "../../hardware/hart/state.ts";
import type { GuestThread } from "./guest_thread.ts";

const ECALL_BYTES = 4n;
const REGISTER_BYTES = 8;
const INTEGERS_BYTES = 32 * REGISTER_BYTES;
const FLOATS_BYTES = 32 * REGISTER_BYTES;

/** A set of registers. */
export interface RegisterSet {
  read(thread: GuestThread): Uint8Array<ArrayBuffer>;
  /** @param bytes as many as {@link read} gives */
  write(thread: GuestThread, bytes: Uint8Array<ArrayBuffer>): void;
}

/** pc, then x1 to x31. */
export const integers: RegisterSet = {
  read(thread) {
    const bytes = thread.registers.slice(State.X, State.X + INTEGERS_BYTES) as Uint8Array<
      ArrayBuffer
    >;
    const view = new DataView(bytes.buffer);
    const shown = thread.call?.shown;
    view.setBigUint64(0, shown === undefined ? thread.pc : thread.pc + ECALL_BYTES, true);
    if (shown !== undefined) view.setBigInt64(A0 * REGISTER_BYTES, shown, true);
    return bytes;
  },
  write(thread, bytes) {
    const view = new DataView(bytes.buffer);
    const pc = view.getBigUint64(0, true);
    const first = thread.get(A0);
    thread.registers.set(bytes.subarray(REGISTER_BYTES), State.X + REGISTER_BYTES);
    const { call } = thread;
    if (call?.shown !== undefined) {
      // The argument stays what it was.
      thread.set(A0, first);
      call.shown = view.getBigInt64(A0 * REGISTER_BYTES, true);
      thread.pc = pc - ECALL_BYTES;
      return;
    }
    // An interrupted call is made again unless the thread is to be somewhere else, or is asked something else.
    if (thread.interrupted && (thread.pc !== pc || thread.get(A0) !== first)) thread.forgetCall();
    thread.pc = pc;
  },
};

/** f0 to f31, then fcsr in the place of one. */
export const floats: RegisterSet = {
  read({ registers }) {
    const bytes = new Uint8Array(FLOATS_BYTES + REGISTER_BYTES);
    bytes.set(registers.subarray(State.F, State.F + FLOATS_BYTES));
    bytes.set(registers.subarray(State.FCSR, State.FCSR + 4), FLOATS_BYTES);
    return bytes;
  },
  write({ registers }, bytes) {
    registers.set(bytes.subarray(0, FLOATS_BYTES), State.F);
    registers[State.FCSR] = bytes[FLOATS_BYTES];
  },
};

/** By the type of an ELF note: NT_PRSTATUS, NT_PRFPREG. */
export const registerSets: ReadonlyMap<number, RegisterSet> = new Map([[1, integers], [2, floats]]);

/** Size of one register, of which what is asked for must be a multiple. */
export const SET_UNIT_BYTES = REGISTER_BYTES;
