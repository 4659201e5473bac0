// The compiler's public face: load a manifest, check it, compile it.
export { check, compile } from "./compiler.ts";
export { type Diagnostic, isError } from "./diagnostic/diagnostic.ts";
export { explanations } from "./diagnostic/explanations.ts";
export { render, toJson } from "./diagnostic/render.ts";
export type { CallGroup } from "./plan/plan.ts";
export { type FileKind, load, type Loaded, type Reader } from "./source/load.ts";
