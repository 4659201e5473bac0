// The other style of system calls, to measure exceptionless ones against: the caller signals the server
// and waits with its whole thread, until the server says that it has answered the call or put it aside.
import type { Sleeper } from "../../../hardware/doorbell.ts";
import type { RingClient } from "../../../hypervisor/ring/client.ts";

/** A server that takes longer gets no more of its caller's time: the call ends like one put aside. */
const MOST_NS = 20e6;

/**
 * How calls of a thread trap.
 * @param sleeper the thread's own, which the server rings
 * @param maxSleepNs sleep at most this long at a time: what a signal that is lost costs
 */
export function makeTrap(
  sleeper: Sleeper,
  nowNs: () => number,
  maxSleepNs: number,
): (ring: RingClient) => void {
  return (ring) => {
    const deadlineNs = nowNs() + MOST_NS;
    ring.notify();
    while (!ring.settled) {
      sleeper.prepare();
      const leftNs = deadlineNs - nowNs();
      if (ring.settled || leftNs <= 0) return sleeper.cancel();
      sleeper.sleep(Math.min(leftNs, maxSleepNs));
    }
  };
}
