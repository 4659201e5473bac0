// What a system-call handler of the primary's kernel is, and how the hart's front end finds it.
// Arguments come decoded: descriptors and flags as numbers, paths as byte strings, buffers as views.
import type { Blocking } from "../coroutine.ts";
import type { Process } from "./process.ts";

// deno-lint-ignore no-explicit-any
export type Handler = (process: Process, ...args: any[]) => Blocking<number>;

/** Handlers by the name of their call. */
export type Handlers = Record<string, Handler>;
