// The loopback interface: what is sent comes back from a queue that a task empties, so that no call into
// the stack ends up in itself. Packets are not checked: they never leave memory.
import type { Environment } from "../../../environment.ts";
import { type Coroutine, WaitQueue } from "../../../coroutine.ts";
import { LOOPBACK_INTERFACE } from "../../constants.ts";
import { LOOPBACK_4, LOOPBACK_6, type Network } from "../ip/ip_address.ts";
import type { Blocked, ChecksumPlace, Link, PacketSource } from "./link.ts";
import { newCounters, RoomQueue } from "./link.ts";

/** Packets and bytes that may be on their way at a time. */
const MAX_PACKETS = 4096;
const MAX_BYTES = 32 << 20;
/** Buffers of this size are kept for the next packets: most are small. */
const SMALL_BYTES = 2048;
const LARGE_BYTES = 65_536 + 64;
const KEPT_SMALL = 256;
const KEPT_LARGE = 16;

interface Queued {
  buffer: Uint8Array;
  length: number;
  version: 4 | 6;
}

export class LoopbackLink implements Link {
  readonly index = 1;
  readonly name = LOOPBACK_INTERFACE;
  readonly loopback = true;
  readonly mac = new Uint8Array(6);
  readonly mtu = 65_536;
  readonly checksums: ChecksumPlace = "nobody";
  readonly segments = false;
  readonly counters = newCounters();
  readonly addresses: Network[] = [
    { ip: LOOPBACK_4, prefix: 8 },
    { ip: LOOPBACK_6, prefix: 128 },
  ];
  #queue: Queued[] = [];
  #queuedBytes = 0;
  #small: Uint8Array[] = [];
  #large: Uint8Array[] = [];
  #arrived = new WaitQueue();
  #room = new RoomQueue();

  constructor(
    environment: Environment,
    private readonly received: (link: Link, bytes: Uint8Array, version: 4 | 6) => void,
  ) {
    environment.tasks.spawn(this.#deliver());
  }

  neighbour(): undefined {
    return undefined;
  }

  send(source: PacketSource, length: number, version: 4 | 6): boolean {
    if (this.#queue.length >= MAX_PACKETS || this.#queuedBytes + length > MAX_BYTES) return false;
    const buffer = length <= SMALL_BYTES
      ? this.#small.pop() ?? new Uint8Array(SMALL_BYTES)
      : this.#large.pop() ?? new Uint8Array(LARGE_BYTES);
    source.write(buffer, 0);
    this.#queue.push({ buffer, length, version });
    this.#queuedBytes += length;
    this.counters.sentFrames++;
    this.counters.sentBytes += length;
    this.#arrived.wakeAll();
    return true;
  }

  waitForRoom(blocked: Blocked): void {
    this.#room.add(blocked);
  }

  *#deliver(): Coroutine<void> {
    for (;;) {
      while (this.#queue.length === 0) yield this.#arrived;
      const batch = this.#queue;
      this.#queue = [];
      this.#queuedBytes = 0;
      for (const { buffer, length, version } of batch) {
        this.counters.receivedFrames++;
        this.counters.receivedBytes += length;
        this.received(this, buffer.subarray(0, length), version);
        if (buffer.length === SMALL_BYTES) {
          if (this.#small.length < KEPT_SMALL) this.#small.push(buffer);
        } else if (this.#large.length < KEPT_LARGE) this.#large.push(buffer);
      }
      this.#room.release();
    }
  }
}
