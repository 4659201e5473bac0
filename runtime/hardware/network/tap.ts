// The backend "tap": an interface of Linux whose frames a program takes and gives (tun(4), the kernel's
// Documentation/networking/tuntap.rst). The interface is made and configured by whoever owns the host's
// network; here it is only opened.
import { type Poller, PollEvent } from "../poller.ts";
import type { NetworkBackend } from "./backend.ts";
import { finishFrame, type Frame, MAX_FRAME_BYTES, NO_BYTES } from "./frame.ts";

const symbols = {
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32", nonblocking: true },
  close: { parameters: ["i32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

type Libc = Deno.DynamicLibrary<typeof symbols>["symbols"];

const O_RDWR = 2, O_NONBLOCK = 0o4000;
const TUNSETIFF = 0x4004_54ca;
const IFF_TAP = 2, IFF_NO_PI = 0x1000;
const IFREQ_BYTES = 40, NAME_BYTES = 16;
const EPERM = 1, ENOENT = 2, EACCES = 13, EBUSY = 16, EINVAL = 22;
const POLLIN = 1, POLL_MS = 1000;
const MTU = 1500;

/**
 * Opens a tap device.
 * @param wake called when frames may have come
 * @param poller where there is one, it tells of them; else another thread waits for them
 * @throws Error naming the device and why it cannot be used
 */
export function openTap(name: string, wake: () => void, poller?: Poller): TapDevice {
  if (Deno.build.os !== "linux") {
    throw new Error(`Cannot use tap device ${name}: this host has none (they are Linux's)`);
  }
  const libc = Deno.dlopen("libc.so.6", symbols).symbols;
  // The kernel would make one, which is gone with this process and has no address.
  if (libc.if_nametoindex(new TextEncoder().encode(`${name}\0`)) === 0) {
    throw new Error(
      `Cannot use tap device ${name}: there is none (make it: ip tuntap add dev ${name} mode tap)`,
    );
  }
  const file = libc.open(new TextEncoder().encode("/dev/net/tun\0"), O_RDWR | O_NONBLOCK);
  if (file < 0) throw new Error(`Cannot use tap device ${name}: ${reason(libc)} (/dev/net/tun)`);
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(new TextEncoder().encode(name).subarray(0, NAME_BYTES - 1));
  new DataView(request.buffer).setInt16(NAME_BYTES, IFF_TAP | IFF_NO_PI, true);
  if (libc.ioctl(file, BigInt(TUNSETIFF), request) < 0) {
    const why = reason(libc);
    libc.close(file);
    throw new Error(`Cannot use tap device ${name}: ${why}`);
  }
  return new TapDevice(libc, file, wake, poller);
}

function errno(libc: Libc): number {
  return new Deno.UnsafePointerView(libc.__errno_location()!).getInt32();
}

function reason(libc: Libc): string {
  const number = errno(libc);
  return {
    [EPERM]: "it belongs to another user",
    [EACCES]: "permission denied",
    [ENOENT]: "the host has no such devices",
    [EBUSY]: "it is in use",
    [EINVAL]: "it is no tap device",
  }[number] ?? `error ${number}`;
}

export class TapDevice implements NetworkBackend {
  readonly mtu = MTU;
  /** frames that the host had no room for, or that it refused */
  dropped = 0;
  readonly #buffer = new Uint8Array(MAX_FRAME_BYTES);
  readonly #events = new Uint8Array(8);
  #closed = false;
  #polling = false;

  constructor(
    private readonly libc: Libc,
    private readonly file: number,
    private readonly wake: () => void,
    private readonly poller: Poller | undefined,
  ) {
    poller?.add(file, PollEvent.IN | PollEvent.EDGE, wake);
    new DataView(this.#events.buffer).setInt32(0, file, true);
    new DataView(this.#events.buffer).setInt16(4, POLLIN, true);
    this.#watch();
  }

  /** The host's queue that is full loses frames, as an Ethernet does. */
  send(frame: Frame): boolean {
    for (const bytes of finishFrame(frame)) {
      const written = this.libc.write(
        this.file,
        bytes as Uint8Array<ArrayBuffer>,
        BigInt(bytes.length),
      );
      if (written < 0n) this.dropped++;
    }
    return true;
  }

  receive(): Frame | undefined {
    if (this.#closed) return undefined;
    const count = Number(this.libc.read(this.file, this.#buffer, BigInt(this.#buffer.length)));
    if (count > 0) return { head: this.#buffer.slice(0, count), body: NO_BYTES };
    this.#watch();
    return undefined;
  }

  /** What waits is in the host's queue, and is told by `wake`. */
  get pending(): boolean {
    return false;
  }

  /** Waits, on another thread, for frames to come. */
  #watch(): void {
    if (this.poller !== undefined || this.#polling || this.#closed) return;
    this.#polling = true;
    this.libc.poll(this.#events, 1n, POLL_MS).then((ready) => {
      this.#polling = false;
      if (ready > 0) this.wake();
      else this.#watch();
    });
  }

  reset(): void {}

  close(): void {
    this.#closed = true;
    this.poller?.remove(this.file);
    this.libc.close(this.file);
  }
}
