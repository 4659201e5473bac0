// What a system-call handler of the primary's kernel is. Arguments come decoded, as `args` in
// schemas/syscalls.ts describes them: numbers, paths as byte strings, buffers and structures as bytes,
// which the caller has copied in and will copy out.
import type { Blocking } from "../coroutine.ts";
import type { Process } from "./process.ts";
import type { Thread } from "./thread.ts";

/** Room of the caller for an array, of which the handler may fill less. */
export interface Room {
  /** elements that there is room for; the handler checks it */
  readonly most: number;
  /** Zeros for so many elements, which are copied out when the call has succeeded. */
  take(elements: number): Uint8Array;
}

// deno-lint-ignore no-explicit-any
export type Handler = (process: Process, ...args: any[]) => Blocking<number>;

// deno-lint-ignore no-explicit-any
export type ThreadHandler = (thread: Thread, ...args: any[]) => Blocking<number>;

/** Handlers by the name of their call. */
export type Handlers = Record<string, Handler>;
export type ThreadHandlers = Record<string, ThreadHandler>;
