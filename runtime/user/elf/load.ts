// Makes an address space for a program (execve(2)): its segments, its dynamic linker, its stack. Nothing of
// the process that asks is touched before all of it has succeeded.
import { Access } from "../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../hardware/hart/translation_table.ts";
import { type Coroutine, finish } from "../../kernel/coroutine.ts";
import { E, fail } from "../../kernel/errno.ts";
import type { FileDescription } from "../../kernel/process/file/description.ts";
import { AddressSpace } from "../../kernel/process/memory/address_space.ts";
import { END_PAGE } from "../../kernel/process/memory/mapping.ts";
import type { PageObject } from "../../kernel/process/memory/page_object.ts";
import { STACK_BYTES } from "../../kernel/process/limits.ts";
import { request } from "../../kernel/process/path/mounts.ts";
import type { Process } from "../../kernel/process/process.ts";
import { resolve } from "../../kernel/process/path/resolve.ts";
import { accessOf, libraryPlace } from "../../kernel/process/memory/sys_memory.ts";
import { describe } from "../../kernel/process/path/open_path.ts";
import { directoryPath } from "../../kernel/process/path/directory_path.ts";
import { O } from "../../kernel/vfs/constants.ts";
import { S } from "../../kernel/vfs/filesystem.ts";
import { Call, Private, WalkFlag } from "../../kernel/vfs/protocol.ts";
import { STATX_BYTES } from "../../kernel/vfs/structures.ts";
import type { Location } from "../../kernel/process/path/mounts.ts";
import { type ElfFile, headerBytes, parseElf, type Segment } from "./elf.ts";
import { writeStack } from "./stack.ts";
import { VDSO_PAGE } from "./vdso.ts";

/** Scripts whose interpreter is a script, and so on. */
const MAX_SCRIPTS = 4;
/** Bytes of a script's first line that count. */
const SCRIPT_LINE_BYTES = 256;
const FIRST_READ_BYTES = 4096;
const X_OK = 1;

/** Below the end of user memory and the vDSO. */
const STACK_TOP_PAGE = END_PAGE - 32;

/** A program that is ready to run. */
export interface LoadedProgram {
  space: AddressSpace;
  entry: number;
  stackPointer: number;
  /** path of the file that is executed: of a script, its interpreter */
  executable: string;
  name: string;
  argv: string[];
  /** whom a set-user-ID or set-group-ID file makes the process */
  euid: number | undefined;
  egid: number | undefined;
}

/**
 * Loads a program.
 * @param start where a relative path begins
 * @throws Errno ENOENT, EACCES, ENOEXEC, ENOMEM, E2BIG and those of reading
 */
export function* loadProgram(
  process: Process,
  start: Location,
  path: string,
  argv: string[],
  environment: string[],
  vdso: PageObject,
): Coroutine<LoadedProgram> {
  const name = path.slice(path.lastIndexOf("/") + 1).slice(0, 15);
  const opened: FileDescription[] = [];
  try {
    let executable = path;
    let file = yield* openProgram(process, start, path);
    opened.push(file);
    let header = yield* readStart(file, FIRST_READ_BYTES);
    for (let scripts = 0; isScript(header); scripts++) {
      if (scripts === MAX_SCRIPTS) fail(E.ELOOP);
      const line = scriptLine(header);
      argv = [line.interpreter, ...line.argument, executable, ...argv.slice(1)];
      executable = line.interpreter;
      file = yield* openProgram(process, process.cwd, executable);
      opened.push(file);
      header = yield* readStart(file, FIRST_READ_BYTES);
    }
    const elf = yield* readElf(file, header);
    let linker: { elf: ElfFile; file: FileDescription } | undefined;
    if (elf.interpreter !== undefined) {
      const { offset, length } = elf.interpreter;
      const bytes = yield* readAt(file, offset, length);
      if (bytes.length < length || bytes[length - 1] !== 0) fail(E.ENOEXEC);
      const linkerPath = String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
      const linkerFile = yield* openProgram(process, process.cwd, linkerPath);
      opened.push(linkerFile);
      const linkerHeader = yield* readStart(linkerFile, FIRST_READ_BYTES);
      linker = { elf: yield* readElf(linkerFile, linkerHeader), file: linkerFile };
    }
    const { euid, egid } = yield* privileges(process, file);
    const space = new AddressSpace(process.kernel.memory ?? fail(E.ENOEXEC));
    try {
      const base = yield* mapElf(space, elf, file);
      const linkerBase = linker === undefined ? 0 : yield* mapElf(space, linker.elf, linker.file);
      space.heapStart = space.heapEnd = Math.ceil((base + elf.end) / PAGE_BYTES) * PAGE_BYTES;
      mapStack(space, vdso);
      const stackPointer = yield* writeStack(space, STACK_TOP_PAGE * PAGE_BYTES, {
        argv,
        environment,
        executable,
        random: process.kernel.environment.random,
        headers: base + elf.headers,
        headerCount: elf.headerCount,
        linkerBase,
        entry: base + elf.entry,
        identity: {
          ...process.identity,
          euid: euid ?? process.identity.euid,
          egid: egid ?? process.identity.egid,
        },
        secure: euid !== undefined || egid !== undefined,
      });
      const entry = linker === undefined ? base + elf.entry : linkerBase + linker.elf.entry;
      return { space, entry, stackPointer, executable: file.origin.path, name, argv, euid, egid };
    } catch (failure) {
      space.release();
      throw failure;
    }
  } finally {
    for (const file of opened) yield* finish(file.release());
  }
}

/** The path from the root on, as /proc shows it. */
function* absolute(process: Process, start: Location, path: string): Coroutine<string> {
  if (path.startsWith("/")) return path;
  const directory = yield* directoryPath(process, start);
  return `${directory === "/" ? "" : directory}/${path.replace(/^(\.\/+)+/, "")}`;
}

/** Opens a file that is to be executed. @throws Errno EACCES where it may not be, or is no regular file */
function* openProgram(process: Process, start: Location, path: string): Coroutine<FileDescription> {
  const found = yield* resolve(process, start, path, WalkFlag.FOLLOW);
  const file = describe(process, found, O.RDONLY, yield* absolute(process, start, path));
  try {
    if ((found.mode & S.IFMT) !== S.IFREG) fail(E.EACCES);
    const { service } = found.mount;
    const args = [found.handle, X_OK];
    yield* request(service, Call.FACCESSAT2, args, undefined, process.credential);
    // Root may execute what at least somebody may.
    if ((found.mode & 0o111) === 0) fail(E.EACCES);
    // The kernel reads it, which its user need not be allowed to.
    yield* request(service, Private.OPEN, [found.handle, O.RDONLY]);
    return file;
  } catch (failure) {
    yield* finish(file.release());
    throw failure;
  }
}

function* readAt(file: FileDescription, offset: number, length: number): Coroutine<Uint8Array> {
  const bytes = new Uint8Array(length);
  const count = yield* finish(file.pread(bytes, offset));
  return count < 0 ? fail(-count) : bytes.subarray(0, count);
}

function readStart(file: FileDescription, length: number): Coroutine<Uint8Array> {
  return readAt(file, 0, length);
}

function* readElf(file: FileDescription, header: Uint8Array): Coroutine<ElfFile> {
  const needed = headerBytes(header);
  return parseElf(needed <= header.length ? header : yield* readStart(file, needed));
}

function isScript(header: Uint8Array): boolean {
  return header[0] === 0x23 && header[1] === 0x21;
}

/** `#! interpreter [argument]` @throws Errno ENOEXEC */
function scriptLine(header: Uint8Array): { interpreter: string; argument: string[] } {
  const line = String.fromCharCode(...header.subarray(2, SCRIPT_LINE_BYTES));
  const end = line.indexOf("\n");
  if (end < 0 && header.length > SCRIPT_LINE_BYTES) fail(E.ENOEXEC);
  const match = /^[ \t]*([^ \t\0]+)[ \t]*(.*?)[ \t]*$/.exec(end < 0 ? line : line.slice(0, end));
  if (match === null) return fail(E.ENOEXEC);
  return { interpreter: match[1], argument: match[2] === "" ? [] : [match[2]] };
}

/** What the set-user-ID and set-group-ID bits of a file make of its user. */
function* privileges(
  process: Process,
  file: FileDescription,
): Coroutine<{ euid: number | undefined; egid: number | undefined }> {
  const setsUser = (file.mode & 0o4000) !== 0;
  const setsGroup = (file.mode & 0o2010) === 0o2010;
  if (!setsUser && !setsGroup) return { euid: undefined, egid: undefined };
  const statx = new Uint8Array(STATX_BYTES);
  yield* request(file.location.mount.service, Call.STATX, [file.location.handle], statx);
  const view = new DataView(statx.buffer);
  const uid = view.getUint32(20, true), gid = view.getUint32(24, true);
  return {
    euid: setsUser && uid !== process.identity.euid ? uid : undefined,
    egid: setsGroup && gid !== process.identity.egid ? gid : undefined,
  };
}

/** Maps the segments of a file. @returns what is added to its addresses */
function* mapElf(space: AddressSpace, elf: ElfFile, file: FileDescription): Coroutine<number> {
  const first = Math.floor(elf.start / PAGE_BYTES);
  const pages = Math.ceil(elf.end / PAGE_BYTES) - first;
  const place = elf.relocatable
    ? libraryPlace(space, `${file.identity} ${pages}`, pages) - first
    : 0;
  const object = yield* space.memory.files.open(file.identity, file.location, false);
  object.willExecute?.(0, pages);
  for (const segment of elf.segments) yield* mapSegment(space, segment, place, object, file);
  return place * PAGE_BYTES;
}

function* mapSegment(
  space: AddressSpace,
  segment: Segment,
  place: number,
  object: PageObject,
  file: FileDescription,
): Coroutine<void> {
  const { address, offset, fileBytes, memoryBytes, protection } = segment;
  const start = place + Math.floor(address / PAGE_BYTES);
  const within = address % PAGE_BYTES;
  const fileEnd = fileBytes === 0 ? start : start + Math.ceil((within + fileBytes) / PAGE_BYTES);
  const end = start + Math.ceil((within + memoryBytes) / PAGE_BYTES);
  const access = accessOf(protection);
  const common = {
    access,
    shared: false,
    name: file.origin.path,
    readOnly: false,
    notForked: false,
  };
  if (fileBytes > 0) {
    const objectPage = Math.floor(offset / PAGE_BYTES);
    space.map({ start, end: fileEnd, object, objectPage, ...common });
  }
  if (end > fileEnd) {
    space.map({ start: fileEnd, end, object: undefined, objectPage: 0, ...common });
  }
  // The last page of the file's part goes on as zeros.
  const tail = (within + fileBytes) % PAGE_BYTES;
  if (memoryBytes > fileBytes && fileBytes > 0 && tail > 0) {
    if ((access & Access.WRITE) === 0) fail(E.ENOEXEC);
    const page = fileEnd - 1;
    if ((yield* space.fault(page, Access.WRITE)) !== undefined) fail(E.ENOEXEC);
    const frame = space.frameFor(page, Access.WRITE);
    if (frame === 0) fail(E.ENOMEM);
    space.memory.frames.bytes.fill(0, frame + tail, frame + PAGE_BYTES);
  }
}

function mapStack(space: AddressSpace, vdso: PageObject): void {
  const none = { shared: false, objectPage: 0, readOnly: false, notForked: false };
  space.map({
    start: STACK_TOP_PAGE - STACK_BYTES / PAGE_BYTES,
    end: STACK_TOP_PAGE,
    access: Access.READ | Access.WRITE,
    object: undefined,
    name: "[stack]",
    ...none,
  });
  space.map({
    start: VDSO_PAGE,
    end: VDSO_PAGE + 1,
    access: Access.READ | Access.EXECUTE,
    object: vdso,
    name: "[vdso]",
    ...none,
  });
}
