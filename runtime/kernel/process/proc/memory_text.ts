// What /proc/PID/maps, smaps, cmdline and environ say of a process's memory (proc(5)).
import { Access } from "../../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import type { Blocking, Coroutine } from "../../coroutine.ts";
import type { AddressSpace } from "../memory/address_space.ts";
import type { Mapping } from "../memory/mapping.ts";
import type { Process } from "../process.ts";

/** Column at which names begin. */
const NAME_COLUMN = 73;
/** What a program may have made of its arguments or environment, at most. */
const MAX_TEXT_BYTES = 2 << 20;

/** An address as Linux prints it: eight digits or more. */
const address = (page: number) => (page * PAGE_BYTES).toString(16).padStart(8, "0");

function mapLine(mapping: Mapping): string {
  const { start, end, access, shared, object, objectPage, name } = mapping;
  const allowed = [
    (access & Access.READ) !== 0 ? "r" : "-",
    (access & Access.WRITE) !== 0 ? "w" : "-",
    (access & Access.EXECUTE) !== 0 ? "x" : "-",
    shared ? "s" : "p",
  ].join("");
  const file = object?.file;
  const device = (file?.mount.id ?? 0).toString(16).padStart(2, "0");
  const offset = address(object === undefined ? 0 : objectPage);
  const fields = `${address(start)}-${address(end)} ${allowed} ${offset} 00:${device} 0`;
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
  space.users++;
  try {
    let result = "";
    const stop = Math.min(end, start + MAX_TEXT_BYTES);
    for (let at = start; at < stop;) {
      const page = Math.floor(at / PAGE_BYTES), within = at % PAGE_BYTES;
      const frame = space.frameFor(page, Access.READ);
      if (frame === 0) {
        if ((yield* space.fault(page, Access.READ)) !== undefined) break;
        continue;
      }
      const length = Math.min(PAGE_BYTES - within, stop - at);
      const bytes = space.memory.frames.bytes.subarray(frame + within, frame + within + length);
      result += String.fromCharCode(...bytes);
      at += length;
    }
    return result;
  } finally {
    space.release();
  }
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
