// What a network device with offloads does: fills in the transport checksum, and cuts a large TCP packet
// into segments (virtio 1.2, 5.1.6.2).
import type { TransmitOffload } from "../../frame_device.ts";
import { addToSum, checksumOf } from "../checksum.ts";
import { get16, get32, put16, put32 } from "../../../../hardware/network_order.ts";

export function fillFrameChecksum(frame: Uint8Array, offload: TransmitOffload): void {
  const { checksumStart, checksumOffset } = offload;
  // The field holds the sum of the pseudo-header, and is added like everything else.
  put16(
    frame,
    checksumStart + checksumOffset,
    checksumOf(addToSum(frame, checksumStart, frame.length)),
  );
}

export function cutFrame(frame: Uint8Array, offload: TransmitOffload): Uint8Array[] {
  const { segmentBytes, headerBytes, checksumStart, checksumOffset } = offload;
  const four = frame[14] >> 4 === 4;
  const frames: Uint8Array[] = [];
  const flags = frame[checksumStart + 13], sequence = get32(frame, checksumStart + 4);
  const wholeLength = frame.length - checksumStart;
  for (let at = headerBytes; at < frame.length; at += segmentBytes) {
    const payload = frame.subarray(at, Math.min(frame.length, at + segmentBytes));
    const each = new Uint8Array(headerBytes + payload.length);
    each.set(frame.subarray(0, headerBytes));
    each.set(payload, headerBytes);
    const last = at + segmentBytes >= frame.length;
    // FIN and PSH belong to the last one only.
    each[checksumStart + 13] = last ? flags : flags & ~9;
    put32(each, checksumStart + 4, sequence + at - headerBytes);
    const length = each.length - checksumStart;
    if (four) {
      put16(each, 16, each.length - 14);
      put16(each, 24, 0);
      put16(each, 24, checksumOf(addToSum(each, 14, checksumStart)));
    } else put16(each, 18, each.length - 54);
    // The pseudo-header's sum has the length in it.
    const pseudo = get16(frame, checksumStart + checksumOffset) + 0x1_0000 - 1 - wholeLength +
      length;
    put16(each, checksumStart + checksumOffset, 0);
    put16(
      each,
      checksumStart + checksumOffset,
      checksumOf(addToSum(each, checksumStart, each.length, pseudo)),
    );
    frames.push(each);
  }
  return frames;
}
