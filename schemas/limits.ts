// Every numeric bound of manifests and plans, each with its reason.

/** A closed range of allowed values, and why it ends where it does. */
export interface Limit {
  min: number;
  max: number;
  reason: string;
}

export const limits = {
  memoryBytes: {
    min: 16 << 20,
    max: 2 ** 36,
    reason:
      "the smallest machine that holds a ring and a page cache; Sv39 reaches 512 GiB and hosts do not",
  },
  userMemoryBytes: {
    min: 16 << 20,
    max: 3584 * 2 ** 20,
    reason:
      "a small program and its libraries fit into 16 MiB; a hart addresses 4 GiB, its tables included",
  },
  domainMemoryBytes: {
    min: 4 << 20,
    max: 2 ** 32,
    reason: "device queues and a page cache need 4 MiB; one memory object is at most 4 GiB",
  },
  heapBytes: {
    min: 32 << 20,
    max: 2 ** 32,
    reason: "V8 and the kernel's own code take about 20 MiB",
  },
  harts: { min: 1, max: 1, reason: "one hart runs user programs in this version" },
  ringDepth: {
    min: 2,
    max: 1024,
    reason:
      "a power of two; entries are named by 16 bits and more than 1024 waiting calls hide nothing more",
  },
  ringArenaBytes: {
    min: 64 << 10,
    max: 64 << 20,
    reason: "one maximal path or page must fit; 64 MiB is more than any depth can use",
  },
  spinUs: {
    min: 0,
    max: 10_000,
    reason: "longer spinning starves the other thread of a small machine",
  },
  backoffMs: { min: 0, max: 60_000, reason: "longer than a minute is an outage, not a backoff" },
  maxRestarts: { min: 0, max: 1000, reason: "a domain that fails more often is broken" },
  heartbeatMs: { min: 50, max: 60_000, reason: "garbage collection alone may pause 20 ms" },
  devices: { min: 0, max: 64, reason: "a one-level device directory holds 64 extended contexts" },
  domains: { min: 1, max: 32, reason: "each domain is a thread or a process of the host" },
  programs: { min: 0, max: 30, reason: "each has its own port of the console device" },
  port: { min: 1, max: 65_535, reason: "TCP has ports of 16 bits, and 0 is none" },
  seed: { min: 0, max: 2 ** 32 - 1, reason: "the generator's state has 32 bits" },
  million: { min: 0, max: 1_000_000, reason: "of a million there are no more" },
  linkDelayMs: { min: 0, max: 10_000, reason: "light goes to the moon and back in less" },
  faults: { min: 0, max: 32, reason: "a domain's status page has a word for each" },
  faultTimes: { min: 1, max: 1000, reason: "a domain is restarted at most as often" },
  faultCount: { min: 1, max: 1_000_000_000, reason: "requests of several hours" },
  faultMs: {
    min: 0,
    max: 3_600_000,
    reason: "who waits an hour for a fault brings it about by hand",
  },
  faultMeanMs: { min: 1, max: 3_600_000, reason: "two in one millisecond are one" },
  slowMs: { min: 1, max: 60_000, reason: "a call that takes a minute longer is one that hangs" },
  programRestarts: { min: 0, max: 1000, reason: "a program that fails more often is broken" },
  healthMs: {
    min: 10,
    max: 3_600_000,
    reason: "starting a program takes milliseconds; what is asked once an hour is not watched",
  },
  healthRetries: { min: 1, max: 1000, reason: "one failure at least makes a program unhealthy" },
  startPeriodMs: { min: 0, max: 3_600_000, reason: "a program that takes an hour to start hangs" },
  stopMs: { min: 0, max: 3_600_000, reason: "a program that takes an hour to end hangs" },
  sessions: {
    min: 0,
    max: 32,
    reason: "health checks and `compose exec` on one machine; each holds up to 512 KiB of streams",
  },
  imageBytes: {
    min: 6 << 20,
    max: 2 ** 43,
    reason:
      "a journal needs 1,024 blocks and the rest 512; up to 8 TiB, numbers of 4 KiB blocks are below 2^31, where bit operations on them are safe",
  },
  id: { min: 0, max: 2 ** 32 - 2, reason: "uid_t is 32 bits and its last value means none" },
} as const satisfies Record<string, Limit>;
