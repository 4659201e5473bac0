// Sends bytes between two endpoints as programs would, and compares what arrives.
import { E, Errno } from "../../../errno.ts";
import type { StreamEndpoint } from "../../endpoint.ts";
import { SHUT } from "../../constants.ts";
import type { World } from "./world.ts";

/** What a call throws, as an error number; 0 where it does not. */
export function errnoOf(call: () => unknown): number {
  try {
    call();
    return 0;
  } catch (failure) {
    if (failure instanceof Errno) return failure.errno;
    throw failure;
  }
}

/** Connects two endpoints. @throws Error where that does not work out */
export function join(
  world: World,
  client: StreamEndpoint,
  listener: StreamEndpoint,
  to: Parameters<StreamEndpoint["connect"]>[0],
): StreamEndpoint {
  client.connect(to);
  let accepted: StreamEndpoint | undefined;
  world.run(() => {
    if (accepted === undefined && errnoOf(() => accepted = listener.accept()) !== 0) return false;
    return !client.connecting;
  });
  if (accepted === undefined) throw new Error(`no connection, errno ${client.takeError()}`);
  return accepted;
}

/** Bytes that differ from place to place. */
export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed | 1;
  for (let index = 0; index < length; index++) {
    state = Math.imul(state, 0x0019_660d) + 0x3c6e_f35f | 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** One direction of a transfer. */
export class Flow {
  sent = 0;
  received = 0;
  ended = false;
  /** the first place where what came is not what was sent */
  wrongAt = -1;
  readonly #buffer: Uint8Array;

  constructor(
    private readonly data: Uint8Array,
    private readonly from: StreamEndpoint,
    private readonly to: StreamEndpoint,
    private readonly chunk = 16_384,
    private readonly finish = true,
  ) {
    this.#buffer = new Uint8Array(chunk);
  }

  /** Sends and receives what can be now. @returns whether all has come */
  step(): boolean {
    this.#send();
    this.#receive();
    return this.received === this.data.length && (this.ended || !this.finish);
  }

  #send(): void {
    while (this.sent < this.data.length) {
      const part = this.data.subarray(this.sent, this.sent + this.chunk);
      let count = 0;
      const errno = errnoOf(() => count = this.from.send(part, 0));
      if (errno === E.EAGAIN) return;
      if (errno !== 0) throw new Error(`send failed at ${this.sent}: errno ${errno}`);
      this.sent += count;
      if (this.sent === this.data.length && this.finish) this.from.shutdown(SHUT.WR);
    }
  }

  #receive(): void {
    for (;;) {
      let count = 0;
      const errno = errnoOf(() => count = this.to.receive(this.#buffer, 0).count);
      if (errno === E.EAGAIN) return;
      if (errno !== 0) throw new Error(`receive failed at ${this.received}: errno ${errno}`);
      if (count === 0) {
        this.ended = true;
        return;
      }
      for (let index = 0; index < count && this.wrongAt < 0; index++) {
        if (this.#buffer[index] !== this.data[this.received + index]) {
          this.wrongAt = this.received + index;
        }
      }
      this.received += count;
    }
  }
}
