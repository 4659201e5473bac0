// The network driver against the device model, through the IOMMU: frames of all sizes both ways, large
// frames in merged buffers, no room on either side, and what a hostile driver gets.
import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../schemas/seeded_random.ts";
import { Register, Status } from "../../runtime/hardware/device/virtio.ts";
import { VirtioNet } from "../../runtime/hardware/device/virtio_net.ts";
import type { NetworkBackend } from "../../runtime/hardware/network/backend.ts";
import {
  finishFrame,
  type Frame,
  joinFrame,
  NO_BYTES,
} from "../../runtime/hardware/network/frame.ts";
import { createVirtioNet } from "../../runtime/kernel/drivers/virtio_net_driver.ts";
import { DeviceBroken } from "../../runtime/kernel/drivers/virtqueue.ts";
import type { FrameDevice } from "../../runtime/kernel/network/frame_device.ts";
import { smallMachine } from "../fixtures/small_machine.ts";

const MEMORY_BYTES = 4 << 20;
const FIRST_STAGE_BYTES = 24 * 4096;
const QUEUE_BYTES = 4 * 4096;
const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);

/** A backend that keeps what is sent, and gives what it is told to. */
class HeldBackend implements NetworkBackend {
  readonly mtu = 1500;
  readonly sent: Frame[] = [];
  readonly waiting: Frame[] = [];
  room = Infinity;
  resets = 0;
  send(frame: Frame): boolean {
    if (this.sent.length >= this.room) return false;
    this.sent.push(frame);
    return true;
  }
  receive(): Frame | undefined {
    return this.waiting.shift();
  }
  get pending(): boolean {
    return this.waiting.length > 0;
  }
  reset(): void {
    this.resets++;
  }
  close(): void {}
}

function networkMachine() {
  const backend = new HeldBackend();
  const model = new VirtioNet(backend, MAC);
  const machine = smallMachine(MEMORY_BYTES, [model]);
  const { frames } = createVirtioNet(machine.environment, {}, {
    attachment: machine.attachments[0],
  }).provides as { frames: FrameDevice };
  machine.settle();
  return { backend, model, machine, frames };
}

function randomFrame(length: number, next: () => number): Uint8Array {
  const bytes = new Uint8Array(length).map(() => next());
  bytes.set([0x08, 0x00], 12);
  return bytes;
}

/** A TCP packet over IPv4 as a sender leaves it to its device. */
function largePacket(payloadBytes: number): { frame: Uint8Array; payloadAt: number } {
  const payloadAt = 14 + 20 + 32;
  const frame = new Uint8Array(payloadAt + payloadBytes).map((_, at) => at * 7);
  const view = new DataView(frame.buffer);
  view.setUint16(12, 0x0800);
  frame[14] = 0x45;
  view.setUint16(16, frame.length - 14);
  frame[23] = 6;
  view.setUint32(38, 0xffff_ff00);
  frame[46] = 0x80;
  frame[47] = 0x19;
  view.setUint16(50, 0);
  return { frame, payloadAt };
}

/** The sum of a segment with its pseudo-header, which is 0xffff where the checksum is right. */
function transportSum(frame: Uint8Array): number {
  const view = new DataView(frame.buffer, frame.byteOffset);
  let sum = 6 + frame.length - 34;
  for (let at = 26; at < frame.length; at += 2) {
    sum += at + 1 < frame.length ? view.getUint16(at) : frame[at] << 8;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

Deno.test("net: the driver knows its device", () => {
  const { frames } = networkMachine();
  assertEquals([...frames.mac], [...MAC]);
  assertEquals([frames.mtu, frames.checksumsSent, frames.segmentsSent], [1500, true, true]);
});

Deno.test("net: frames of all sizes go both ways, in order", () => {
  const { backend, machine, frames } = networkMachine();
  const next = seededRandom(5);
  const received: Uint8Array[] = [];
  frames.received = (frame) => received.push(frame.slice());
  const inward: Uint8Array[] = [], outward: Uint8Array[] = [];
  for (let count = 0; count < 600; count++) {
    const size = count % 20 === 0 ? 20_000 + next() % 45_000 : 14 + next() % 1500;
    inward.push(randomFrame(size, next));
    outward.push(randomFrame(14 + next() % 1500, next));
    const at = next() % (size + 1);
    backend.waiting.push({ head: inward[count].slice(0, at), body: inward[count].slice(at) });
    const sent = frames.send(outward[count].length, (into) => into.set(outward[count]));
    assert(sent);
    if (count % 10 === 0) machine.settle();
  }
  machine.settle();
  assertEquals(received.length, inward.length);
  received.forEach((frame, index) => assertEquals(frame, inward[index]));
  assertEquals(backend.sent.map(joinFrame), outward);
});

Deno.test("net: a backend without room holds the driver up, and loses nothing", () => {
  const { backend, machine, frames } = networkMachine();
  backend.room = 0;
  let writable = 0, taken = 0;
  frames.writable = () => writable++;
  const fill = (into: Uint8Array) => into.fill(taken);
  while (frames.send(60_000, fill)) taken++;
  assert(taken >= 16, `${taken} frames of 60,000 bytes`);
  machine.settle();
  // The device has one frame in hand, for which it made room.
  assertEquals([backend.sent.length, writable], [0, 1]);
  while (frames.send(60_000, fill)) taken++;
  backend.room = Infinity;
  machine.settle();
  assertEquals([backend.sent.length, writable], [taken, 2]);
  backend.sent.forEach((frame, index) => assertEquals(frame.head[59_999], index));
  assert(frames.send(60_000, fill));
});

Deno.test("net: what an offload asks for arrives, and segments are right", () => {
  const { backend, machine, frames } = networkMachine();
  const { frame, payloadAt } = largePacket(5000);
  // The sum of the pseudo-header, as RFC 9293 has it.
  let sum = 6 + frame.length - 34;
  for (let at = 26; at < 34; at += 2) sum += frame[at] << 8 | frame[at + 1];
  new DataView(frame.buffer).setUint16(50, (sum & 0xffff) + (sum >>> 16));
  const offload = {
    checksumStart: 34,
    checksumOffset: 16,
    segmentBytes: 1448,
    headerBytes: payloadAt,
  };
  assert(frames.send(frame.length, (into) => into.set(frame), offload));
  machine.settle();
  assertEquals(backend.sent[0].offload, {
    checksumStart: 34,
    checksumOffset: 16,
    segmentBytes: 1448,
  });
  const segments = finishFrame(backend.sent[0]);
  assertEquals(segments.map((each) => each.length - payloadAt), [1448, 1448, 1448, 656]);
  const payload: number[] = [];
  segments.forEach((segment, index) => {
    const view = new DataView(segment.buffer);
    assertEquals(transportSum(segment), 0xffff);
    assertEquals(view.getUint16(16), segment.length - 14);
    assertEquals(view.getUint32(38), (0xffff_ff00 + 1448 * index) >>> 0);
    assertEquals(segment[47], index === 3 ? 0x19 : 0x10);
    payload.push(...segment.subarray(payloadAt));
  });
  assertEquals(payload, [...frame.subarray(payloadAt)]);
  // The other way, the driver is told that the checksum need not be looked at.
  const told: boolean[] = [];
  frames.received = (_frame, verified) => told.push(verified);
  backend.waiting.push({ head: frame, body: NO_BYTES, offload: backend.sent[0].offload });
  backend.waiting.push({ head: frame, body: NO_BYTES });
  machine.settle();
  assertEquals(told, [true, false]);
});

Deno.test("net: headers that contradict their frames are dropped, and counted", () => {
  const { backend, model, machine, frames } = networkMachine();
  const { frame, payloadAt } = largePacket(3000);
  const good = {
    checksumStart: 34,
    checksumOffset: 16,
    segmentBytes: 1000,
    headerBytes: payloadAt,
  };
  const bad = [
    { ...good, checksumStart: 13 },
    { ...good, checksumStart: frame.length - 1 },
    { ...good, checksumStart: 35 },
    { ...good, checksumOffset: 6 },
    { ...good, segmentBytes: 1 },
    { ...good, checksumOffset: 65_535, segmentBytes: 0 },
  ];
  for (const offload of bad) assert(frames.send(frame.length, (into) => into.set(frame), offload));
  frame[46] = 0x40;
  assert(frames.send(frame.length, (into) => into.set(frame), good));
  machine.settle();
  assertEquals([backend.sent.length, model.dropped], [0, bad.length + 1]);
});

Deno.test("net: a driver that begins anew resets the backend, and works", () => {
  const { backend, machine } = networkMachine();
  const before = backend.resets;
  const { frames } = createVirtioNet(
    smallMachine(MEMORY_BYTES, [new VirtioNet(backend, MAC)]).environment,
    {},
    { attachment: machine.attachments[0] },
  ).provides as { frames: FrameDevice };
  assert(backend.resets > before);
  assert(frames.mac.length === 6);
});

Deno.test("net: garbage in descriptors, rings, headers and registers harms nobody", () => {
  const seed = 31;
  const next = seededRandom(seed);
  let broken = 0, fresh = networkMachine();
  for (let attempt = 0; attempt < 30_000; attempt++) {
    const { machine, backend, frames } = fresh;
    const words = new Uint32Array(machine.memory);
    // In the domain's memory: the device's first stage, a queue, what is sent, and another queue.
    const place = next() % 4 === 0
      ? next() % MEMORY_BYTES
      : FIRST_STAGE_BYTES + next() % 2 * (QUEUE_BYTES + (1 << 20)) + next() % QUEUE_BYTES;
    words[place >>> 2] = next() % 3 === 0 ? next() : next() % 70_000;
    const [{ registers }] = machine.attachments;
    if (next() % 16 === 0) registers.write32(next() % 0x200, next());
    if (next() % 2 === 0) backend.waiting.push({ head: randomFrame(200, next), body: NO_BYTES });
    backend.sent.length = 0;
    let failed = false;
    try {
      frames.send(14 + next() % 3000, () => {}, {
        checksumStart: next() % 100,
        checksumOffset: next() % 20,
        segmentBytes: next() % 3 * 500,
        headerBytes: 54,
      });
      machine.attachments[0].notify();
      machine.platform.poll();
      machine.attachments[0].poll();
      for (const frame of backend.sent) finishFrame(frame);
    } catch (failure) {
      if (!(failure instanceof DeviceBroken)) {
        throw new Error(`seed ${seed}, attempt ${attempt}: ${(failure as Error).stack}`);
      }
      failed = true;
    }
    if (!failed && (registers.read32(Register.STATUS) & Status.NEEDS_RESET) === 0) continue;
    broken++;
    fresh = networkMachine();
  }
  assert(broken > 100, `${broken} broken`);
});
