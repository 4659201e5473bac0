// Segments of no connection: resets for what nobody expects (RFC 9293, 3.10.7.1), and what half-open and
// finished connections answer.
import { IPPROTO } from "../../constants.ts";
import type { Outgoing } from "../ip/outgoing.ts";
import { put16, put32 } from "../../../../hardware/network_order.ts";
import { ALIGNED_TIMESTAMPS, Flag, TCP_BYTES, TIMESTAMPS_BYTES } from "./segment.ts";
import { synOptionBytes, type SynOptions, writeSynOptions } from "./syn_options.ts";

export class BareSegment implements Outgoing {
  readonly protocol = IPPROTO.TCP;
  readonly checksumOffset = 16;
  readonly dontFragment = true;
  readonly segmentBytes = 0;
  readonly trafficClass = 0;
  hopLimit = 64;
  headerBytes = TCP_BYTES;
  length = TCP_BYTES;
  window = 0;
  synOptions: SynOptions | undefined;
  /** value and echo, where timestamps were agreed on */
  timestamps: [number, number] | undefined;

  constructor(
    private readonly localPort: number,
    private readonly remotePort: number,
    private readonly sequence: number,
    private readonly acknowledgement: number,
    private readonly flags: number,
  ) {}

  /** Adds the options of a SYN. */
  withSyn(options: SynOptions): this {
    this.synOptions = options;
    this.length = this.headerBytes = TCP_BYTES + synOptionBytes(options);
    return this;
  }

  withTimestamps(value: number, echo: number): this {
    this.timestamps = [value, echo];
    this.length = this.headerBytes = TCP_BYTES + TIMESTAMPS_BYTES;
    return this;
  }

  write(into: Uint8Array, at: number): void {
    put16(into, at, this.localPort);
    put16(into, at + 2, this.remotePort);
    put32(into, at + 4, this.sequence);
    put32(into, at + 8, (this.flags & Flag.ACK) !== 0 ? this.acknowledgement : 0);
    into[at + 12] = this.headerBytes << 2;
    into[at + 13] = this.flags;
    put16(into, at + 14, this.window);
    put32(into, at + 16, 0);
    if (this.synOptions !== undefined) writeSynOptions(into, at + TCP_BYTES, this.synOptions);
    else if (this.timestamps !== undefined) {
      put32(into, at + TCP_BYTES, ALIGNED_TIMESTAMPS);
      put32(into, at + TCP_BYTES + 4, this.timestamps[0]);
      put32(into, at + TCP_BYTES + 8, this.timestamps[1]);
    }
  }
}
