// A machine's lower half in one thread, for tests: a platform with devices, one domain's memory, and
// drivers over real register windows. Ringing the device's bell runs the device at once.
import { Platform } from "../runtime/hardware/device/platform.ts";
import { WINDOW_BYTES, WindowRegisters } from "../runtime/hardware/device/register_window.ts";
import type { DeviceModel } from "../runtime/hardware/device/virtio_device.ts";
import type { DiskImage } from "../runtime/hardware/device/virtio_blk.ts";
import { type Coroutine, Tasks } from "../runtime/kernel/coroutine.ts";
import { createDomainMemory } from "../runtime/kernel/domain_memory.ts";
import { DeviceAttachment } from "../runtime/kernel/drivers/device_attachment.ts";
import type { Environment } from "../runtime/kernel/environment.ts";

export const DOMAIN_BASE = 0x8000_0000;
const DIRECTORY = 0x4000_0000;

/** mulberry32: a small seeded generator of 32-bit integers. */
export function seededRandom(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return (value ^ (value >>> 14)) >>> 0;
  };
}

/** A disk in memory that counts flushes. */
export class MemoryImage implements DiskImage {
  readonly readOnly = false;
  readonly bytes: Uint8Array;
  flushes = 0;
  constructor(readonly sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes);
  }
  read(offset: number, into: Uint8Array): void {
    into.set(this.bytes.subarray(offset, offset + into.length));
  }
  write(offset: number, from: Uint8Array): void {
    this.bytes.set(from, offset);
  }
  flush(): void {
    this.flushes++;
  }
  discard(offset: number, length: number): void {
    this.bytes.fill(0, offset, offset + length);
  }
}

export interface SmallMachine {
  platform: Platform;
  environment: Environment;
  memory: SharedArrayBuffer;
  attachments: DeviceAttachment[];
  windows: SharedArrayBuffer[];
  logs: string[];
  /** Goes on until there is nothing to do but to wait for the host. */
  settle(): void;
  /** runs a coroutine to its end, devices included */
  run<T>(body: Coroutine<T>): T;
}

/**
 * A domain of `memoryBytes` that owns the given devices, numbered from 1.
 * @param clock nanoseconds, where time is not to stand still
 */
export function smallMachine(
  memoryBytes: number,
  models: DeviceModel[],
  clock?: () => number,
): SmallMachine {
  const logs: string[] = [];
  const memory = new SharedArrayBuffer(memoryBytes);
  const contexts = models.map((_, index) => ({
    device: `device${index}`,
    deviceId: index + 1,
    domain: "domain",
    guestContext: 1,
    processContext: index + 1,
    firstStage: "Sv39" as const,
    secondStage: "Sv39x4" as const,
    windows: [{ address: DOMAIN_BASE, sizeBytes: memoryBytes }],
  }));
  const platform = new Platform(DIRECTORY, contexts, (line) => logs.push(line));
  const windows = models.map((model, index) => {
    platform.plug(`device${index}`, contexts[index], model);
    return new SharedArrayBuffer(WINDOW_BYTES);
  });
  platform.admit(
    { address: DOMAIN_BASE, buffer: memory },
    windows.map((buffer, index) => ({ device: `device${index}`, buffer })),
    { ring: () => false },
  );
  let nowNs = 0;
  const now = clock ?? (() => nowNs);
  const tasks = new Tasks(now);
  const next = seededRandom(1);
  const environment: Environment = {
    nowNs: now,
    realtimeNs: () => BigInt(Math.floor(now())) + 1_700_000_000_000_000_000n,
    random: (into) => into.forEach((_, index) => into[index] = next()),
    tasks,
    memory: createDomainMemory(memory, DOMAIN_BASE),
    log: (line) => logs.push(line),
  };
  const deviceBell = { ring: () => platform.poll() };
  const attachments = windows.map((buffer) =>
    new DeviceAttachment(new WindowRegisters(buffer, deviceBell, () => 0))
  );
  /** One turn over everything. @returns how much there was to do */
  const turn = (): number => {
    let worked = platform.poll() ? 1 : 0;
    for (const attachment of attachments) worked += attachment.poll();
    worked += tasks.run();
    for (const attachment of attachments) attachment.notify();
    return worked;
  };
  return {
    platform,
    environment,
    memory,
    attachments,
    windows,
    logs,
    settle(): void {
      while (turn() > 0);
    },
    run<T>(body: Coroutine<T>): T {
      let outcome: { value?: T; failure?: unknown } | undefined;
      tasks.spawn(body, (value, failure) => outcome = { value, failure });
      for (let idle = 0; outcome === undefined; idle++) {
        if (turn() > 0) idle = 0;
        else if (tasks.nextDeadlineNs < Infinity) nowNs = Math.max(nowNs, tasks.nextDeadlineNs);
        else if (idle > 1000) {
          throw new Error("Nothing can go on: a task waits for what never comes");
        }
      }
      if (outcome.failure !== undefined) throw outcome.failure;
      return outcome.value as T;
    },
  };
}
