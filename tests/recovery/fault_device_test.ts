// Faults of devices: programs see the errors of a disk, whatever their domain's contract says, and lose
// nothing that they were told was durable; a network that loses frames delays, and changes nothing.
import { assert, assertEquals } from "@std/assert";
import type { DomainPlan, FaultPlan } from "../../mod.ts";
import { Block } from "../../runtime/hardware/device/virtio.ts";
import type { Chain } from "../../runtime/hardware/device/split_queue.ts";
import type { DeviceModel } from "../../runtime/hardware/device/virtio_device.ts";
import { FailingDisk } from "../../runtime/hardware/fault/failing_disk.ts";
import { LossyBackend } from "../../runtime/hardware/fault/lossy_backend.ts";
import { RequestCountdown } from "../../runtime/hardware/fault/request_countdown.ts";
import type { NetworkBackend } from "../../runtime/hardware/network/backend.ts";
import type { Frame } from "../../runtime/hardware/network/frame.ts";
import { checkImage, planOf, type Run, runMachine, withFolder } from "../fixtures/boot_harness.ts";

/** A disk that says yes to everything, and remembers what it was asked. */
function yesDisk(): { model: DeviceModel; asked: number[] } {
  const asked: number[] = [];
  const model: DeviceModel = {
    deviceId: 2,
    queues: 1,
    queueSize: 8,
    features: 0,
    config: new Uint8Array(0),
    request: (_queue, chain) => {
      asked.push(chain.readable[0][0]);
      chain.writable[0][0] = Block.OK;
      return 1;
    },
    reset: () => {},
  };
  return { model, asked };
}

function ask(disk: DeviceModel, type: number): number {
  const header = new Uint8Array(Block.HEADER_BYTES), status = new Uint8Array(1).fill(0xff);
  header[0] = type;
  const chain: Chain = {
    head: 0,
    readable: [header],
    writable: [status],
    readableBytes: header.length,
    writableBytes: 1,
  };
  assertEquals(disk.request(0, chain), 1);
  return status[0];
}

const atWrites = (counts: number[]): FaultPlan => ({
  place: "disk0",
  at: "device",
  kind: "disk-error",
  requests: { call: "disk-write", numbers: { "virtio-blk": Block.OUT }, counts },
});

Deno.test("a disk fails the requests that it is told to, and no others", () => {
  const { model, asked } = yesDisk();
  let now = 0;
  const countdown = new RequestCountdown(atWrites([3, 2]), 0);
  const said: string[] = [];
  const disk = new FailingDisk(model, [countdown], () => now, (line) => said.push(line));
  const { OUT, IN, FLUSH, OK, IOERR } = Block;
  const answers = [OUT, IN, OUT, FLUSH, OUT, OUT, OUT, OUT].map((type) => ask(disk, type));
  assertEquals(answers, [OK, OK, OK, OK, IOERR, OK, IOERR, OK]);
  assertEquals(asked.length, 6);
  assertEquals(said, ["fault: disk-error at disk-write 3", "fault: disk-error at disk-write 2"]);

  disk.begin({ kind: "disk-full", forMs: 10 });
  assertEquals([ask(disk, OUT), ask(disk, IN), ask(disk, FLUSH)], [IOERR, OK, OK]);
  now = 10;
  assertEquals(ask(disk, OUT), OK);
  disk.begin({ kind: "disk-error", forMs: 10 });
  assertEquals([ask(disk, OUT), ask(disk, IN), ask(disk, FLUSH)], [IOERR, IOERR, IOERR]);
  now = 20;
  assertEquals(ask(disk, IN), OK);
});

/** A backend that has as many frames as anybody wants. */
class Frames implements NetworkBackend {
  readonly mtu = 1500;
  sent = 0;
  given = 0;
  readonly pending = true;
  send(): boolean {
    this.sent++;
    return true;
  }
  receive(): Frame | undefined {
    this.given++;
    return { head: new Uint8Array(60), body: new Uint8Array(0) };
  }
  reset(): void {}
  close(): void {}
}

Deno.test("a cable loses the part of the frames that it is told to, the same ones each time", () => {
  const frame = new Frames().receive()!;
  const lose = (seed: number) => {
    const frames = new Frames();
    let now = 0;
    const cable = new LossyBackend(frames, [], () => now, () => {});
    cable.begin({ kind: "packet-loss", rate: 0.1, seed, forMs: 5 });
    const kept: number[] = [];
    for (let index = 0; index < 5000; index++) {
      const before = frames.sent;
      cable.send(frame);
      if (frames.sent > before) kept.push(index);
    }
    for (let index = 0; index < 5000; index++) cable.receive();
    assert(Math.abs(cable.lost - 1000) < 150, `${cable.lost} lost`);
    now = 5;
    const { lost } = cable;
    for (let index = 0; index < 1000; index++) cable.send(frame);
    assertEquals(cable.lost, lost);
    return kept;
  };
  assertEquals(lose(7), lose(7));
  assert(lose(7).join() !== lose(8).join());
});

/** What a program saw, on a storage domain that is as quickstart's but for its faults. */
async function sawWith(
  folder: string,
  fault: FaultPlan,
  change: (storage: DomainPlan) => void = () => {},
): Promise<{ run: Run; before: number; after: number; seen: Record<string, number> }> {
  const plan = await planOf("examples/quickstart.yaml", folder, (plan) => {
    const module = new URL("./fault_program.ts", import.meta.url).pathname;
    plan.programs = [{ ...plan.programs[0], module, args: ["20"], console: 0 }];
    plan.faults = [fault];
    change(plan.domains.find(({ name }) => name === "storage")!);
  });
  const run = await runMachine(plan);
  assertEquals(run.report.programs.map(({ status }) => status), [0]);
  assertEquals(checkImage(`${folder}/disk0.img`), "");
  return { run, ...JSON.parse([...run.output.values()].join("")) };
}

/** Instead of the third fsync, or of the request of the disk below it. */
const atSync = { call: "fsync", numbers: { files: 82 }, counts: [3] };
const atDiskWrite = { call: "disk-write", numbers: { "virtio-blk": Block.OUT }, counts: [30] };

for (const kind of ["disk-error", "disk-full"] as const) {
  Deno.test(`${kind} under a journal: fsync fails, nothing is written any more, and the image is whole`, () =>
    withFolder(async (folder) => {
      const fault: FaultPlan = { place: "disk0", at: "device", kind, requests: atDiskWrite };
      const { run, before, after, seen } = await sawWith(folder, fault);
      assert(before > 0);
      // As Linux has it: without its journal a file system is there to be read only.
      assertEquals(after, 0);
      assertEquals(seen["fsync EIO"], 1);
      assertEquals(Object.keys(seen).sort(), ["fsync EIO", "openat EROFS"]);
      assertEquals(run.report.recoveries, []);
    }));
}

Deno.test("a domain with the contract error crashes: calls get EIO, and a file that is opened then works", () =>
  withFolder(async (folder) => {
    const fault: FaultPlan = { place: "storage", at: "domain", kind: "crash", requests: atSync };
    const { run, before, after, seen } = await sawWith(folder, fault, ({ recovery }) => {
      Object.assign(recovery, { clients: "error", backoffMs: 1 });
    });
    assertEquals([before, after], [2, 20]);
    assertEquals(seen["fsync EIO"], 1);
    for (const each of Object.keys(seen)) assert(/ (EIO|EBADF)$/.test(each), each);
    assertEquals(run.report.recoveries.length, 1);
  }));

Deno.test("a domain that cannot start any more is given up, and the machine goes on without it", () =>
  withFolder(async (folder) => {
    const requests = { ...atSync, counts: [3, ...new Array(50).fill(1)] };
    const fault: FaultPlan = { place: "storage", at: "domain", kind: "crash", requests };
    const { run, after, seen } = await sawWith(folder, fault, ({ recovery }) => {
      Object.assign(recovery, { backoffMs: 1, maxRestarts: 4 });
    });
    assertEquals(after, 0);
    for (const each of Object.keys(seen)) assert(/ (EIO|EBADF)$/.test(each), each);
    // How long it waits before each is the supervisor's, and its own tests'.
    const told = run.events.map(({ kind }) => kind).filter((kind) => /restarting|gone/.test(kind));
    assertEquals(told, [...new Array(4).fill("domain-restarting"), "domain-gone"]);
    const gone = run.events.find(({ kind }) => kind === "domain-gone") as { reason: string };
    assertEquals(gone.reason, "restarted 4 times, which is its limit");
    const { generation, restarts } = run.report.domains.find(({ name }) => name === "storage")!;
    assertEquals([generation, restarts], [5, 4]);
  }));
