// Writes segments: header, options and payload, straight into the packet (RFC 9293, 3.1). One serves all
// connections, as sending is over when the call returns.
import { IPPROTO } from "../../constants.ts";
import type { Outgoing } from "../ip/outgoing.ts";
import { put16, put32 } from "../../../../hardware/network_order.ts";
import type { Connection } from "./connection.ts";
import { ALIGNED_TIMESTAMPS, Flag, Option, TCP_BYTES, TIMESTAMPS_BYTES } from "./segment.ts";
import { synOptionBytes, type SynOptions, writeSynOptions } from "./syn_options.ts";

/** SACK blocks that fit beside timestamps, and without (RFC 2018, 3). */
const BLOCKS_WITH_TIMESTAMPS = 3, BLOCKS = 4;

class SegmentWriter implements Outgoing {
  readonly protocol = IPPROTO.TCP;
  readonly checksumOffset = 16;
  readonly dontFragment = true;
  length = 0;
  segmentBytes = 0;
  headerBytes = TCP_BYTES;
  hopLimit = 64;
  trafficClass = 0;
  #connection!: Connection;
  #offset = 0;
  #dataBytes = 0;
  #flags = 0;
  #blocks = 0;
  #window = 0;

  /** Payload bytes of one segment, beside the options that it has now. */
  payloadBytes(connection: Connection): number {
    const blocks = this.#blocksOf(connection);
    return blocks === 0 ? connection.mss : connection.mss - 4 - 8 * blocks;
  }

  #blocksOf(connection: Connection): number {
    const ranges = connection.gaps.count + (connection.duplicateEnd > 0 ? 1 : 0);
    if (ranges === 0 || !connection.selective) return 0;
    return Math.min(ranges, connection.timestamps ? BLOCKS_WITH_TIMESTAMPS : BLOCKS);
  }

  /** The next `write` is a segment of the stream. */
  prepare(connection: Connection, offset: number, dataBytes: number, flags: number): void {
    this.#connection = connection;
    this.#offset = offset;
    this.#dataBytes = dataBytes;
    this.#flags = flags;
    this.#blocks = this.#blocksOf(connection);
    this.headerBytes = TCP_BYTES + (connection.timestamps ? TIMESTAMPS_BYTES : 0) +
      (this.#blocks > 0 ? 4 + 8 * this.#blocks : 0);
    this.length = this.headerBytes + dataBytes;
    const payload = this.payloadBytes(connection);
    this.segmentBytes = dataBytes > payload ? payload : 0;
    this.#dress(connection);
    this.#window = moveWindow(connection);
    // Before anybody hears of it.
    connection.save(offset + dataBytes + ((flags & Flag.FIN) !== 0 ? 1 : 0));
  }

  /** The next `write` is a SYN. */
  prepareSyn(connection: Connection, withAck: boolean): void {
    this.#connection = connection;
    this.#offset = 0;
    this.#dataBytes = this.#blocks = 0;
    this.#flags = withAck ? Flag.SYN | Flag.ACK : Flag.SYN;
    this.headerBytes = TCP_BYTES + synOptionBytes(this.#synOptions());
    this.length = this.headerBytes;
    this.segmentBytes = 0;
    this.#dress(connection);
    // The first window is not scaled (RFC 7323, 2.2).
    this.#window = Math.min(65_535, connection.options.receiveBytes);
    connection.rcvEdge = Math.max(connection.rcvEdge, connection.rcvNxt + this.#window);
  }

  #dress({ path, options }: Connection): void {
    const four = path.version === 4;
    this.hopLimit = four ? options.hopLimit4 : options.hopLimit6;
    this.trafficClass = four ? options.trafficClass4 : options.trafficClass6;
  }

  write(into: Uint8Array, at: number): void {
    const connection = this.#connection, flags = this.#flags;
    put16(into, at, connection.localPort);
    put16(into, at + 2, connection.remotePort);
    put32(into, at + 4, connection.iss + this.#offset | 0);
    const acknowledgement = (flags & Flag.ACK) !== 0 ? connection.irs + connection.rcvNxt | 0 : 0;
    put32(into, at + 8, acknowledgement);
    into[at + 12] = this.headerBytes << 2;
    into[at + 13] = flags;
    put16(into, at + 14, this.#window);
    put32(into, at + 16, 0);
    if ((flags & Flag.SYN) !== 0) return writeSynOptions(into, at + TCP_BYTES, this.#synOptions());
    let optionsAt = at + TCP_BYTES;
    if (connection.timestamps) {
      const value = connection.tcp.clock() + connection.timestampOffset | 0;
      put32(into, optionsAt, ALIGNED_TIMESTAMPS);
      put32(into, optionsAt + 4, value);
      put32(into, optionsAt + 8, connection.recentTimestamp);
      optionsAt += TIMESTAMPS_BYTES;
    }
    if (this.#blocks > 0) this.#writeBlocks(into, optionsAt);
    if (this.#dataBytes > 0) {
      connection.sent.read(this.#offset, into, at + this.headerBytes, this.#dataBytes);
    }
  }

  #synOptions(): SynOptions {
    const connection = this.#connection;
    return {
      mss: Math.min(connection.pathMss, connection.tcpOptions.segmentBytes || Infinity),
      scale: connection.rcvScale,
      selective: connection.selective,
      timestamps: connection.timestamps,
      timestamp: connection.tcp.clock() + connection.timestampOffset | 0,
      timestampEcho: connection.recentTimestamp,
    };
  }

  /** The range that grew last comes first (RFC 2018, 4), after one that came twice (RFC 2883). */
  #writeBlocks(into: Uint8Array, at: number): void {
    const { irs, gaps, duplicateStart, duplicateEnd } = this.#connection;
    put32(
      into,
      at,
      Option.NOTHING << 24 | Option.NOTHING << 16 | Option.SACK << 8 | 2 + 8 * this.#blocks,
    );
    at += 4;
    let written = 0;
    if (duplicateEnd > 0) {
      put32(into, at, irs + duplicateStart | 0);
      put32(into, at + 4, irs + duplicateEnd | 0);
      at += 8;
      written++;
    }
    for (let index = 0; written < this.#blocks; index++, written++) {
      const range = (gaps.latest + index) % gaps.count;
      put32(into, at, irs + gaps.starts[range] | 0);
      put32(into, at + 4, irs + gaps.ends[range] | 0);
      at += 8;
    }
  }
}

/** Moves the edge of the window where there is enough room, and never back. @returns the window, scaled */
function moveWindow(connection: Connection): number {
  const { rcvNxt, rcvScale, options, tcpOptions } = connection;
  const most = Math.min(tcpOptions.windowClamp || Infinity, 65_535 * 2 ** rcvScale);
  const edge = Math.min(connection.receiveEnd, rcvNxt + most);
  const silly = Math.min(options.receiveBytes >> 1, connection.rcvMss);
  const gained = edge - connection.rcvEdge;
  if (gained >= silly || connection.rcvEdge - rcvNxt >= silly && gained > 0) {
    connection.rcvEdge = edge;
  }
  return Math.min(65_535, Math.max(0, Math.floor((connection.rcvEdge - rcvNxt) / 2 ** rcvScale)));
}

export const writer = new SegmentWriter();
