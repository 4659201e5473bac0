// `siginfo_t` of Linux on 64-bit machines (sigaction(2)): 128 bytes, of which what the sender tells is laid
// out by kind.
import { SI, SIG, type SignalInfo } from "./signal.ts";

export const SIGNAL_INFO_BYTES = 128;

/** Faults, whose information is an address. */
const FAULTS: readonly number[] = [SIG.ILL, SIG.TRAP, SIG.BUS, SIG.FPE, SIG.SEGV];

/** @param out 128 bytes, which are filled */
export function putSignalInfo(info: SignalInfo, out: Uint8Array): void {
  out.fill(0);
  if (info.bytes !== undefined) return out.set(info.bytes);
  const view = new DataView(out.buffer, out.byteOffset, out.length);
  view.setInt32(0, info.signal, true);
  view.setInt32(8, info.code, true);
  if (info.address !== undefined && FAULTS.includes(info.signal)) {
    view.setBigUint64(16, info.address, true);
    return;
  }
  if (info.code === SI.TIMER) {
    view.setInt32(16, info.timer ?? 0, true);
    view.setInt32(20, info.overrun ?? 0, true);
    view.setBigUint64(24, info.value ?? 0n, true);
    return;
  }
  view.setInt32(16, info.pid ?? 0, true);
  view.setUint32(20, info.uid ?? 0, true);
  if (info.status !== undefined) view.setInt32(24, info.status, true);
  else view.setBigUint64(24, info.value ?? 0n, true);
}
