// signalfd(2): signals that are read instead of delivered. Whoever reads gets those of its own process.
import type { Coroutine, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { O, POLL } from "../../vfs/constants.ts";
import type { Description } from "../file/description.ts";
import { putInt } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { SI, SIG, type SignalInfo, type SignalSet } from "./signal.ts";

/** `struct signalfd_siginfo`: its size, and where its fields are. */
const INFO_BYTES = 128;
const Field = {
  SIGNAL: 0,
  CODE: 8,
  PID: 12,
  UID: 16,
  TIMER: 24,
  OVERRUN: 32,
  STATUS: 40,
  INT: 44,
  POINTER: 48,
  ADDRESS: 72,
} as const;

function putInfo(info: SignalInfo, out: Uint8Array): void {
  out.fill(0);
  const view = new DataView(out.buffer, out.byteOffset, INFO_BYTES);
  putInt(out, Field.SIGNAL, info.signal);
  putInt(out, Field.CODE, info.code);
  if (info.code === SI.TIMER) {
    putInt(out, Field.TIMER, info.timer ?? 0);
    putInt(out, Field.OVERRUN, info.overrun ?? 0);
  } else {
    putInt(out, Field.PID, info.pid ?? 0);
    putInt(out, Field.UID, info.uid ?? 0);
  }
  if (info.signal === SIG.CHLD) putInt(out, Field.STATUS, info.status ?? 0);
  if (info.value !== undefined) {
    putInt(out, Field.INT, Number(BigInt.asIntN(32, info.value)));
    view.setBigUint64(Field.POINTER, info.value, true);
  }
  if (info.address !== undefined) view.setBigUint64(Field.ADDRESS, info.address, true);
}

export class SignalDescription implements Description {
  uses = 1;
  readonly kind = "anon_inode:[signalfd]";

  /** @param maker whose signals make it ready, whoever waits for that */
  constructor(private readonly maker: Process, public wanted: SignalSet, public flags: number) {}

  get readiness(): WaitQueue {
    return this.maker.signalEvents;
  }

  #take(process: Process): SignalInfo | undefined {
    const own = process.pending.take(this.wanted);
    if (own !== undefined) return own;
    for (const thread of process.threads) {
      const info = thread.pending.take(this.wanted);
      if (info !== undefined) return info;
    }
  }

  *read(into: Uint8Array, reader: Process = this.maker): Coroutine<number> {
    if (into.length < INFO_BYTES) fail(E.EINVAL);
    let filled = 0;
    for (;;) {
      while (filled + INFO_BYTES <= into.length) {
        const info = this.#take(reader);
        if (info === undefined) break;
        putInfo(info, into.subarray(filled, filled + INFO_BYTES));
        filled += INFO_BYTES;
      }
      if (filled > 0) return filled;
      if ((this.flags & O.NONBLOCK) !== 0) fail(E.EAGAIN);
      yield reader.signalEvents;
    }
  }

  write(): number {
    return fail(E.EINVAL);
  }

  poll(events: number): number {
    let waiting = this.maker.pending.set;
    for (const thread of this.maker.threads) waiting |= thread.pending.set;
    return (waiting & this.wanted) !== 0n ? events & POLL.IN : 0;
  }

  release(): void {}
}
