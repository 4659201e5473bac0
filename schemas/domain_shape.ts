// What a manifest says of a domain: what is in it, how it is kept apart, and what happens when it fails.
import { limits } from "./limits.ts";
import {
  choice,
  defaulted,
  flag,
  list,
  named,
  number,
  optional,
  record,
} from "./manifest_shape.ts";

/** A domain of `domains`. */
export const domain = record("a unit of isolation", {
  primary: defaulted(flag("runs user programs and every slice not placed elsewhere"), false),
  isolation: optional(
    choice("how it is kept apart; `process` unless told, `none` for the primary", [
      "none",
      "worker",
      "process",
    ]),
  ),
  memory: defaulted(
    number("bytes", "its memory object: device queues and page cache", limits.domainMemoryBytes),
    "32MiB",
  ),
  heap: defaulted(
    number("bytes", "limit on the heap of its kernel code", limits.heapBytes),
    "128MiB",
  ),
  slices: defaulted(list("slices placed here", named("name of a slice")), []),
  components: defaulted(list("single components placed here", named("name of a component")), []),
  devices: defaulted(list("devices it owns through the IOMMU", named("name of a device")), []),
  ring: defaulted(
    record("the ring on which it serves", {
      depth: defaulted(
        number("integer", "entries in each queue, a power of two", limits.ringDepth),
        64,
      ),
      spin: defaulted(
        number(
          "microseconds",
          "look for work this long before sleeping, where the last wait was shorter",
          limits.spinUs,
        ),
        "1ms",
      ),
      style: defaulted(
        choice(
          "`exceptionless`: calls are written and other threads run; `trap`: each call signals the " +
            "domain, and the caller's hart sleeps until it answers (nobody spins)",
          ["exceptionless", "trap"],
        ),
        "exceptionless",
      ),
      arena: defaulted(number("bytes", "memory for payloads", limits.ringArenaBytes), "4MiB"),
      clientCache: defaulted(
        flag(
          "the primary keeps pages of its files that programs read and write, in what is left of the " +
            "primary's memory (at most 256 MiB), and what paths led to; reads of what it keeps do not " +
            "cross, and writes are not waited for where there is room for certain; never where calls trap",
        ),
        true,
      ),
    }),
    {},
  ),
  recovery: optional(record("what happens when it fails", {
    policy: defaulted(choice("restart it, or end the machine", ["restart", "fail"]), "restart"),
    clients: optional(choice("what callers get while it is down", ["retry", "error"])),
    backoff: defaulted(
      number(
        "milliseconds",
        "least time from when an instance is ready to the start of the next",
        limits.backoffMs,
      ),
      "20ms",
    ),
    restarts: defaulted(number("integer", "most restarts", limits.maxRestarts), 30),
    standby: defaulted(
      flag(
        "process: another one stands by for the next restart, which takes some 50 ms less then; it " +
          "has some 30 MiB of the host's memory",
      ),
      true,
    ),
    heartbeat: defaulted(
      number(
        "milliseconds",
        "no progress on pending work for this long is a failure",
        limits.heartbeatMs,
      ),
      "1s",
    ),
  })),
});
