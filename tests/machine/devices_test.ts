// Drivers against device models through the IOMMU: what works, and what either side refuses.
import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../schemas/seeded_random.ts";
import { Cause, TransactionType } from "../../runtime/hardware/iommu/format.ts";
import { VirtioBlk } from "../../runtime/hardware/device/virtio_blk.ts";
import { MAX_OUTPUT_BYTES, VirtioConsole } from "../../runtime/hardware/device/virtio_console.ts";
import { VirtioRng } from "../../runtime/hardware/device/virtio_rng.ts";
import type { Chain } from "../../runtime/hardware/device/split_queue.ts";
import { DeviceId, Register, Status } from "../../runtime/hardware/device/virtio.ts";
import {
  type BlockDevice,
  type BlockRequest,
  blockRequest,
} from "../../runtime/kernel/block/block_device.ts";
import type { Coroutine } from "../../runtime/kernel/coroutine.ts";
import type { Entropy } from "../../runtime/kernel/drivers/entropy.ts";
import type { Terminal } from "../../runtime/kernel/drivers/terminal.ts";
import { createVirtioBlk } from "../../runtime/kernel/drivers/virtio_blk_driver.ts";
import { createVirtioConsole } from "../../runtime/kernel/drivers/virtio_console_driver.ts";
import { VirtioProbe } from "../../runtime/kernel/drivers/virtio_probe.ts";
import { DeviceBroken, Virtqueue } from "../../runtime/kernel/drivers/virtqueue.ts";
import { createVirtioRng } from "../../runtime/kernel/drivers/virtio_rng_driver.ts";
import { DOMAIN_BASE, MemoryImage, smallMachine } from "../fixtures/small_machine.ts";

const MIB = 1 << 20;
const MACHINE_BYTES = 2 * MIB;
/** Tables, queue and indirect descriptors of the disk driver, and some more. */
const DRIVER_BYTES = 512 << 10;

function diskMachine() {
  const image = new MemoryImage(4 * MIB);
  const machine = smallMachine(MACHINE_BYTES, [new VirtioBlk(image, "serial", () => {})]);
  const component = createVirtioBlk(machine.environment, {}, {
    attachment: machine.attachments[0],
  });
  return { image, machine, disk: component.provides.disk as BlockDevice };
}

function* perform(disk: BlockDevice, ...requests: BlockRequest[]): Coroutine<string[]> {
  for (const each of requests) disk.submit(each);
  for (const each of requests) while (each.status === "pending") yield each.done;
  return requests.map((each) => each.status);
}

Deno.test("disk: what is written is read back, scattered and with many requests outstanding", () => {
  const { image, machine, disk } = diskMachine();
  const next = seededRandom(7);
  assertEquals(disk.sectors, 4 * MIB / 512);
  const pages = Array.from({ length: 256 }, () => machine.environment.memory.allocate(4096));
  for (const page of pages) for (let at = 0; at < 4096; at++) page.bytes[at] = next();
  const copies = pages.map((page) => page.bytes.slice());
  const writes = pages.map((page, index) => blockRequest("write", (255 - index) * 8, [page]));
  assertEquals(new Set(machine.run(perform(disk, ...writes))), new Set(["ok"]));
  pages.forEach((page) => page.bytes.fill(0));
  const [status] = machine.run(perform(disk, blockRequest("read", 0, [...pages].reverse())));
  assertEquals(status, "ok");
  pages.forEach((page, index) => assertEquals(page.bytes, copies[index]));
  assertEquals(image.bytes.subarray(255 * 4096, 256 * 4096), copies[0]);
});

Deno.test("disk: flush reaches the image, discard empties it, beyond the end is an error", () => {
  const { image, machine, disk } = diskMachine();
  const page = machine.environment.memory.allocate(4096);
  page.bytes.fill(7);
  assertEquals(machine.run(perform(disk, blockRequest("write", 8, [page]))), ["ok"]);
  assertEquals(machine.run(perform(disk, blockRequest("flush", 0, []))), ["ok"]);
  assertEquals(image.flushes, 1);
  assertEquals(machine.run(perform(disk, blockRequest("discard", 8, [], 8))), ["ok"]);
  assert(image.bytes.subarray(4096, 8192).every((byte) => byte === 0));
  assertEquals(machine.run(perform(disk, blockRequest("write", disk.sectors, [page]))), [
    "io-error",
  ]);
  assertEquals(machine.run(perform(disk, blockRequest("read", disk.sectors - 1, [page]))), [
    "io-error",
  ]);
});

Deno.test("a wrong DMA address is a fault record and changes nothing", () => {
  for (const address of [0x1000, DOMAIN_BASE, DOMAIN_BASE + MACHINE_BYTES, 2 ** 38]) {
    const { image, machine, disk } = diskMachine();
    image.bytes.fill(0xee);
    const tables = new Uint8Array(machine.memory).slice(0, 4096);
    disk.submit(blockRequest("read", 0, [{ address, bytes: new Uint8Array(4096) }]));
    machine.platform.poll();
    assertEquals(machine.platform.takeFaults(), [
      {
        cause: Cause.STORE_PAGE_FAULT,
        type: TransactionType.WRITE,
        deviceId: 1,
        address,
        guestAddress: 0,
      },
    ]);
    assertEquals(new Uint8Array(machine.memory).slice(0, 4096), tables);
    assert(!new Uint8Array(machine.memory).includes(0xee));
    // The device waits to be reset, and then works again.
    const { registers } = machine.attachments[0];
    assertEquals(registers.read32(Register.STATUS) & Status.NEEDS_RESET, Status.NEEDS_RESET);
    const again = createVirtioBlk(machine.environment, {}, { attachment: machine.attachments[0] });
    const page = machine.environment.memory.allocate(4096);
    assertEquals(
      machine.run(perform(again.provides.disk as BlockDevice, blockRequest("read", 0, [page]))),
      ["ok"],
    );
    assertEquals(page.bytes[0], 0xee);
  }
});

Deno.test("a fenced device reaches nothing", () => {
  const { machine, disk } = diskMachine();
  const page = machine.environment.memory.allocate(4096);
  machine.platform.fence(DOMAIN_BASE, ["device0"]);
  disk.submit(blockRequest("read", 0, [page]));
  machine.platform.poll();
  assertEquals(machine.platform.iommu.view(1, page.address, 4096, true), undefined);
  assertEquals(machine.platform.takeFaults()[0].cause, Cause.DDT_INVALID);
});

Deno.test("garbage in descriptors, rings and registers harms nobody: 100,000 tries", () => {
  const seed = 99;
  const next = seededRandom(seed);
  let broken = 0;
  let { machine, disk } = diskMachine();
  const page = () => ({ address: DOMAIN_BASE + MACHINE_BYTES - 4096, bytes: new Uint8Array(4096) });
  for (let attempt = 0; attempt < 100_000; attempt++) {
    // The driver's tables, rings and indirect descriptors fill the first part of its memory.
    const words = new Uint32Array(machine.memory);
    words[(next() % DRIVER_BYTES) >>> 2] = next() % 3 === 0 ? next() : next() % 70_000;
    const { registers } = machine.attachments[0];
    if (next() % 16 === 0) registers.write32(next() % 0x200, next());
    if (next() % 4 === 0) disk.submit(blockRequest("read", next() % 256, [page()]));
    registers.notify(0);
    machine.platform.poll();
    let failed = (registers.read32(Register.STATUS) & Status.NEEDS_RESET) !== 0;
    try {
      machine.attachments[0].poll();
    } catch (failure) {
      if (!(failure instanceof DeviceBroken)) {
        throw new Error(`seed ${seed}, attempt ${attempt}: ${failure}`);
      }
      failed = true;
    }
    if (!failed) continue;
    broken++;
    if (broken % 20 === 0) ({ machine, disk } = diskMachine());
    else registers.write32(Register.STATUS, Status.ACKNOWLEDGE | Status.DRIVER);
  }
  assert(broken > 100, `${broken} broken`);
});

Deno.test("requests of one segment and of a thousand take turns: each is what was offered", () => {
  const taken: number[] = [];
  const model = {
    deviceId: DeviceId.BLOCK,
    queues: 1,
    queueSize: 8,
    features: 0,
    config: new Uint8Array(8),
    request: (_queue: number, chain: Chain) => {
      assertEquals(chain.readable.map((view) => view[0]), chain.readable.map((_, at) => at % 256));
      taken.push(chain.readable.length);
      return 0;
    },
    reset: () => {},
  };
  const machine = smallMachine(MACHINE_BYTES, [model]), { memory } = machine.environment;
  const { registers } = machine.attachments[0];
  const queue = new Virtqueue<number>(memory, 8, 1000);
  const bytes = memory.allocate(1000 * 2);
  for (let at = 0; at < 1000; at++) bytes.bytes[at * 2] = at;
  const probe = new VirtioProbe(registers, memory, DeviceId.BLOCK, 0);
  probe.setQueue(0, queue);
  probe.begin([{ address: memory.base, sizeBytes: memory.bytes.length }]);
  const counts = [2, 1000, 3, 300, 1, 259, 258];
  for (const count of counts) {
    const segments = Array.from({ length: count }, (_, at) => ({
      address: bytes.address + at * 2,
      length: 1,
    }));
    queue.add(count, segments, []);
    registers.notify(0);
    machine.platform.poll();
    queue.takeUsed(() => {});
  }
  assertEquals(taken, counts);
});

Deno.test("entropy: the driver hands out what the source gave", () => {
  let given = 0;
  const machine = smallMachine(1 * MIB, [
    new VirtioRng((bytes) => bytes.forEach((_, at) => bytes[at] = given++)),
  ]);
  const { entropy } = createVirtioRng(machine.environment, {}, {
    attachment: machine.attachments[0],
  }).provides as { entropy: Entropy };
  const bytes = new Uint8Array(10_000);
  machine.run(entropy.fill(bytes) as Coroutine<void>);
  assert(bytes.every((byte, at) => byte === at % 256));
});

function consoleMachine(ports: number) {
  const outputs = new Array<string>(ports).fill("");
  const model = new VirtioConsole(
    ports,
    (port, bytes) => outputs[port] += new TextDecoder().decode(bytes),
  );
  const machine = smallMachine(2 * MIB, [model]);
  const { terminal } = createVirtioConsole(machine.environment, {}, {
    attachment: machine.attachments[0],
  }).provides as { terminal: Terminal };
  const write = (port: number, text: string) =>
    terminal.write(port, new TextEncoder().encode(text)) as Coroutine<number>;
  const read = (port: number, bytes: number) => {
    const into = new Uint8Array(bytes);
    const count = machine.run(terminal.read(port, into) as Coroutine<number>);
    return new TextDecoder().decode(into.subarray(0, count));
  };
  return { machine, model, terminal, outputs, write, read };
}

Deno.test("console: every port has its own output, input and end", () => {
  const { machine, model, terminal, outputs, write, read } = consoleMachine(3);
  assertEquals(terminal.ports, 3);
  machine.run(write(1, "one"));
  machine.run(write(2, "x".repeat(10_000)));
  assertEquals(outputs, ["", "one", "x".repeat(10_000)]);
  model.input(0, new TextEncoder().encode("typed"));
  assertEquals([read(0, 3), read(0, 3)], ["typ", "ed"]);
  model.endInput(0);
  assertEquals(read(0, 3), "");
});

Deno.test("console: input ends behind what was typed, and more than a mebibyte has to wait", () => {
  const { model, read } = consoleMachine(2);
  const piece = new Uint8Array(1 << 19).fill(0x61);
  assertEquals([1, 2, 3, 4].map(() => model.input(1, piece)), [true, true, true, false]);
  model.endInput(1);
  let length = 0;
  for (let part = read(1, 65536); part !== ""; part = read(1, 65536)) length += part.length;
  assertEquals(length, 3 * piece.length);
});

Deno.test("console: a port is a terminal once the host says so, and its size changes", () => {
  const { machine, model, terminal } = consoleMachine(2);
  assertEquals([terminal.size(0), terminal.size(1)], [undefined, undefined]);
  model.resize(1, { columns: 132, rows: 50 });
  machine.run(function* (): Coroutine<void> {
    while (terminal.size(1) === undefined) yield terminal.resized;
  }());
  assertEquals([terminal.size(0), terminal.size(1)], [undefined, { columns: 132, rows: 50 }]);
  model.resize(1, { columns: 80, rows: 24 });
  machine.run(function* (): Coroutine<void> {
    while (terminal.size(1)!.columns !== 80) yield terminal.resized;
  }());
  // A driver that begins anew, as one that was restarted does, hears of it again.
  const again = createVirtioConsole(machine.environment, {}, {
    attachment: machine.attachments[0],
  }).provides.terminal as Terminal;
  machine.run(function* (): Coroutine<void> {
    while (again.size(1) === undefined) yield again.resized;
  }());
  assertEquals(again.size(1), { columns: 80, rows: 24 });
});

Deno.test("console: a program waits while the host does not write what it has printed", () => {
  const { machine, model, outputs, write } = consoleMachine(2);
  const text = "y".repeat(1 << 16);
  let lines = 0;
  const body = function* (): Coroutine<void> {
    for (; lines < 64; lines++) yield* write(1, text);
  };
  machine.environment.tasks.spawn(body());
  machine.settle();
  const held = outputs[1].length;
  assert(held > MAX_OUTPUT_BYTES && held <= MAX_OUTPUT_BYTES + 2 * text.length, `${held} bytes`);
  // The others do not wait for it.
  machine.run(write(0, "apart"));
  assertEquals(outputs[0], "apart");
  assertEquals(outputs[1].length, held);
  for (let turns = 0; turns < 64; turns++) {
    model.written(1, text.length);
    machine.settle();
  }
  assertEquals([lines, outputs[1].length], [64, 64 * text.length]);
});
