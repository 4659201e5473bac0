// What /proc/PID/stat, statm, status and limits say (proc(5)).
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import { RLIMIT } from "../limits.ts";
import type { Process } from "../process.ts";
import { DEFAULT, IGNORE, LAST_SIGNAL, type SignalSet } from "../signal/signal.ts";
import { ALL, type Capabilities } from "../capability_sets.ts";
import { ownTimes } from "../sys_limits.ts";
import type { Thread } from "../thread.ts";

const TICK_NS = 1e7;
const KIB = 1024;
/** What Linux shows for a priority of 0. */
const BASE_PRIORITY = 20;
const MAIN_SIGNAL_BITS = 0xffff_ffff_ffff_ffffn;

/** What a process or one of its threads is doing. */
export function stateOf(process: Process, thread?: Thread): [letter: string, name: string] {
  if (process.threads.size === 0) return ["Z", "zombie"];
  const shown = thread ?? process.leader;
  if (shown?.tracing?.stop !== undefined) return ["t", "tracing stop"];
  if (shown?.stopped) return ["T", "stopped"];
  const threads = thread === undefined ? [...process.threads] : [thread];
  return threads.some(({ task }) => task === undefined) ? ["R", "running"] : ["S", "sleeping"];
}

const ticks = (ns: number) => Math.floor(ns / TICK_NS);

/** One line of /proc/PID/stat, or of a thread's. */
export function statLine(process: Process, thread?: Thread): string {
  const { memory, settings, parent, limits } = process;
  const [userNs, systemNs] = thread === undefined
    ? ownTimes(process)
    : [thread.userNs, thread.systemNs];
  const terminal = process.kernel.terminals.get(process.session);
  const realtime = settings.policy === 1 || settings.policy === 2;
  const fields: (number | string)[] = [
    thread?.tid ?? process.pid,
    `(${thread?.name ?? process.name})`,
    stateOf(process, thread)[0],
    parent?.pid ?? 0,
    process.group,
    process.session,
    terminal?.device ?? 0,
    terminal === undefined ? -1 : terminal.foreground,
    0, // flags
    0, // minflt
    0,
    0, // majflt
    0,
    ticks(userNs),
    ticks(systemNs),
    ticks(process.childrenUserNs),
    ticks(process.childrenSystemNs),
    realtime ? -1 - settings.priority : BASE_PRIORITY + settings.nice,
    settings.nice,
    process.threads.size,
    0, // itrealvalue
    ticks(process.startedNs),
    (memory?.mappings.pages ?? 0) * PAGE_BYTES,
    memory?.residentPages ?? 0,
    finiteOr(limits[RLIMIT.RSS].soft, "18446744073709551615"),
    ...Array(9).fill(0), // code, stack and the signal masks of old
    0, // wchan
    0,
    0,
    process.exitSignal,
    0, // processor
    realtime ? settings.priority : 0,
    settings.policy,
    ...Array(5).fill(0), // delays, guests, data
    memory?.heapStart ?? 0,
    memory?.argumentsStart ?? 0,
    memory?.argumentsEnd ?? 0,
    memory?.argumentsEnd ?? 0,
    memory?.environmentEnd ?? 0,
    process.ended ?? 0,
  ];
  return `${fields.join(" ")}\n`;
}

function finiteOr(value: number, infinite: string): string {
  return Number.isFinite(value) ? String(value) : infinite;
}

/** /proc/PID/statm: pages in all, resident, shared, text, library, data, dirty. */
export function statmLine({ memory }: Process): string {
  const pages = { all: 0, shared: 0, text: 0, data: 0 };
  for (const { start, end, shared, access } of memory?.mappings.all ?? []) {
    const size = end - start;
    pages.all += size;
    if (shared) pages.shared += size;
    if ((access & 32) !== 0) pages.text += size;
    else if ((access & 16) !== 0 && !shared) pages.data += size;
  }
  const resident = memory?.residentPages ?? 0;
  return `${pages.all} ${resident} ${
    Math.min(resident, pages.shared)
  } ${pages.text} 0 ${pages.data} 0\n`;
}

function set(signals: SignalSet): string {
  return (signals & MAIN_SIGNAL_BITS).toString(16).padStart(16, "0");
}

/** Signals whose action has a property, as a set. */
function actionSet(process: Process, holds: (handler: number) => boolean): string {
  let signals = 0n;
  for (let signal = 1; signal <= LAST_SIGNAL; signal++) {
    if (holds(process.actions.get(signal).handler)) signals |= 1n << BigInt(signal - 1);
  }
  return set(signals);
}

function capabilitySet([low, high]: Capabilities): string {
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

/** /proc/PID/status, or a thread's. */
export function statusText(process: Process, thread: Thread | undefined): string {
  const { identity, credential, memory, settings, parent } = process;
  const main = thread ?? process.kernel.thread(process.pid) ?? [...process.threads][0];
  const kib = (pages: number) => `${String(pages * (PAGE_BYTES / KIB)).padStart(8)} kB`;
  const [letter, name] = stateOf(process, thread);
  const { effective, permitted, inheritable } = process.capabilities;
  const lines: [string, string][] = [
    ["Name", main?.name ?? process.name],
    ["Umask", process.umask.toString(8).padStart(4, "0")],
    ["State", `${letter} (${name})`],
    ["Tgid", String(process.pid)],
    ["Ngid", "0"],
    ["Pid", String(thread?.tid ?? process.pid)],
    ["PPid", String(parent?.pid ?? 0)],
    ["TracerPid", String(main?.tracing?.tracer.pid ?? 0)],
    ["Uid", [identity.ruid, identity.euid, identity.suid, credential.uid].join("\t")],
    ["Gid", [identity.rgid, identity.egid, identity.sgid, credential.gid].join("\t")],
    ["FDSize", String(tableSize(process))],
    ["Groups", identity.groups.map((group) => `${group} `).join("")],
  ];
  if (memory !== undefined) {
    lines.push(
      ["VmPeak", kib(memory.mappings.pages)],
      ["VmSize", kib(memory.mappings.pages)],
      ["VmLck", kib(0)],
      ["VmPin", kib(0)],
      ["VmHWM", kib(memory.residentPages)],
      ["VmRSS", kib(memory.residentPages)],
      ["VmData", kib(Number(statmLine(process).split(" ")[5]))],
      ["VmSwap", kib(0)],
    );
  }
  lines.push(
    ["Threads", String(process.threads.size)],
    ["SigQ", `0/${finiteOr(process.limits[RLIMIT.SIGPENDING].soft, "1024")}`],
    ["SigPnd", set(main?.pending.set ?? 0n)],
    ["ShdPnd", set(process.pending.set)],
    ["SigBlk", set(main?.mask ?? 0n)],
    ["SigIgn", actionSet(process, (handler) => handler === IGNORE)],
    ["SigCgt", actionSet(process, (handler) => handler !== IGNORE && handler !== DEFAULT)],
    ["CapInh", capabilitySet(inheritable)],
    ["CapPrm", capabilitySet(permitted)],
    ["CapEff", capabilitySet(effective)],
    ["CapBnd", capabilitySet(ALL)],
    ["CapAmb", capabilitySet([0, 0])],
    ["NoNewPrivs", settings.noNewPrivileges ? "1" : "0"],
    ["Seccomp", "0"],
    ["Cpus_allowed", "1"],
    ["Cpus_allowed_list", "0"],
    ["Mems_allowed", "1"],
    ["Mems_allowed_list", "0"],
  );
  return lines.map(([field, value]) => `${field}:\t${value}\n`).join("");
}

/** Room that the descriptor table has, as Linux rounds it. */
function tableSize({ descriptors }: Process): number {
  const highest = descriptors.at(-1) ?? 0;
  return Math.max(64, 2 ** Math.ceil(Math.log2(highest + 1)));
}

const LIMITS: [label: string, resource: number, unit: string][] = [
  ["Max cpu time", RLIMIT.CPU, "seconds"],
  ["Max file size", RLIMIT.FSIZE, "bytes"],
  ["Max data size", RLIMIT.DATA, "bytes"],
  ["Max stack size", RLIMIT.STACK, "bytes"],
  ["Max core file size", RLIMIT.CORE, "bytes"],
  ["Max resident set", RLIMIT.RSS, "bytes"],
  ["Max processes", RLIMIT.NPROC, "processes"],
  ["Max open files", RLIMIT.NOFILE, "files"],
  ["Max locked memory", RLIMIT.MEMLOCK, "bytes"],
  ["Max address space", RLIMIT.AS, "bytes"],
  ["Max file locks", RLIMIT.LOCKS, "locks"],
  ["Max pending signals", RLIMIT.SIGPENDING, "signals"],
  ["Max msgqueue size", RLIMIT.MSGQUEUE, "bytes"],
  ["Max nice priority", RLIMIT.NICE, ""],
  ["Max realtime priority", RLIMIT.RTPRIO, ""],
  ["Max realtime timeout", RLIMIT.RTTIME, "us"],
];

/** /proc/PID/limits */
export function limitsText({ limits }: Process): string {
  const line = (label: string, soft: string, hard: string, unit: string) =>
    `${label.padEnd(25)} ${soft.padEnd(20)} ${hard.padEnd(20)} ${unit.padEnd(10)}\n`;
  return line("Limit", "Soft Limit", "Hard Limit", "Units") +
    LIMITS.map(([label, resource, unit]) => {
      const { soft, hard } = limits[resource];
      return line(label, finiteOr(soft, "unlimited"), finiteOr(hard, "unlimited"), unit);
    }).join("");
}
