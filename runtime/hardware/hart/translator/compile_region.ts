// Makes a function of a region's code: a WebAssembly module of its own, with what translated code imports.
import { setFlagsFromString } from "node:v8";
import type { HartMemory } from "../hart_memory.ts";
import type { Interpreter } from "../interpreter/interpreter.ts";
import { REGION, type Support, TRANSLATE } from "./support.ts";
import { type Code, ModuleEncoder, Type } from "./wasm_encoder.ts";

/** Executes a region. Returns the next address, or an exit code: see `exitCode`. */
export type RunRegion = WebAssembly.ExportValue & (() => bigint);

// A region is a loop around all of its blocks: peeled or unrolled, it is compiled several times over, for
// more seconds of V8's other threads and for code that fits its caches less.
for (const flag of ["--no-wasm-loop-peeling", "--no-wasm-loop-unrolling"]) setFlagsFromString(flag);

/** What translated code imports, by its number in `Imported`. */
const IMPORTS = [
  { name: "translate", type: 1 },
  { name: "fallBack", type: 2 },
  { name: "multiplyHigh", type: 3 },
  { name: "multiplyHighUnsigned", type: 3 },
  { name: "multiplyHighMixed", type: 3 },
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
  readonly #memoryPages: number;
  readonly #encoder = new ModuleEncoder();

  constructor(memory: HartMemory, support: Support, interpreter: Interpreter) {
    this.#memoryPages = memory.memory.buffer.byteLength / 65536;
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
    const module = this.#encoder.encode({
      types: TYPES,
      // Each import that there is costs time for every instance: only what is called is imported.
      imports: code.callees.map((callee) => IMPORTS[callee]),
      memoryPages: this.#memoryPages,
      table: false,
      functions: [{ type: 0, code, exported: "run", name }],
    });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module), this.#imports);
    return instance.exports.run as RunRegion;
  }
}
