// What /proc says of the machine: memory, its hart, load and time (proc(5)).
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import type { ProcessKernel } from "../process_kernel.ts";
import { RELEASE, VERSION } from "../sys_machine.ts";
import { stateOf } from "./process_text.ts";

const TICK_NS = 1e7;
const NS = 1e9;

/** Processor time of everybody there ever was, as user and inside the kernel, in nanoseconds. */
function busy(kernel: ProcessKernel): [userNs: number, systemNs: number] {
  let userNs = 0, systemNs = 0;
  for (const process of kernel.all) {
    userNs += process.userNs + process.childrenUserNs;
    systemNs += process.systemNs + process.childrenSystemNs;
    for (const thread of process.threads) {
      userNs += thread.userNs;
      systemNs += thread.systemNs;
    }
  }
  return [userNs, systemNs];
}

function idleNs(kernel: ProcessKernel): number {
  const [userNs, systemNs] = busy(kernel);
  return Math.max(0, kernel.environment.nowNs() - userNs - systemNs);
}

export function uptimeText(kernel: ProcessKernel): string {
  const seconds = (ns: number) => (Math.floor(ns / TICK_NS) / 100).toFixed(2);
  return `${seconds(kernel.environment.nowNs())} ${seconds(idleNs(kernel))}\n`;
}

/** How many threads could run, and how many there are. */
function threadCounts(kernel: ProcessKernel): { running: number; all: number } {
  let running = 0, all = 0;
  for (const process of kernel.all) {
    for (const thread of process.threads) {
      all++;
      if (stateOf(process, thread)[0] === "R") running++;
    }
  }
  return { running, all };
}

export function statText(kernel: ProcessKernel): string {
  const ticks = (ns: number) => Math.floor(ns / TICK_NS);
  const [userNs, systemNs] = busy(kernel);
  const times = `${ticks(userNs)} 0 ${ticks(systemNs)} ${ticks(idleNs(kernel))} 0 0 0 0 0 0`;
  const { running } = threadCounts(kernel);
  return [
    `cpu  ${times}`,
    `cpu0 ${times}`,
    "intr 0",
    "ctxt 0",
    `btime ${kernel.clocks.bootSeconds}`,
    `processes ${kernel.lastPid}`,
    `procs_running ${running}`,
    "procs_blocked 0",
    "",
  ].join("\n");
}

/** Averages of how busy the hart was, taken whenever somebody asks. */
export function loadAverage(kernel: ProcessKernel): () => string {
  const spans = [60, 300, 900].map((seconds) => ({ ns: seconds * NS, load: 0 }));
  let askedNs = 0, busyNs = 0;
  return () => {
    const now = kernel.environment.nowNs();
    const [userNs, systemNs] = busy(kernel);
    const passed = now - askedNs;
    if (passed > 0) {
      const share = Math.max(0, userNs + systemNs - busyNs) / passed;
      for (const span of spans) {
        const kept = Math.exp(-passed / span.ns);
        span.load = span.load * kept + share * (1 - kept);
      }
      askedNs = now;
      busyNs = userNs + systemNs;
    }
    const { running, all } = threadCounts(kernel);
    const loads = spans.map(({ load }) => load.toFixed(2)).join(" ");
    return `${loads} ${running}/${all} ${kernel.lastPid}\n`;
  };
}

export function memoryInfoText(kernel: ProcessKernel): string {
  const frames = kernel.memory?.frames;
  const own = kernel.environment.memory;
  const total = frames === undefined ? own.bytes.length : frames.total * PAGE_BYTES;
  const free = frames === undefined ? own.freeBytes : frames.available * PAGE_BYTES;
  const lines: [string, number][] = [
    ["MemTotal", total],
    ["MemFree", free],
    ["MemAvailable", free],
    ["Buffers", 0],
    ["Cached", 0],
    ["SwapCached", 0],
    ["Active", total - free],
    ["Inactive", 0],
    ["SwapTotal", 0],
    ["SwapFree", 0],
    ["Dirty", 0],
    ["Writeback", 0],
    ["Shmem", 0],
    ["Slab", 0],
    ["CommitLimit", total],
    ["Committed_AS", total - free],
  ];
  return lines.map(([name, bytes]) =>
    `${`${name}:`.padEnd(16)}${String(Math.floor(bytes / 1024)).padStart(8)} kB\n`
  ).join("");
}

/** /proc/vmstat: pages that are free; nothing is swapped, and what moves between disk and caches is not counted. */
export function memoryCountsText({ memory }: ProcessKernel): string {
  const counts = { nr_free_pages: memory?.frames.available ?? 0, pswpin: 0, pswpout: 0 };
  return Object.entries(counts).map(([name, count]) => `${name} ${count}\n`).join("");
}

export function cpuInfoText(): string {
  const isa = "rv64imafdc_zicsr_zifencei_zba_zbb_zbs";
  return `processor\t: 0\nhart\t\t: 0\nisa\t\t: ${isa}\nmmu\t\t: sv39\nmvendorid\t: 0x0\nmarchid\t\t: 0x0\nmimpid\t\t: 0x0\nhart isa\t: ${isa}\n\n`;
}

export function versionText(): string {
  return `Linux version ${RELEASE} ${VERSION}\n`;
}
