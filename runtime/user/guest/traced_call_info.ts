// `struct ptrace_syscall_info` (PTRACE_GET_SYSCALL_INFO): the system call at whose beginning or end a thread
// has stopped.
import { A0, A7, SP } from "../../hardware/hart/abi.ts";
import type { TraceStop } from "../../kernel/process/tracing.ts";
import { SIG } from "../../kernel/process/signal/signal.ts";
import type { GuestThread } from "./guest_thread.ts";

/** AUDIT_ARCH_RISCV64 */
const ARCHITECTURE = 0xc000_00f3;
const OPERATION = { NONE: 0, ENTRY: 1, EXIT: 2 } as const;
/** Bytes of the structure, by what it tells. */
const BYTES = [24, 80, 33];
const ARGUMENTS = 6;
const MAX_ERRNO = 4095n;

/** It tells of calls only where they can be told from signals (PTRACE_O_TRACESYSGOOD). */
function operationOf({ reason, code }: TraceStop): number {
  if (code !== (SIG.TRAP | 0x80)) return OPERATION.NONE;
  return reason === "enter" ? OPERATION.ENTRY : OPERATION.EXIT;
}

export function callInfo(thread: GuestThread, stop: TraceStop): Uint8Array {
  const operation = operationOf(stop);
  const bytes = new Uint8Array(BYTES[operation]);
  const view = new DataView(bytes.buffer);
  const shown = thread.call?.shown;
  view.setUint8(0, operation);
  view.setUint32(4, ARCHITECTURE, true);
  view.setBigUint64(8, shown === undefined ? thread.pc : thread.pc + 4n, true);
  view.setBigUint64(16, thread.get(SP), true);
  if (operation === OPERATION.ENTRY) {
    view.setBigUint64(24, thread.get(A7), true);
    for (let index = 0; index < ARGUMENTS; index++) {
      view.setBigUint64(32 + index * 8, thread.get(A0 + index), true);
    }
  } else if (operation === OPERATION.EXIT) {
    const result = shown ?? BigInt.asIntN(64, thread.get(A0));
    view.setBigInt64(24, result, true);
    view.setUint8(32, result < 0n && result >= -MAX_ERRNO ? 1 : 0);
  }
  return bytes;
}
