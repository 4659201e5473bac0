// Has a thread of an ELF program go on in the handler of a signal, and after it where it was: the frame on its
// stack, and the registers.
import { E, Errno } from "../../kernel/errno.ts";
import { carryOut } from "../../kernel/process/signal/process_signals.ts";
import {
  bit,
  DEFAULT,
  SA,
  SI,
  SIG,
  type SignalAction,
  type SignalInfo,
} from "../../kernel/process/signal/signal.ts";
import { SS_DISABLE } from "../../kernel/process/thread.ts";
import { SIGRETURN } from "../elf/vdso.ts";
import { type GuestThread, NO_RESULT } from "./guest_thread.ts";
import { restarts } from "./calls.ts";
import { answer } from "./pending_call.ts";
import { FRAME_BYTES, makeFrame, restoreFrame } from "./signal_frame.ts";
import { raise } from "./thread_fault.ts";
import { PageNeeded } from "./user_access.ts";
import { A0, A1, A2, RA, SP } from "../../hardware/hart/abi.ts";

/** Makes a thread that is on the hart go on in a signal's handler; a call that it interrupted ends, or comes after. */
export function deliver(thread: GuestThread, info: SignalInfo): void {
  const action = thread.kernel.process.actions.get(info.signal);
  if (thread.interrupted) {
    const call = thread.call!, { words } = thread.guest;
    thread.forgetCall();
    const again = restarts(call.number) === true && (action.flags & SA.RESTART) !== 0;
    if (again) call.beginAgain(words);
    else answer(words, -E.EINTR);
  }
  enter(thread, info, action);
}

/** Without a stack for the handler the process is ended by SIGSEGV. */
function enter(thread: GuestThread, info: SignalInfo, action: SignalAction): void {
  const { kernel } = thread, { process } = kernel;
  const { signal } = info;
  if ((action.flags & SA.RESETHAND) !== 0) {
    process.actions.set(signal, { ...action, handler: DEFAULT });
  }
  const stack = kernel.alternateStack;
  const onto = (action.flags & SA.ONSTACK) !== 0 && stack.flags !== SS_DISABLE &&
    !kernel.onAlternateStack;
  const top = onto ? stack.base + stack.size : thread.get(SP);
  const at = (top - BigInt(FRAME_BYTES)) & ~15n;
  const mask = kernel.savedMask ?? kernel.mask;
  kernel.savedMask = undefined;
  try {
    thread.access.write(Number(at), makeFrame(thread.registers, info, mask, stack));
  } catch (failure) {
    if (!(failure instanceof Errno) && !(failure instanceof PageNeeded)) throw failure;
    // There is no stack to run a handler on.
    process.actions.set(SIG.SEGV, { handler: DEFAULT, flags: 0, mask: 0n });
    return carryOut(process, { signal: SIG.SEGV, code: SI.KERNEL }, kernel);
  }
  kernel.mask |= action.mask | ((action.flags & SA.NODEFER) !== 0 ? 0n : bit(signal));
  thread.set(SP, at);
  thread.set(RA, BigInt(SIGRETURN));
  thread.set(A0, BigInt(signal));
  thread.set(A1, at);
  thread.set(A2, at + 128n);
  thread.pc = BigInt(action.handler);
}

/** rt_sigreturn(2) */
export function leaveHandler(thread: GuestThread): number {
  const at = Number(thread.get(SP));
  let frame: Uint8Array;
  try {
    frame = thread.access.read(at, FRAME_BYTES);
  } catch (failure) {
    if (!(failure instanceof Errno)) throw failure;
    raise(thread.kernel, { signal: SIG.SEGV, code: 1 }, BigInt(at));
    return NO_RESULT;
  }
  thread.kernel.mask = restoreFrame(frame, thread.registers);
  return NO_RESULT;
}
