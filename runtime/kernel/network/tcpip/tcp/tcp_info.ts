// The structure that TCP_INFO tells (struct tcp_info as glibc has it, 104 bytes; tcp(7)).
import type { Connection } from "./connection.ts";

const BYTES = 104;
const OPTION_TIMESTAMPS = 1, OPTION_SACK = 2, OPTION_WINDOW_SCALE = 4;

export function tcpInfo(connection: Connection): Uint8Array {
  const bytes = new Uint8Array(BYTES);
  const view = new DataView(bytes.buffer);
  const { mss, roundTrip, congestion, path, tcp } = connection;
  const scaled = connection.rcvScale > 0;
  const now = tcp.now();
  const segments = (count: number) => Math.ceil(Math.max(0, count) / mss);
  const microseconds = (ns: number) => Math.min(0xffff_ffff, Math.round(ns / 1000));
  const milliseconds = (sinceNs: number) => Math.min(0xffff_ffff, (now - sinceNs) / 1e6);
  bytes[0] = connection.state;
  // Linux: 0 open, 3 recovery, 4 loss.
  bytes[1] = connection.mode === 0 ? 0 : connection.mode + 2;
  bytes[2] = Math.min(255, connection.retries);
  bytes[5] = (connection.timestamps ? OPTION_TIMESTAMPS : 0) |
    (connection.selective ? OPTION_SACK : 0) | (scaled ? OPTION_WINDOW_SCALE : 0);
  bytes[6] = connection.windowScale | connection.rcvScale << 4;
  const words = [
    microseconds(roundTrip.timeoutNs),
    40_000,
    mss,
    connection.rcvMss,
    segments(connection.nxt - connection.una),
    segments(connection.sacked.bytes),
    0,
    segments(connection.repeated - connection.una),
    0,
    milliseconds(connection.lastSentNs),
    0,
    milliseconds(connection.lastHeardNs),
    milliseconds(connection.lastHeardNs),
    path.mtu,
    connection.options.receiveBytes,
    microseconds(roundTrip.smoothedNs),
    microseconds(roundTrip.variationNs),
    Math.min(0x7fff_ffff, Math.floor(congestion.threshold / mss)),
    Math.floor(congestion.window / mss),
    connection.pathMss,
    3,
    0,
    connection.options.receiveBytes,
    connection.repeatedSegments,
  ];
  for (const [index, word] of words.entries()) view.setUint32(8 + 4 * index, word, true);
  return bytes;
}
