// Options of a SYN (RFC 9293, 3.2; RFC 7323; RFC 2018).
import { put16, put32 } from "../../../../hardware/network_order.ts";
import { ALIGNED_TIMESTAMPS, Option, TIMESTAMPS_BYTES } from "./segment.ts";

export interface SynOptions {
  mss: number;
  /** 0: none is told */
  scale: number;
  selective: boolean;
  timestamps: boolean;
  timestamp: number;
  timestampEcho: number;
}

const PADDING = Option.NOTHING << 24 | Option.NOTHING << 16;
const SACK_PERMITTED = Option.SACK_PERMITTED << 8 | 2;

export function synOptionBytes({ scale, selective, timestamps }: SynOptions): number {
  return 4 + (selective ? 4 : 0) + (timestamps ? TIMESTAMPS_BYTES : 0) + (scale > 0 ? 4 : 0);
}

export function writeSynOptions(into: Uint8Array, at: number, options: SynOptions): void {
  put16(into, at, Option.MSS << 8 | 4);
  put16(into, at + 2, Math.min(65_535, options.mss));
  at += 4;
  if (options.selective) {
    put32(into, at, PADDING | SACK_PERMITTED);
    at += 4;
  }
  if (options.timestamps) {
    put32(into, at, ALIGNED_TIMESTAMPS);
    put32(into, at + 4, options.timestamp);
    put32(into, at + 8, options.timestampEcho);
    at += TIMESTAMPS_BYTES;
  }
  if (options.scale > 0) {
    put32(into, at, Option.NOTHING << 24 | Option.WINDOW_SCALE << 16 | 3 << 8 | options.scale);
  }
}
