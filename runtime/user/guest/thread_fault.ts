// Signals that a thread of an ELF program causes itself: they cannot be put off, or ignored.
import type { Fault } from "../../kernel/process/memory/address_space.ts";
import { carryOut } from "../../kernel/process/signal/process_signals.ts";
import { bit, DEFAULT, SIG } from "../../kernel/process/signal/signal.ts";
import type { Thread } from "../../kernel/process/thread.ts";

/** @param address what it faulted at */
export function raise(thread: Thread, { signal, code }: Fault, address: bigint): void {
  const { process, tracing } = thread;
  const blocked = (thread.mask & bit(signal)) !== 0n;
  const { handler } = process.actions.get(signal);
  const helpless = signal === SIG.KILL || blocked || handler <= 1;
  if (helpless) process.actions.set(signal, { handler: DEFAULT, flags: 0, mask: 0n });
  // A tracer sees it before it ends the process.
  const info = { signal, code, address };
  if (helpless && (tracing === undefined || signal === SIG.KILL)) {
    return carryOut(process, info, thread);
  }
  if (blocked) thread.mask &= ~bit(signal);
  thread.pending.add(info);
}
