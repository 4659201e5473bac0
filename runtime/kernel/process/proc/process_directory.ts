// The directory of a process in /proc, and those of its threads (proc(5)).
import type { Blocking } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import type { Credential } from "../../service.ts";
import {
  directory,
  type ProcDirectory,
  type ProcFile,
  type ProcLink,
  type ProcNode,
  text,
} from "../../vfs/proc_node.ts";
import { type Description, FileDescription, inodeOf } from "../file/description.ts";
import type { Location } from "../path/mounts.ts";
import { pipeEnd } from "../pipe/pipe.ts";
import type { Process } from "../process.ts";
import { Socket } from "../socket/socket.ts";
import { directoryPath } from "../path/directory_path.ts";
import { setThreadName } from "../sys_prctl.ts";
import type { Thread } from "../thread.ts";
import {
  accessMemory,
  auxiliaryText,
  commandLine,
  environmentText,
  mapsText,
  smapsText,
} from "./memory_text.ts";
import { mountInfoText, mountsText } from "./mount_text.ts";
import { limitsText, statLine, statmLine, statusText } from "./process_text.ts";

/** Whose the files of a process are: root's where it does not want to be looked into. */
function ownerOf({ identity, settings }: Process) {
  return settings.dumpable === 1 ? { uid: identity.euid, gid: identity.egid } : { uid: 0, gid: 0 };
}

/** @throws Errno ESRCH where it is gone */
function present(process: Process): Process {
  return process.kernel.process(process.pid) === process ? process : fail(E.ESRCH);
}

/** Who follows the links of a process must be root or its user. @throws Errno EACCES */
function demandLook(process: Process, caller: Credential | undefined): void {
  if (caller?.uid !== 0 && caller?.uid !== ownerOf(present(process)).uid) fail(E.EACCES);
}

/** A link to a directory or file of the process, whatever path it has. */
function placeLink(
  process: Process,
  location: () => Location | undefined,
  target: () => Blocking<string>,
): ProcLink {
  return {
    kind: "link",
    owner: () => ownerOf(process),
    target: (caller) => {
      demandLook(process, caller);
      return target();
    },
    place: (caller) => {
      demandLook(process, caller);
      const found = location();
      return found && process.mounts.places.give(found);
    },
  };
}

/** What readlink(2) gives for a descriptor. */
function descriptionName(process: Process, description: Description): Blocking<string> {
  if (!(description instanceof FileDescription)) {
    if (description.kind !== undefined) return description.kind;
    const kind = description instanceof Socket ? "socket" : "pipe";
    return `${kind}:[${inodeOf(description)}]`;
  }
  const { path } = description.origin;
  if (path.startsWith("/")) return path;
  return description.isDirectory ? directoryPath(process, description.location) : path;
}

function descriptorInfo(description: Description): string {
  if (!(description instanceof FileDescription)) {
    return `pos:\t0\nflags:\t0${description.flags.toString(8)}\nmnt_id:\t0\nino:\t${
      inodeOf(description)
    }\n`;
  }
  const { position, flags, location, origin } = description;
  return `pos:\t${position}\nflags:\t0${
    flags.toString(8)
  }\nmnt_id:\t${location.mount.id}\nino:\t${origin.ino}\n`;
}

/** A directory with an entry per descriptor, for the owner alone. */
function descriptors(
  process: Process,
  mode: number,
  node: (fd: number, description: () => Description) => ProcNode,
): ProcDirectory {
  return {
    kind: "directory",
    mode,
    owner: () => ownerOf(process),
    names: () => process.descriptors.map(String),
    find: (name) => {
      const fd = /^(0|[1-9]\d*)$/.test(name) ? Number(name) : -1;
      if (!process.files.has(fd)) return undefined;
      return node(fd, () => process.files.has(fd) ? process.files.get(fd) : fail(E.ENOENT));
    },
  };
}

/** A file that the owner and root may read, about somebody who may be gone. */
function of(process: Process, mode: number, read: () => Blocking<string>): ProcFile {
  return {
    kind: "file",
    mode,
    owner: () => ownerOf(process),
    read: () => {
      present(process);
      return read();
    },
  };
}

function commFile(process: Process, name: () => string, thread: () => Thread): ProcFile {
  return {
    ...of(process, 0o644, () => `${name()}\n`),
    write: (given) => setThreadName(thread(), given.replace(/\n$/, "")),
  };
}

/** Its place in the order in which processes would be killed: kept, and never needed. */
function oomFile(process: Process): ProcFile {
  return {
    ...of(process, 0o644, () => `${process.settings.oomScoreAdjustment}\n`),
    write: (given) => {
      const value = Number(given.trim());
      if (given.trim() === "" || !Number.isInteger(value) || Math.abs(value) > 1000) fail(E.EINVAL);
      process.settings.oomScoreAdjustment = value;
    },
  };
}

/** Its memory, at its addresses; who may open it is who may trace it. */
function memoryFile(process: Process): ProcFile {
  return {
    kind: "file",
    mode: 0o600,
    owner: () => ownerOf(process),
    readAt: (offset, into) => accessMemory(process, offset, into, false),
    writeAt: (offset, from) => accessMemory(process, offset, from, true),
  };
}

/** What a process and each of its threads show alike. */
function common(process: Process): Record<string, ProcNode> {
  const { kernel } = process;
  return {
    cmdline: of(process, 0o444, () => commandLine(process)),
    environ: of(process, 0o400, () => environmentText(process)),
    auxv: of(process, 0o400, () => auxiliaryText(process)),
    mem: memoryFile(process),
    maps: of(process, 0o444, () => mapsText(process)),
    smaps: of(process, 0o444, () => smapsText(process)),
    statm: of(process, 0o444, () => statmLine(process)),
    limits: of(process, 0o444, () => limitsText(process)),
    mounts: text(() => mountsText(kernel.mounts)),
    mountinfo: text(() => mountInfoText(kernel.mounts)),
    cgroup: text(() => "0::/\n"),
    oom_score: text(() => "0\n"),
    oom_score_adj: oomFile(process),
    cwd: placeLink(process, () => process.cwd, () => directoryPath(process, process.cwd)),
    root: placeLink(process, () => process.root, () => "/"),
    exe: placeLink(
      process,
      () => program(process),
      () => process.executable !== "" ? process.executable : fail(E.ENOENT),
    ),
    fd: descriptors(process, 0o500, (_fd, description) =>
      placeLink(
        process,
        () => {
          const found = description();
          if (found instanceof FileDescription) return found.location;
          const pipe = pipeEnd(found)?.pipe;
          return pipe && process.kernel.local.anonymous.placeOf(process, pipe);
        },
        () => descriptionName(process, description()),
      )),
    fdinfo: descriptors(
      process,
      0o555,
      (_fd, description) => of(process, 0o400, () => descriptorInfo(description())),
    ),
  };
}

/** The file that is executed, while it is mapped. */
function program({ memory, executable }: Process): Location | undefined {
  return memory?.mappings.all.find(({ name }) => name === executable)?.object?.file;
}

function threadDirectory(thread: Thread): ProcDirectory {
  const { process } = thread;
  return directory({
    ...common(process),
    stat: of(process, 0o444, () => statLine(process, thread)),
    status: of(process, 0o444, () => statusText(process, thread)),
    comm: commFile(process, () => thread.name, () => thread),
  });
}

/** @param net what it sees of the network */
export function processDirectory(process: Process, net: ProcDirectory): ProcDirectory {
  const threads = new WeakMap<Thread, ProcDirectory>();
  const threadOf = (tid: number) => [...process.threads].find((thread) => thread.tid === tid);
  const task: ProcDirectory = {
    kind: "directory",
    mode: 0o555,
    owner: () => ownerOf(process),
    names: () => [...process.threads].map(({ tid }) => String(tid)),
    find: (name) => {
      const thread = threadOf(Number(name));
      if (thread === undefined || name !== String(thread.tid)) return undefined;
      const known = threads.get(thread) ?? threadDirectory(thread);
      threads.set(thread, known);
      return known;
    },
  };
  return {
    ...directory({
      ...common(process),
      stat: of(process, 0o444, () => statLine(process)),
      status: of(process, 0o444, () => statusText(process, undefined)),
      comm: commFile(
        process,
        () => process.name,
        () => threadOf(process.pid) ?? fail(E.ESRCH),
      ),
      net,
      task,
    }),
    owner: () => ownerOf(process),
  };
}
