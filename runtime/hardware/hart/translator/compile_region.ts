// Makes functions of regions' code: WebAssembly modules, with what translated code imports.
import type { HartMemory } from "../hart_memory.ts";
import type { Interpreter } from "../interpreter/interpreter.ts";
import { Imported } from "./emitter.ts";
import { REGION, type Support, TRANSLATE } from "./support.ts";
import type { Code } from "./wasm_code.ts";
import { ModuleEncoder } from "./wasm_module.ts";
import { Type } from "./wasm_opcodes.ts";

/** Executes a region from one of its entries. Returns the next address, or an exit code: see `exitCode`. */
export type RunRegion = WebAssembly.ExportValue & ((entry: bigint) => bigint);

/** What translated code imports. */
const IMPORTS = [
  { name: "translate", type: 1, callee: Imported.TRANSLATE },
  { name: "fallBack", type: 2, callee: Imported.FALL_BACK },
  { name: "multiplyHigh", type: 3, callee: Imported.MULTIPLY_HIGH },
  { name: "multiplyHighUnsigned", type: 3, callee: Imported.MULTIPLY_HIGH_UNSIGNED },
  { name: "multiplyHighMixed", type: 3, callee: Imported.MULTIPLY_HIGH_MIXED },
];
const { I32, I64 } = Type;
const TYPES = [
  REGION,
  TRANSLATE,
  { parameters: [I32], results: [I32] },
  { parameters: [I64, I64], results: [I64] },
];

export class RegionCompiler {
  readonly #imports: WebAssembly.Imports;
  readonly #encoder = new ModuleEncoder();

  constructor(memory: HartMemory, support: Support, interpreter: Interpreter) {
    this.#imports = {
      e: {
        memory: memory.memory,
        translate: support.translate,
        fallBack: (word: number) => interpreter.execute(word) ? 1 : 0,
        multiplyHigh: support.multiplyHigh,
        multiplyHighUnsigned: support.multiplyHighUnsigned,
        multiplyHighMixed: support.multiplyHighMixed,
      },
    };
  }

  /** @param name as profilers show it */
  compile(code: Code, name: string): RunRegion {
    return this.#instantiate(this.#encode([code], name), 1)[0];
  }

  /** Makes one module of several regions, to be loaded later. */
  encode(codes: readonly Code[]): Uint8Array<ArrayBuffer> {
    return this.#encode(codes, "guest").slice();
  }

  /** @param count functions of a module that `encode` made */
  load(module: Uint8Array<ArrayBuffer>, count: number): RunRegion[] {
    return this.#instantiate(module, count);
  }

  #encode(codes: readonly Code[], name: string): Uint8Array<ArrayBuffer> {
    const callees = new Set(codes.flatMap((code) => [...code.callees]));
    return this.#encoder.encode({
      types: TYPES,
      // Each import that there is costs time for every instance: only what is called is imported.
      imports: IMPORTS.filter(({ callee }) => callees.has(callee)),
      table: false,
      functions: codes.map((code, index) => ({ type: 0, code, exported: String(index), name })),
    });
  }

  #instantiate(bytes: Uint8Array<ArrayBuffer>, count: number): RunRegion[] {
    const module = new WebAssembly.Module(bytes);
    const { exports } = new WebAssembly.Instance(module, this.#imports);
    return Array.from({ length: count }, (_, index) => exports[index] as RunRegion);
  }
}
