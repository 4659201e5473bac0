// A memory object that two or more parties can name: the unit in which memory is granted.
// Two kinds: a SharedArrayBuffer (threads of one process) and mapped memory (also other processes).

/** What is sent to another party so that it can open the object. */
export type MemoryGrant =
  | { kind: "threads"; name: string; buffer: SharedArrayBuffer }
  | { kind: "mapped"; name: string; sizeBytes: number; pid: number; fd: number; pipe?: BellPipe };

/** The pipe by which a bell is rung whose owner waits for other descriptors, too. */
export interface BellPipe {
  /** its ends, descriptors of the process that made it */
  reads: number;
  writes: number;
  /** address of that process's stream (`FILE`) over the end that is written */
  stream: number;
}

export interface SharedMemory {
  readonly name: string;
  readonly sizeBytes: number;
  readonly buffer: ArrayBufferLike;
  readonly grant: MemoryGrant;
}

/** An object for the threads of this process, zeroed. */
export function createThreadMemory(name: string, sizeBytes: number): SharedMemory {
  const buffer = new SharedArrayBuffer(sizeBytes);
  return { name, sizeBytes, buffer, grant: { kind: "threads", name, buffer } };
}

/** Whether a bell's owner waits for descriptors as well. */
export function isPolled({ grant }: SharedMemory): boolean {
  return grant.kind === "mapped" && grant.pipe !== undefined;
}
