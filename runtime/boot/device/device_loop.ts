// How the thread of the devices turns, and how it waits: for drivers, who ring its bell; for messages; and for
// the host's sockets. Those that a poller knows cost it a call; others speak by the event loop, which has to turn
// while there are any, and which ends a sleep only where the thread sleeps lightly.
import type { Platform } from "../../hardware/device/platform.ts";
import type { LightSleeper } from "../../hardware/doorbell.ts";
import type { FaultRecord } from "../../hardware/iommu/fault_queue.ts";
import type { Poller } from "../../hardware/poller.ts";
import type { Timers } from "../../hardware/timers.ts";
import type { Attention } from "../attention.ts";

/** Turns with something to do before the event loop has its own. */
const TURNS_PER_EVENT_LOOP = 4;
/** Looking once more for this long before sleeping saves the wake-up of the next request. */
const SPIN_NS = 50e3;

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

export interface DeviceLoopParts {
  platform: Platform;
  sleeper: LightSleeper;
  /** knows of descriptors of the host, and of the sleeper's bell */
  poller: Poller | undefined;
  timers: Timers;
  /** whether there is something that only the event loop tells of */
  needEventLoop(): boolean;
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
  const { platform, sleeper, poller, timers, host, attention, maxSleepNs, nowNs } = parts;
  let idleSince = 0, busyTurns = 0;
  while (!stopping()) {
    const eventLoop = parts.needEventLoop();
    if (attention.needed || eventLoop && busyTurns++ % TURNS_PER_EVENT_LOOP === 0) {
      await attention.turnEventLoop();
    }
    timers.run();
    const came = poller?.poll() ?? false;
    // What came goes on in microtasks, which run while this waits for one of its own.
    if (poller !== undefined) await undefined;
    const worked = platform.poll() || came;
    // Also of what a backend delivered when the event loop turned: there may be nothing else to do any more.
    for (const fault of platform.takeFaults()) parts.faulted(fault);
    if (worked) {
      idleSince = 0;
      continue;
    }
    busyTurns = 0;
    const now = nowNs();
    if (idleSince === 0) idleSince = now;
    // Turning the event loop takes as long as looking is worth.
    if (!eventLoop && now - idleSince < SPIN_NS) {
      sleeper.relax();
      continue;
    }
    idleSince = 0;
    sleeper.prepare();
    const sleepNs = Math.min(maxSleepNs, timers.nextMs * 1e6);
    if (platform.pending || attention.needed || host.takeCall()) sleeper.cancel();
    else if (!eventLoop) sleeper.sleep(sleepNs);
    else {
      await sleeper.sleepLightly(sleepNs, host.call());
      // The event loop has just turned.
      busyTurns = 1;
    }
  }
}
