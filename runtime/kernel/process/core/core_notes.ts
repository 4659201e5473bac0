// The notes of a core file: what debuggers want to know of a process beside its memory (`struct elf_prstatus`,
// `struct elf_prpsinfo` and others of Linux riscv64).
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import { joined } from "../../pieces.ts";
import { putInt, putLong } from "../little_endian.ts";
import type { Process } from "../process.ts";
import type { SignalSet } from "../signal/signal.ts";
import { putSignalInfo, SIGNAL_INFO_BYTES } from "../signal/signal_info.ts";
import type { Core, CoreThread } from "./core.ts";
import type { Segment } from "./core_memory.ts";

const NT = {
  PRSTATUS: 1,
  FPREGSET: 2,
  PRPSINFO: 3,
  AUXV: 6,
  SIGINFO: 0x5349_4749,
  FILE: 0x4649_4c45,
} as const;
const OWNER = "CORE\0";
const HEADER_BYTES = 12;
/** `struct elf_prstatus`, and where it has what. */
const STATUS_BYTES = 376;
const Status = {
  SIGNAL: 12,
  PENDING: 16,
  HELD: 24,
  IDS: 32,
  TIMES: 48,
  REGISTERS: 112,
  FLOATS: 368,
};
/** `struct elf_prpsinfo`, and where it has what. */
const INFO_BYTES = 136;
const Info = { STATE: 0, NICE: 3, USER: 16, IDS: 24, NAME: 40, ARGUMENTS: 56 };
const NAME_BYTES = 16, ARGUMENTS_BYTES = 80;
const NS_PER_SECOND = 1e9, NS_PER_MICROSECOND = 1e3;

/** All notes, one behind the other. @param segments of the same process */
export function coreNotes(process: Process, core: Core, segments: Segment[]): Uint8Array {
  const [first, ...others] = core.threads;
  const signalInfo = new Uint8Array(SIGNAL_INFO_BYTES);
  putSignalInfo(core.info, signalInfo);
  return joined([
    note(NT.PRSTATUS, threadStatus(process, core, first)),
    note(NT.PRPSINFO, processInfo(process)),
    note(NT.SIGINFO, signalInfo),
    note(NT.AUXV, process.memory!.auxiliary),
    note(NT.FILE, mappedFiles(segments)),
    note(NT.FPREGSET, first.floating),
    ...others.flatMap((thread) => [
      note(NT.PRSTATUS, threadStatus(process, core, thread)),
      note(NT.FPREGSET, thread.floating),
    ]),
  ]);
}

const padded = (bytes: number) => bytes + 3 & ~3;

function note(type: number, contents: Uint8Array): Uint8Array {
  const start = HEADER_BYTES + padded(OWNER.length);
  const bytes = new Uint8Array(start + padded(contents.length));
  putInt(bytes, 0, OWNER.length);
  putInt(bytes, 4, contents.length);
  putInt(bytes, 8, type);
  putText(bytes, HEADER_BYTES, OWNER);
  bytes.set(contents, start);
  return bytes;
}

function putText(bytes: Uint8Array, at: number, text: string): void {
  for (let each = 0; each < text.length; each++) bytes[at + each] = text.charCodeAt(each);
}

function putSet(bytes: Uint8Array, at: number, set: SignalSet): void {
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(at, set, true);
}

/** Who it is: process or thread, parent, group, session. */
function putIds(
  bytes: Uint8Array,
  at: number,
  { ppid, group, session }: Process,
  id: number,
): void {
  [id, ppid, group, session].forEach((each, index) => putInt(bytes, at + index * 4, each));
}

function threadStatus(process: Process, { info }: Core, thread: CoreThread): Uint8Array {
  const bytes = new Uint8Array(STATUS_BYTES);
  putInt(bytes, 0, info.signal);
  putInt(bytes, 4, info.code);
  putInt(bytes, Status.SIGNAL, info.signal);
  putSet(bytes, Status.PENDING, thread.pending);
  putSet(bytes, Status.HELD, thread.mask);
  putIds(bytes, Status.IDS, process, thread.tid);
  const { childrenUserNs, childrenSystemNs } = process;
  [thread.userNs, thread.systemNs, childrenUserNs, childrenSystemNs].forEach((ns, index) => {
    const at = Status.TIMES + index * 16;
    putLong(bytes, at, Math.floor(ns / NS_PER_SECOND));
    putLong(bytes, at + 8, Math.floor(ns % NS_PER_SECOND / NS_PER_MICROSECOND));
  });
  bytes.set(thread.general, Status.REGISTERS);
  putInt(bytes, Status.FLOATS, 1);
  return bytes;
}

function processInfo(process: Process): Uint8Array {
  const { pid, name, argv, identity, settings } = process;
  const bytes = new Uint8Array(INFO_BYTES);
  putText(bytes, Info.STATE, "\0R");
  bytes[Info.NICE] = settings.nice;
  putInt(bytes, Info.USER, identity.ruid);
  putInt(bytes, Info.USER + 4, identity.rgid);
  putIds(bytes, Info.IDS, process, pid);
  putText(bytes, Info.NAME, name.slice(0, NAME_BYTES - 1));
  putText(bytes, Info.ARGUMENTS, argv.join(" ").slice(0, ARGUMENTS_BYTES - 1));
  return bytes;
}

/** Which files are mapped where: count, unit of offsets, places, then names. */
function mappedFiles(segments: Segment[]): Uint8Array {
  const mappings = segments.map(({ mapping }) => mapping)
    .filter(({ object }) => object?.file !== undefined);
  const names = mappings.map(({ name }) => `${name}\0`).join("");
  const bytes = new Uint8Array(16 + mappings.length * 24 + names.length);
  putLong(bytes, 0, mappings.length);
  putLong(bytes, 8, PAGE_BYTES);
  mappings.forEach(({ start, end, objectPage }, index) => {
    const at = 16 + index * 24;
    putLong(bytes, at, start * PAGE_BYTES);
    putLong(bytes, at + 8, end * PAGE_BYTES);
    putLong(bytes, at + 16, objectPage);
  });
  putText(bytes, 16 + mappings.length * 24, names);
  return bytes;
}
