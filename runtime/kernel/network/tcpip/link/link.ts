// What IP needs of a network interface, and what crosses between the two.
import type { TransmitOffload } from "../../frame_device.ts";
import type { InterfaceInfo } from "../../endpoint.ts";
import type { Network } from "../ip/ip_address.ts";
import type { Neighbour, Neighbours } from "./neighbours.ts";

/** Writes an IP packet into memory that is there for it. */
export interface PacketSource {
  write(into: Uint8Array, at: number): void;
}

/** Somebody who could not send, to be called when there is room again. */
export interface Blocked {
  unblocked(): void;
}

/** An IP packet that came in, and where it lies in the frame: made once, filled for each. */
export class Packet {
  bytes: Uint8Array = new Uint8Array(0);
  via!: Link;
  version: 4 | 6 = 4;
  /** first byte of the IP header */
  headerAt = 0;
  sourceAt = 0;
  destinationAt = 0;
  /** first byte after the IP headers */
  payloadAt = 0;
  /** first byte after the packet */
  end = 0;
  protocol = 0;
  hopLimit = 0;
  trafficClass = 0;
  /** it was sent to a broadcast or multicast address */
  toMany = false;
  /** its transport checksum is known to be right */
  verified = false;

  get addressBytes(): number {
    return this.version === 4 ? 4 : 16;
  }

  source(): Uint8Array {
    return this.bytes.slice(this.sourceAt, this.sourceAt + this.addressBytes);
  }

  destination(): Uint8Array {
    return this.bytes.slice(this.destinationAt, this.destinationAt + this.addressBytes);
  }
}

/** Who computes transport checksums of what is sent over a link. */
export type ChecksumPlace = "nobody" | "device" | "sender";

/** A network interface below IP. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly loopback: boolean;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly addresses: Network[];
  readonly checksums: ChecksumPlace;
  /** the link cuts large TCP packets itself */
  readonly segments: boolean;
  readonly counters: InterfaceInfo["counters"];
  /** where the link has such */
  readonly neighbours?: Neighbours;
  /** The neighbour to send to, where the link has such; by IP address. */
  neighbour(ip: Uint8Array): Neighbour | undefined;
  /**
   * Takes an IP packet.
   * @returns false where there is no room: `waitForRoom` tells when there is again
   */
  send(
    source: PacketSource,
    length: number,
    version: 4 | 6,
    neighbour: Neighbour | undefined,
    offload: TransmitOffload | undefined,
  ): boolean;
  waitForRoom(blocked: Blocked): void;
}

/** Those that wait for room, each once, called in the order they came. */
export class RoomQueue {
  #waiting = new Set<Blocked>();

  add(blocked: Blocked): void {
    this.#waiting.add(blocked);
  }

  /** Calls those that wait now. */
  release(): void {
    if (this.#waiting.size === 0) return;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const blocked of waiting) blocked.unblocked();
  }
}

export function newCounters(): InterfaceInfo["counters"] {
  return { receivedFrames: 0, receivedBytes: 0, receivedDropped: 0, sentFrames: 0, sentBytes: 0 };
}
