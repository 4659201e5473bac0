// What /proc/PID/maps, smaps, cmdline and environ say of a process's memory (proc(5)).
import { Access } from "../../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import type { Blocking, Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { AddressSpace } from "../memory/address_space.ts";
import { copyForeign } from "../memory/foreign_memory.ts";
import type { Mapping } from "../memory/mapping.ts";
import type { Process } from "../process.ts";

/** Column at which names begin. */
const NAME_COLUMN = 73;
/** What a program may have made of its arguments or environment, at most. */
const MAX_TEXT_BYTES = 2 << 20;

/** An address as Linux prints it: eight digits or more. */
const address = (page: number) => (page * PAGE_BYTES).toString(16).padStart(8, "0");

const hex = (number: number) => number.toString(16).padStart(2, "0");

function mapLine(mapping: Mapping): string {
  const { start, end, access, shared, object, objectPage, name } = mapping;
  const allowed = [
    (access & Access.READ) !== 0 ? "r" : "-",
    (access & Access.WRITE) !== 0 ? "w" : "-",
    (access & Access.EXECUTE) !== 0 ? "x" : "-",
    shared ? "s" : "p",
  ].join("");
  const file = object?.file;
  const { major = 0, minor = 0 } = file?.mount.device ?? {};
  const device = `${hex(major)}:${hex(minor)}`;
  const offset = address(object === undefined ? 0 : objectPage);
  const fields = `${address(start)}-${address(end)} ${allowed} ${offset} ${device} 0`;
  return `${name === "" ? `${fields} ` : `${fields.padEnd(NAME_COLUMN)}${name}`}\n`;
}

/** /proc/PID/maps */
export function mapsText({ memory }: Process): string {
  return (memory?.mappings.all ?? []).map(mapLine).join("");
}

/** /proc/PID/smaps: the same, with what of each mapping is in memory. */
export function smapsText({ memory }: Process): string {
  return (memory?.mappings.all ?? []).map((mapping) => {
    let resident = 0;
    memory!.pages.forEach(mapping.start, mapping.end, () => resident++);
    const kib = (pages: number) => `${String(pages * (PAGE_BYTES / 1024)).padStart(8)} kB`;
    const lines: [string, number][] = [
      ["Size", mapping.end - mapping.start],
      ["KernelPageSize", 1],
      ["MMUPageSize", 1],
      ["Rss", resident],
      ["Pss", resident],
      ["Private_Dirty", mapping.shared ? 0 : resident],
      ["Shared_Dirty", mapping.shared ? resident : 0],
      ["Anonymous", mapping.object === undefined ? resident : 0],
      ["AnonHugePages", 0],
      ["Swap", 0],
    ];
    return mapLine(mapping) +
      lines.map(([field, pages]) => `${`${field}:`.padEnd(16)}${kib(pages)}\n`).join("");
  }).join("");
}

/** What is between two addresses now; as much of it as can be read. */
function* memoryText(space: AddressSpace, start: number, end: number): Coroutine<string> {
  let result = "";
  const piece = new Uint8Array(PAGE_BYTES);
  const stop = Math.min(end, start + MAX_TEXT_BYTES);
  for (let at = start; at < stop;) {
    const wanted = piece.subarray(0, Math.min(PAGE_BYTES, stop - at));
    const length = yield* copyForeign(space, at, wanted, { write: false, forced: false });
    result += String.fromCharCode(...wanted.subarray(0, length));
    if (length < wanted.length) break;
    at += length;
  }
  return result;
}

/** /proc/PID/auxv */
export function auxiliaryText({ memory }: Process): string {
  return memory === undefined ? "" : String.fromCharCode(...memory.auxiliary);
}

/** /proc/PID/mem, at an offset. @throws Errno EIO where nothing is */
export function* accessMemory(
  { memory }: Process,
  address: number,
  bytes: Uint8Array,
  write: boolean,
): Coroutine<number> {
  if (memory === undefined || bytes.length === 0) return 0;
  const length = yield* copyForeign(memory, address, bytes, { write, forced: true });
  return length === 0 ? fail(E.EIO) : length;
}

/** /proc/PID/cmdline: the program's own memory, since it may have changed what it shows. */
export function commandLine({ memory, argv, ended }: Process): Blocking<string> {
  if (ended !== undefined) return "";
  if (memory === undefined || memory.argumentsEnd === 0) {
    return argv.map((word) => `${word}\0`).join("");
  }
  return memoryText(memory, memory.argumentsStart, memory.argumentsEnd);
}

/** /proc/PID/environ */
export function environmentText({ memory }: Process): Blocking<string> {
  if (memory === undefined || memory.environmentEnd === 0) return "";
  return memoryText(memory, memory.argumentsEnd, memory.environmentEnd);
}
