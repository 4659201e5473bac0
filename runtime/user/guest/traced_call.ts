// What a tracer sees of the registers of a thread that is in a system call, and what it makes of the call by
// changing them (ptrace(2), syscall-stops). In Linux riscv64 a0 has the result from the beginning on: the first
// argument is kept elsewhere.
import { A0, A7 } from "../../hardware/hart/abi.ts";
import { E } from "../../kernel/errno.ts";
import { callNumber } from "../../../schemas/syscalls.ts";
import { restarts } from "./calls.ts";
import type { GuestThread } from "./guest_thread.ts";
import type { PendingCall } from "./pending_call.ts";

/** Before a call has a result. */
export const shownAtEntry = BigInt(-E.ENOSYS);

/** Results that only tracers see: how a call that was interrupted goes on. */
const ERESTARTSYS = -512n, ERESTARTNOHAND = -514n, ERESTART_RESTARTBLOCK = -516n;
const SLEEPS = [callNumber("nanosleep"), callNumber("clock_nanosleep")];

/** The result of a call that was interrupted, and may be made again. */
export function shownAtRestart(number: number): bigint {
  if (SLEEPS.includes(number)) return ERESTART_RESTARTBLOCK;
  return restarts(number) === true ? ERESTARTSYS : ERESTARTNOHAND;
}

/** A tracer has a call skipped by making its number -1: a0 is the result then. @returns whether it did */
export function endsSkipped(thread: GuestThread, call: PendingCall): boolean {
  if (BigInt.asIntN(64, thread.get(A7)) !== -1n) return false;
  thread.set(A0, call.shown!);
  thread.pc += 4n;
  return true;
}
