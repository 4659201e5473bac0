// How the thread of the devices turns, and how it waits: for drivers, who ring its bell; for messages; and for
// the host's sockets. Those that a poller knows cost it a call; others speak by the event loop, which then has
// to turn, and which ends a sleep only where the thread sleeps lightly.
import type { Platform } from "../hardware/device/platform.ts";
import type { LightSleeper } from "../hardware/doorbell.ts";
import type { FaultRecord } from "../hardware/iommu/fault_queue.ts";
import type { Poller } from "../hardware/poller.ts";
import type { Attention } from "./attention.ts";

/** Turns with something to do before the event loop has its own. */
const TURNS_PER_EVENT_LOOP = 4;
/** The same where little comes by it, as a time. */
const EVENT_LOOP_NS = 2e6;
/** Looking once more for this long before sleeping saves the wake-up of the next request. */
const SPIN_NS = 50e3;
/** Where a poller had nothing for so long, what comes next may as well come by the event loop. */
const POLLED_SLEEP_NS = 1e6;

/** Whether the host has said something since the loop last looked, and a promise that it will. */
export class HostCalls {
  #waiting: PromiseWithResolvers<void> | undefined;
  #called = false;

  called(): void {
    this.#called = true;
    this.#waiting?.resolve();
  }

  takeCall(): boolean {
    const called = this.#called;
    this.#called = false;
    return called;
  }

  call(): Promise<void> {
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise;
  }
}

/** How much of what devices hear of the host comes by the event loop. */
export type EventLoopUse = "none" | "little" | "much";

export interface DeviceLoopParts {
  platform: Platform;
  sleeper: LightSleeper;
  /** knows of descriptors of the host, and of the sleeper's bell */
  poller: Poller | undefined;
  eventLoop: EventLoopUse;
  host: HostCalls;
  attention: Attention;
  maxSleepNs: number;
  /** nanoseconds of a clock that does not jump: asked on every turn */
  nowNs(): number;
  /** gets what the IOMMU has recorded */
  faulted(fault: FaultRecord): void;
}

/** Turns until it is told to stop. */
export async function runDevices(parts: DeviceLoopParts, stopping: () => boolean): Promise<void> {
  const { platform, sleeper, poller, eventLoop, host, attention, maxSleepNs, nowNs } = parts;
  let idleSince = 0, busyTurns = 0, turnedNs = 0, quiet = false;
  const eventLoopDue = () => {
    if (eventLoop === "none") return false;
    if (eventLoop === "much") return busyTurns++ % TURNS_PER_EVENT_LOOP === 0;
    return nowNs() - turnedNs > EVENT_LOOP_NS;
  };
  while (!stopping()) {
    if (attention.needed || eventLoopDue()) {
      await attention.turnEventLoop();
      turnedNs = nowNs();
    }
    const came = poller?.poll() ?? false;
    // What came goes on in microtasks, which run while this waits for one of its own.
    if (poller !== undefined) await undefined;
    const worked = platform.poll() || came;
    // Also of what a backend delivered when the event loop turned: there may be nothing else to do any more.
    for (const fault of platform.takeFaults()) parts.faulted(fault);
    if (worked) {
      idleSince = 0;
      quiet = false;
      continue;
    }
    busyTurns = 0;
    const now = nowNs();
    if (idleSince === 0) idleSince = now;
    // Turning the event loop takes as long as looking is worth.
    if (eventLoop !== "much" && now - idleSince < SPIN_NS) {
      sleeper.relax();
      continue;
    }
    idleSince = 0;
    sleeper.prepare();
    if (platform.pending || attention.needed || host.takeCall()) sleeper.cancel();
    else if (eventLoop === "none") sleeper.sleep(maxSleepNs);
    else if (eventLoop === "little" && !quiet) {
      sleeper.sleep(Math.min(POLLED_SLEEP_NS, maxSleepNs));
      quiet = true;
    } else {
      await sleeper.sleepLightly(maxSleepNs, host.call());
      // The event loop has just turned.
      turnedNs = nowNs();
      busyTurns = 1;
    }
  }
}
