// Where running systems leave what others need to find them: a folder each, with their record, control
// socket and log. The process that runs a system holds a lock on a file in it (flock(2)); the host takes
// that away with the process, so an entry without a holder is one that is over, however it ended.
import type { MachineReport } from "../../../runtime/report.ts";

const RECORD = "record.json", END = "end.json", LOCK = "lock";
/** Longest path of a UNIX-domain socket, without the zero at its end (unix(7)). */
const MAX_SOCKET_PATH_BYTES = 107;
/** Somebody who looks at a lock has it for a moment. */
const CLAIM_TRIES = 10, CLAIM_PAUSE_MS = 10;

/** Who runs a system. */
export interface SystemRecord {
  name: string;
  /** absolute path of its manifest */
  file: string;
  pid: number;
  /** of the host's clock, milliseconds since 1970 */
  startedMs: number;
  /** of each program, how long it has to end: they may do so one after another */
  gracesMs: number[];
}

/** How a system in the background ended. */
export interface SystemEnd {
  /** of the command that ran it */
  status: number;
  /** of the host's clock */
  endedMs: number;
  /** why it has no report */
  reason?: string;
  report?: MachineReport;
}

/** A system that runs, or that ended in the background and is kept for its log. */
export interface SystemEntry extends SystemRecord {
  folder: string;
  /** absent while it runs */
  end?: SystemEnd;
}

/** A name that is in use. */
export class NameTaken extends Error {}

export const socketOf = (folder: string): string => `${folder}/control.sock`;

/** The folder of all systems of this user: in the one that the host has for such things, or in /tmp. */
function usualFolder(): string {
  const runtime = Deno.env.get("XDG_RUNTIME_DIR");
  return runtime ? `${runtime}/virtuos` : `/tmp/virtuos-${ownUser()}`;
}

/** Makes a folder of systems where there is none. @throws Error where others could reach into it */
function demandOwn(folder: string): string {
  try {
    Deno.mkdirSync(folder, { mode: 0o700 });
  } catch (failure) {
    if (!(failure instanceof Deno.errors.AlreadyExists)) {
      throw new Error(`Cannot make folder ${folder}: ${(failure as Error).message}`);
    }
  }
  const { isDirectory, mode, uid } = Deno.lstatSync(folder);
  if (!isDirectory || uid !== ownUser() || (mode! & 0o077) !== 0) {
    throw new Error(`Cannot use folder ${folder}: it is open to others, or not yours`);
  }
  return folder;
}

let user: number | undefined;

/** Whose files this process makes: asking the host for its user takes a permission, looking at one does not. */
function ownUser(): number {
  if (user !== undefined) return user;
  const probe = Deno.makeTempFileSync();
  user = Deno.statSync(probe).uid!;
  Deno.removeSync(probe);
  return user;
}

/** A name that this process has until it gives it back, or ends. */
export class Claim {
  private constructor(readonly folder: string, private readonly lock: Deno.FsFile) {}

  /** @param root of all systems @throws NameTaken where a running system has the name */
  static async take(record: SystemRecord, root = usualFolder()): Promise<Claim> {
    const folder = `${demandOwn(root)}/${record.name}`;
    if (new TextEncoder().encode(socketOf(folder)).length > MAX_SOCKET_PATH_BYTES) {
      throw new Error(`Cannot make a socket in ${folder}: its path is too long`);
    }
    for (let tries = 0; tries < CLAIM_TRIES; tries++) {
      Deno.mkdirSync(folder, { mode: 0o700, recursive: true });
      const lock = lockOf(folder, true);
      if (lock !== undefined) {
        for (const { name } of Deno.readDirSync(folder)) {
          if (name !== LOCK) Deno.removeSync(`${folder}/${name}`);
        }
        writeWhole(`${folder}/${RECORD}`, record);
        return new Claim(folder, lock);
      }
      await new Promise((resolve) => setTimeout(resolve, CLAIM_PAUSE_MS));
    }
    const other = read<SystemRecord>(`${folder}/${RECORD}`);
    throw new NameTaken(
      `system "${record.name}" is running` +
        (other === undefined ? "" : ` (process ${other.pid}, ${other.file})`),
    );
  }

  /** Gives the name back, and leaves what others may still ask for. */
  leave(end: SystemEnd): void {
    writeWhole(`${this.folder}/${END}`, end);
    this.lock.close();
  }

  /** Gives the name back, and leaves nothing. */
  forget(): void {
    Deno.removeSync(this.folder, { recursive: true });
    this.lock.close();
  }
}

/**
 * All systems of this user, by name. What processes left that ended without a word is cleaned up.
 * @param root of all systems
 */
export function listSystems(root = usualFolder()): SystemEntry[] {
  const entries: SystemEntry[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(demandOwn(root))) {
    const entry = isDirectory ? look(`${root}/${name}`) : undefined;
    if (entry !== undefined) entries.push(entry);
  }
  return entries.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** Removes what a system has left; one that runs, and one that left nothing, stays as it is. */
export function forgetSystem({ folder }: SystemEntry): void {
  try {
    using lock = lockOf(folder, true);
    if (lock !== undefined) Deno.removeSync(folder, { recursive: true });
  } catch (failure) {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  }
}

/** Whether its process is there. */
export function isRunning({ folder }: SystemEntry): boolean {
  try {
    using lock = lockOf(folder, false);
    return lock === undefined;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}

function look(folder: string): SystemEntry | undefined {
  try {
    using lock = lockOf(folder, false);
    const record = read<SystemRecord>(`${folder}/${RECORD}`);
    if (lock === undefined) return record && { ...record, folder };
    const end = read<SystemEnd>(`${folder}/${END}`);
    if (record !== undefined && end !== undefined) return { ...record, folder, end };
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return undefined;
    throw failure;
  }
  // It is only removed by whoever gets it for himself: somebody may be about to claim it.
  using lock = lockOf(folder, true);
  if (lock !== undefined) Deno.removeSync(folder, { recursive: true });
  return undefined;
}

/** @param own whether nobody else may have it @returns undefined where somebody has */
function lockOf(folder: string, own: boolean): Deno.FsFile | undefined {
  const path = `${folder}/${LOCK}`;
  const file = Deno.openSync(path, { read: true, write: own, create: own });
  const same = () => {
    try {
      return Deno.statSync(path).ino === file.statSync().ino;
    } catch {
      return false;
    }
  };
  // A file that was removed meanwhile is not the one that others look at.
  if (file.tryLockSync(own) && same()) return file;
  file.close();
  return undefined;
}

/** Whoever reads sees all of it or what was there before. */
function writeWhole(path: string, value: unknown): void {
  Deno.writeTextFileSync(`${path}.unfinished`, JSON.stringify(value), { mode: 0o600 });
  Deno.renameSync(`${path}.unfinished`, path);
}

function read<T>(path: string): T | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(path)) as T;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return undefined;
    throw failure;
  }
}
