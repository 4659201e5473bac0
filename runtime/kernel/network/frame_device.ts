// The interface `frames`: what TCP/IP needs of a network interface, and what its driver provides.
import type { Coroutine } from "../coroutine.ts";

/** What the device does for packets that are sent, where the sender asks for it. */
export interface TransmitOffload {
  /** bytes from the start of the frame to the start of the transport header, whose checksum is filled in */
  checksumStart: number;
  /** bytes from there to the checksum, which holds the sum of the pseudo-header so far */
  checksumOffset: number;
  /** payload bytes of each segment, where the device cuts a large TCP packet; 0: as it is */
  segmentBytes: number;
  /** bytes of all headers before the payload; only with `segmentBytes` */
  headerBytes: number;
}

export interface FrameDevice {
  /**
   * Where the driver is in another domain: asks it what follows, which is not to be had before.
   * @returns false where there is no interface, and will not be
   */
  probe?(): Coroutine<boolean>;
  /** address of the interface: 6 bytes */
  readonly mac: Uint8Array;
  /** most bytes of a packet, without the Ethernet header, that goes over the link in one frame */
  readonly mtu: number;
  /** the device fills in TCP and UDP checksums of what is sent */
  readonly checksumsSent: boolean;
  /** the device cuts TCP packets of up to 64 KiB over IPv4 and IPv6 into segments */
  readonly segmentsSent: boolean;
  /**
   * Takes a frame of `length` bytes (Ethernet header and all), written by `fill` straight into the memory of
   * the transmit queue.
   * @returns false where the queue is full: `writable` is called when there is room again
   */
  send(length: number, fill: (into: Uint8Array) => void, offload?: TransmitOffload): boolean;
  /**
   * Set by whoever receives. Called for each frame, never from within `send`; the bytes are the driver's again
   * when it returns.
   * A frame may be longer than the MTU where the device put segments together.
   * @param verified whether the transport checksum is known to be right
   */
  received: (frame: Uint8Array, verified: boolean) => void;
  /** Set by whoever sends. */
  writable: () => void;
  /** Set by whoever sends. Called when there is a driver again after one that died: what was under way may be lost. */
  resumed?: () => void;
}
