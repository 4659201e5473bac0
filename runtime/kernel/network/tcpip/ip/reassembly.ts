// Puts fragments of IPv4 (RFC 815) and IPv6 (RFC 8200, 4.5) together again, within bounds of memory and
// time. Overlapping fragments make the whole packet worthless (RFC 5722; for IPv4 as well).
import { addressKey } from "./ip_address.ts";
import type { Packet } from "../link/link.ts";
import type { Timer, Timers } from "../timers.ts";

/** How long the fragments of a packet are waited for (RFC 1122, 3.3.2: 60 s; Linux: 30 s). */
const PATIENCE_NS = 30e9;
/** Bytes of all unfinished packets, unfinished packets, and fragments of one. */
const MAX_BYTES = 4 << 20;
const MAX_PACKETS = 256;
const MAX_FRAGMENTS = 128;
/** No payload is longer than what the length fields can tell. */
const MAX_PAYLOAD_BYTES = 65_535;

interface Fragment {
  start: number;
  end: number;
  bytes: Uint8Array;
}

interface Unfinished {
  key: string;
  fragments: Fragment[];
  /** known once the last fragment is there */
  length: number | undefined;
  bytes: number;
  deadlineNs: number;
}

export class Reassembly {
  /** in the order they began, so that the first is the first to expire */
  #unfinished = new Map<string, Unfinished>();
  #bytes = 0;
  #timer: Timer;

  constructor(timers: Timers, private readonly nowNs: () => number) {
    this.#timer = timers.create(() => this.#expire());
  }

  /**
   * Adds a fragment: the payload of `packet`, at `offset` of the whole.
   * @returns the whole payload, once it is complete
   */
  add(
    packet: Packet,
    identification: number,
    offset: number,
    more: boolean,
  ): Uint8Array | undefined {
    const count = packet.end - packet.payloadAt;
    const end = offset + count;
    const key = this.#keyOf(packet, identification);
    if (count === 0 || more && (count & 7) !== 0 || end > MAX_PAYLOAD_BYTES) return undefined;
    const unfinished = this.#unfinished.get(key) ?? this.#begin(key);
    const fits = this.#place(unfinished, offset, end, more);
    if (fits === "duplicate") return undefined;
    if (fits === "wrong") {
      this.#forget(unfinished);
      return undefined;
    }
    const bytes = packet.bytes.slice(packet.payloadAt, packet.end);
    unfinished.fragments.push({ start: offset, end, bytes });
    unfinished.bytes += count;
    this.#bytes += count;
    if (unfinished.length === unfinished.bytes) return this.#finish(unfinished);
    this.#makeRoom();
    return undefined;
  }

  #place(unfinished: Unfinished, start: number, end: number, more: boolean) {
    const { fragments } = unfinished;
    if (fragments.length >= MAX_FRAGMENTS) return "wrong";
    for (const each of fragments) {
      if (each.start === start && each.end === end) return "duplicate";
      if (start < each.end && each.start < end) return "wrong";
    }
    if (!more) {
      if (unfinished.length !== undefined) return "wrong";
      if (fragments.some((each) => each.end > end)) return "wrong";
      unfinished.length = end;
    } else if (unfinished.length !== undefined && end > unfinished.length) return "wrong";
    return "fits";
  }

  #keyOf(packet: Packet, identification: number): string {
    const { bytes, sourceAt, addressBytes, version, protocol } = packet;
    // Source and destination lie side by side in both headers.
    const addresses = addressKey(bytes, sourceAt, 2 * addressBytes);
    return `${addresses}${identification},${version === 4 ? protocol : 0}`;
  }

  #begin(key: string): Unfinished {
    const deadlineNs = this.nowNs() + PATIENCE_NS;
    const unfinished = { key, fragments: [], length: undefined, bytes: 0, deadlineNs };
    this.#unfinished.set(key, unfinished);
    if (!this.#timer.set) this.#timer.setAt(deadlineNs);
    return unfinished;
  }

  #finish(unfinished: Unfinished): Uint8Array {
    const whole = new Uint8Array(unfinished.bytes);
    for (const { start, bytes } of unfinished.fragments) whole.set(bytes, start);
    this.#forget(unfinished);
    return whole;
  }

  #forget(unfinished: Unfinished): void {
    this.#bytes -= unfinished.bytes;
    this.#unfinished.delete(unfinished.key);
  }

  #makeRoom(): void {
    for (const oldest of this.#unfinished.values()) {
      if (this.#bytes <= MAX_BYTES && this.#unfinished.size <= MAX_PACKETS) return;
      this.#forget(oldest);
    }
  }

  #expire(): void {
    const now = this.nowNs();
    for (const oldest of this.#unfinished.values()) {
      if (oldest.deadlineNs > now) return this.#timer.setAt(oldest.deadlineNs);
      this.#forget(oldest);
    }
  }
}
