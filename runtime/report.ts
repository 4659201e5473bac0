// What a machine tells while it runs and when it ends: plain data for whoever shows it.
import type { Isolation } from "../schemas/plan.ts";
import type { DomainEvent, Recovery } from "./hypervisor/supervisor.ts";

export type { Recovery };

/** Things that happen while a machine boots and runs. */
export type MachineEvent =
  | DomainEvent
  | { kind: "image-created"; image: string; sizeBytes: number }
  | {
    kind: "image-progress";
    device: string;
    step: "index" | "fetch" | "unpack" | "write" | "prepare" | "note";
    what: string;
    done: number;
    total: number;
  }
  | { kind: "image-ready"; device: string; image: string }
  /** nothing more is read of the network or written to the cache */
  | { kind: "images-ready" }
  | { kind: "booted"; ms: number }
  | { kind: "program-started"; program: string }
  | { kind: "program-ended"; program: string; status: number; signal?: string }
  | { kind: "program-restarting"; program: string; backoffMs: number }
  | { kind: "program-healthy"; program: string; ms: number }
  | { kind: "program-unhealthy"; program: string; reason: string }
  /** every program has started, and is healthy where it says how to tell */
  | { kind: "ready"; ms: number }
  /** that will not come to pass, as far as can be told: where a program works after all, "ready" follows */
  | { kind: "not-ready"; reason: string }
  | { kind: "iommu-fault"; device: string; cause: number; address: string }
  | { kind: "log"; domain: string; line: string };

/** How a program ended. */
export interface ProgramReport {
  /** as the manifest names it */
  name: string;
  /** 0 to 255; 128 + signal where one ended it */
  status: number;
  /** the signal that ended it, by its name: "SIGSEGV" */
  signal?: string;
  /** from its first start to its last end; 0 for one that could not be started */
  seconds: number;
  /** what was last known of it, where the manifest says how to tell */
  health?: "starting" | "healthy" | "unhealthy";
  /** times it was started again, where the manifest says that it is */
  restarts?: number;
}

/** How a program is doing. */
export interface ProgramState {
  /** as the manifest names it */
  name: string;
  /** "waiting": for others that it depends on */
  state: "waiting" | "starting" | "running" | "restarting" | "ended";
  /** that of its last end */
  status?: number;
  /** the signal that ended it, by its name */
  signal?: string;
  /** where the manifest says how to tell */
  health?: "starting" | "healthy" | "unhealthy";
  /** times it was started again */
  restarts: number;
}

/** What a domain has counted, over all its instances. */
export interface DomainCounts {
  /** system calls (or requests of a cut edge) served; for the primary, those its programs made */
  calls: number;
  /** calls to it that went through a ring and back */
  roundTrips: number;
  /** signals sent because the other side of one of its rings slept */
  doorbells: number;
  /** turns of its loop that found nothing to do */
  spins: number;
  /** payload bytes that its callers moved into the arenas of its rings and out of them */
  bytesCopied: number;
  /** calls to it without an answer, whenever further ones were shown to it: the mean */
  ringOccupancy: number;
  /** and the most */
  ringOccupancyMost: number;
  /**
   * pages of files that were in memory when a reader came; of the primary also reads that were answered by
   * pages it keeps of files of other domains
   */
  pageCacheHits: number;
  /** and those that it had to wait for */
  pageCacheMisses: number;
  /** faults the IOMMU recorded for its devices */
  faults: number;
  /** times it was restarted */
  restarts: number;
  /** the instance it is in; 1 is that of the boot */
  generation: number;
  /** how long calls to it took their callers: what half of those that were timed did not exceed */
  latencyP50Ns?: number;
  /** and 99 of a hundred */
  latencyP99Ns?: number;
  /** and 999 of a thousand */
  latencyP999Ns?: number;
}

/** What a ring has carried, over all its generations. */
export interface RingState {
  /** as the plan names it */
  name: string;
  /** the domain that calls through it */
  client: string;
  /** the domain that serves it */
  server: string;
  /** calls that went through it and back */
  calls: number;
  /** calls without an answer, whenever further ones were shown to the server: the mean */
  ringOccupancy: number;
  /** and the most */
  ringOccupancyMost: number;
  /** payload bytes that the client moved into its arena and out of it */
  bytesCopied: number;
  /** times that its server slept and was woken for a call */
  doorbells: number;
  /** calls without an answer now */
  outstanding: number;
  /** calls that were timed: how many took at least so many nanoseconds, and less than so many */
  latencies: [fromNs: number, toNs: number, count: number][];
}

/** How a domain is doing. */
export interface DomainState extends DomainCounts {
  /** as the manifest names it */
  name: string;
  /** how it is kept apart */
  isolation: Isolation;
  /** "gone": failed, and not started again */
  state: "running" | "restarting" | "gone";
  /** its memory object, and what its kernel code takes */
  memoryBytes: number;
}

/** What a domain took and did. */
export interface DomainReport extends DomainCounts {
  /** as the manifest names it */
  name: string;
  /** how it was kept apart */
  isolation: Isolation;
  /** its memory object */
  memoryBytes: number;
  /** what the heap of its kernel code takes at the end */
  heapBytes: number;
}

/** How a machine that runs is doing. */
export interface MachineState {
  /** in the order of the manifest */
  programs: ProgramState[];
  /** the primary first */
  domains: DomainState[];
  /** in the order of the plan */
  rings: RingState[];
  /** whether all programs have been ready */
  ready: boolean;
  /** system calls that programs have made */
  calls: number;
  /** and how often each, by its name, the most frequent first */
  callCounts: { name: string; count: number }[];
  /** what the kernel code of all domains takes of its heaps, and their memory objects */
  memoryBytes: number;
  /** times that domains were restarted */
  restarts: number;
  /** turns of the host's event loop that each of these threads waited for: as many as it is told things */
  eventLoopTurns: { hart: number; devices: number };
}

/** What a machine did, from its boot to its end. */
export interface MachineReport {
  /** name of the system */
  name: string;
  /** in the order of the manifest */
  programs: ProgramReport[];
  /** the primary first */
  domains: DomainReport[];
  /** failures of service domains, in the order in which they happened */
  recoveries: Recovery[];
  /** system calls that programs made, and how often, the most frequent first */
  callCounts: { name: string; count: number }[];
  /** system calls that nobody serves, and how often programs made them */
  missingCalls: { name: string; count: number }[];
  /** from the start of `boot` to the end of the last program */
  seconds: number;
  /** resident memory of all the machine's host processes at the end, bytes; 0 where it cannot be told */
  residentBytes: number;
}
