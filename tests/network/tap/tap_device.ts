// A tap device of Linux as a FrameDevice: what the stack sends goes into the kernel of the network namespace
// that this process is in. Frames can be lost, repeated and held back on the way, from a seed.
import type { FrameDevice } from "../../../runtime/kernel/network/frame_device.ts";

const O_RDWR = 2, O_NONBLOCK = 0o4000;
const TUNSETIFF = 0x4004_54ca;
const IFF_TAP = 2, IFF_NO_PI = 0x1000;
const POLLIN = 1;
const MOST_FRAME_BYTES = 65_536;

const libc = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32", nonblocking: true },
});

export interface TapFaults {
  loss: number;
  duplication: number;
  reordering: number;
}

export class TapDevice implements FrameDevice {
  readonly mac = Uint8Array.of(2, 0, 0, 0, 9, 2);
  readonly checksumsSent = false;
  readonly segmentsSent = false;
  received: (frame: Uint8Array, verified: boolean) => void = () => {};
  writable: () => void = () => {};
  readonly #file: number;
  readonly #buffer = new Uint8Array(MOST_FRAME_BYTES);
  readonly #held: { frame: Uint8Array; sent: boolean; afterFrames: number }[] = [];

  /** @throws Error where the kernel refuses */
  constructor(
    name: string,
    readonly mtu: number,
    private readonly faults: TapFaults,
    private readonly random: () => number,
  ) {
    this.#file = libc.symbols.open(cString("/dev/net/tun"), O_RDWR | O_NONBLOCK);
    if (this.#file < 0) throw new Error("Cannot open /dev/net/tun");
    const request = new Uint8Array(40);
    request.set(cString(name));
    new DataView(request.buffer).setUint16(16, IFF_TAP | IFF_NO_PI, true);
    if (libc.symbols.ioctl(this.#file, BigInt(TUNSETIFF), request) < 0) {
      throw new Error(`Cannot make tap device ${name}`);
    }
  }

  send(length: number, fill: (into: Uint8Array) => void): boolean {
    const frame = new Uint8Array(length);
    fill(frame);
    this.#pass(frame, true);
    return true;
  }

  /** Takes what the kernel sent. @returns frames */
  drain(): number {
    for (let count = 0;; count++) {
      const length = Number(
        libc.symbols.read(this.#file, this.#buffer, BigInt(MOST_FRAME_BYTES)),
      );
      if (length <= 0) return count;
      this.#pass(this.#buffer.slice(0, length), false);
    }
  }

  /** Waits until there are frames, at most so long. */
  async wait(timeoutMs: number): Promise<void> {
    const request = new Uint8Array(8);
    const view = new DataView(request.buffer);
    view.setInt32(0, this.#file, true);
    view.setInt16(4, POLLIN, true);
    await libc.symbols.poll(request, 1n, Math.max(0, Math.ceil(timeoutMs)));
  }

  #pass(frame: Uint8Array, sent: boolean): void {
    const { loss, duplication, reordering } = this.faults;
    if (this.random() >= loss) {
      if (this.random() < reordering) {
        this.#held.push({ frame, sent, afterFrames: 1 + Math.floor(this.random() * 3) });
      } else this.#deliver(frame, sent);
      if (this.random() < duplication) this.#deliver(frame, sent);
    }
    // Each way has its own: a stack that sends is not to receive in the midst of it.
    for (const held of this.#held.splice(0)) {
      const due = held.sent === sent && --held.afterFrames < 0;
      if (due) this.#deliver(held.frame, held.sent);
      else this.#held.push(held);
    }
  }

  #deliver(frame: Uint8Array, sent: boolean): void {
    if (sent) libc.symbols.write(this.#file, frame, BigInt(frame.length));
    else this.received(frame, false);
  }
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}
