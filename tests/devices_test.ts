// Drivers against device models through the IOMMU: what works, and what either side refuses.
import { assert, assertEquals } from "@std/assert";
import { Cause, TransactionType } from "../runtime/hardware/iommu/format.ts";
import { VirtioBlk } from "../runtime/hardware/device/virtio_blk.ts";
import { VirtioConsole } from "../runtime/hardware/device/virtio_console.ts";
import { VirtioRng } from "../runtime/hardware/device/virtio_rng.ts";
import { Register, Status } from "../runtime/hardware/device/virtio.ts";
import type { BlockDevice, BlockRequest } from "../runtime/kernel/block/block_device.ts";
import { type Coroutine, WaitQueue } from "../runtime/kernel/coroutine.ts";
import type { Entropy } from "../runtime/kernel/drivers/entropy.ts";
import type { Terminal } from "../runtime/kernel/drivers/terminal.ts";
import { createVirtioBlk } from "../runtime/kernel/drivers/virtio_blk_driver.ts";
import { createVirtioConsole } from "../runtime/kernel/drivers/virtio_console_driver.ts";
import { DeviceBroken } from "../runtime/kernel/drivers/virtqueue.ts";
import { createVirtioRng } from "../runtime/kernel/drivers/virtio_rng_driver.ts";
import type { DmaBuffer } from "../runtime/kernel/environment.ts";
import { DOMAIN_BASE, MemoryImage, seededRandom, smallMachine } from "./small_machine.ts";

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

function request(
  operation: BlockRequest["operation"],
  sector: number,
  buffers: DmaBuffer[],
  sectors = 0,
): BlockRequest {
  return { operation, sector, sectors, buffers, status: "pending", done: new WaitQueue() };
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
  const writes = pages.map((page, index) => request("write", (255 - index) * 8, [page]));
  assertEquals(new Set(machine.run(perform(disk, ...writes))), new Set(["ok"]));
  pages.forEach((page) => page.bytes.fill(0));
  const [status] = machine.run(perform(disk, request("read", 0, [...pages].reverse())));
  assertEquals(status, "ok");
  pages.forEach((page, index) => assertEquals(page.bytes, copies[index]));
  assertEquals(image.bytes.subarray(255 * 4096, 256 * 4096), copies[0]);
});

Deno.test("disk: flush reaches the image, discard empties it, beyond the end is an error", () => {
  const { image, machine, disk } = diskMachine();
  const page = machine.environment.memory.allocate(4096);
  page.bytes.fill(7);
  assertEquals(machine.run(perform(disk, request("write", 8, [page]))), ["ok"]);
  assertEquals(machine.run(perform(disk, request("flush", 0, []))), ["ok"]);
  assertEquals(image.flushes, 1);
  assertEquals(machine.run(perform(disk, request("discard", 8, [], 8))), ["ok"]);
  assert(image.bytes.subarray(4096, 8192).every((byte) => byte === 0));
  assertEquals(machine.run(perform(disk, request("write", disk.sectors, [page]))), ["io-error"]);
  assertEquals(machine.run(perform(disk, request("read", disk.sectors - 1, [page]))), ["io-error"]);
});

Deno.test("a wrong DMA address is a fault record and changes nothing", () => {
  for (const address of [0x1000, DOMAIN_BASE, DOMAIN_BASE + MACHINE_BYTES, 2 ** 38]) {
    const { image, machine, disk } = diskMachine();
    image.bytes.fill(0xee);
    const tables = new Uint8Array(machine.memory).slice(0, 4096);
    disk.submit(request("read", 0, [{ address, bytes: new Uint8Array(4096) }]));
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
      machine.run(perform(again.provides.disk as BlockDevice, request("read", 0, [page]))),
      ["ok"],
    );
    assertEquals(page.bytes[0], 0xee);
  }
});

Deno.test("a fenced device reaches nothing", () => {
  const { machine, disk } = diskMachine();
  const page = machine.environment.memory.allocate(4096);
  machine.platform.fence(DOMAIN_BASE, ["device0"]);
  disk.submit(request("read", 0, [page]));
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
    if (next() % 4 === 0) disk.submit(request("read", next() % 256, [page()]));
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

Deno.test("console: every port has its own output, input and end", () => {
  const outputs = ["", "", ""];
  const model = new VirtioConsole(
    3,
    (port, bytes) => outputs[port] += new TextDecoder().decode(bytes),
  );
  const machine = smallMachine(2 * MIB, [model]);
  const { terminal } = createVirtioConsole(machine.environment, {}, {
    attachment: machine.attachments[0],
  }).provides as { terminal: Terminal };
  assertEquals(terminal.ports, 3);
  const text = new TextEncoder();
  machine.run(terminal.write(1, text.encode("one")) as Coroutine<number>);
  machine.run(terminal.write(2, text.encode("x".repeat(10_000))) as Coroutine<number>);
  assertEquals(outputs, ["", "one", "x".repeat(10_000)]);
  model.input(0, text.encode("typed"));
  const buffer = new Uint8Array(3);
  assertEquals(machine.run(terminal.read(0, buffer) as Coroutine<number>), 3);
  assertEquals(new TextDecoder().decode(buffer), "typ");
  assertEquals(machine.run(terminal.read(0, buffer) as Coroutine<number>), 2);
  model.endInput(0);
  assertEquals(machine.run(terminal.read(0, buffer) as Coroutine<number>), 0);
});
