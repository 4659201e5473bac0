// Control messages (cmsg(3)) as 64-bit Linux lays them out: length, level, type, data, aligned to eight bytes.
import { E, fail } from "../errno.ts";

const CONTROL_HEADER_BYTES = 16;

export interface ControlMessage {
  level: number;
  type: number;
  data: Uint8Array;
}

function alignedControl(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** The messages in a buffer. @throws Errno EINVAL for one whose length is none */
export function* controlMessages(control: Uint8Array): Generator<ControlMessage> {
  const view = new DataView(control.buffer, control.byteOffset, control.length);
  for (let at = 0; at + CONTROL_HEADER_BYTES <= control.length;) {
    const length = Number(view.getBigUint64(at, true));
    if (!(length >= CONTROL_HEADER_BYTES && at + length <= control.length)) fail(E.EINVAL);
    yield {
      level: view.getInt32(at + 8, true),
      type: view.getInt32(at + 12, true),
      data: control.subarray(at + CONTROL_HEADER_BYTES, at + length),
    };
    at += alignedControl(length);
  }
}

/** Fills a buffer with messages. */
export class ControlWriter {
  #used = 0;
  /** one of them did not fit */
  truncated = false;

  constructor(private readonly into: Uint8Array) {}

  get written(): Uint8Array {
    return this.into.subarray(0, this.#used);
  }

  /** Bytes that are left for another one's data. */
  get room(): number {
    return this.into.length - this.#used - CONTROL_HEADER_BYTES;
  }

  /** What does not fit is cut off, as Linux does it. */
  put(level: number, type: number, data: Uint8Array): void {
    const fitting = Math.min(data.length, this.room), at = this.#used;
    if (fitting < data.length) this.truncated = true;
    if (fitting < 0) return;
    const view = new DataView(this.into.buffer, this.into.byteOffset, this.into.length);
    view.setBigUint64(at, BigInt(CONTROL_HEADER_BYTES + fitting), true);
    view.setInt32(at + 8, level, true);
    view.setInt32(at + 12, type, true);
    this.into.set(data.subarray(0, fitting), at + CONTROL_HEADER_BYTES);
    const end = at + alignedControl(CONTROL_HEADER_BYTES + fitting);
    this.#used = Math.min(end, this.into.length);
  }
}
