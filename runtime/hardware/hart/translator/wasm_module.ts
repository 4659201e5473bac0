// Modules around functions, in WebAssembly's binary format (core specification 2.0, chapter 5).
import { Writer } from "./byte_writer.ts";
import type { Code } from "./wasm_code.ts";
import type { Type } from "./wasm_opcodes.ts";

export interface Signature {
  parameters: readonly Type[];
  results: readonly Type[];
}

export interface ModuleParts {
  types: readonly Signature[];
  /** imported functions, from module "e", and the numbers that code knows them by; and "e.memory" */
  imports: readonly { name: string; type: number; callee: number }[];
  /** whether there is an import "e.table" */
  table: boolean;
  functions: readonly {
    type: number;
    code: Code;
    exported: string;
    /** as profilers show it */
    name?: string;
  }[];
}

const Section = { CUSTOM: 0, TYPE: 1, IMPORT: 2, FUNCTION: 3, EXPORT: 7, CODE: 10 } as const;
const MODULE_ROOM = 1 << 16;
/** Pages of a memory: any will do that has a state block. */
const LEAST_PAGES = 1, MOST_PAGES = 65536;

/** Makes modules, one after the other, in the same memory. */
export class ModuleEncoder {
  readonly #out = new Writer(MODULE_ROOM);

  /** @returns the module; its bytes last until the next one is made */
  encode(parts: ModuleParts): Uint8Array<ArrayBuffer> {
    const out = this.#out;
    out.length = 0;
    out.all([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    this.#section(Section.TYPE, () => this.#types(parts));
    this.#section(Section.IMPORT, () => this.#imports(parts));
    this.#section(Section.FUNCTION, () => {
      out.unsigned(parts.functions.length);
      for (const { type } of parts.functions) out.unsigned(type);
    });
    this.#section(Section.EXPORT, () => {
      this.#each(parts, (index, { exported }) => out.name(exported).byte(0).unsigned(index));
    });
    this.#section(Section.CUSTOM, () => {
      out.name("metadata.code.branch_hint");
      this.#each(parts, (index, { code }) => code.writeHints(out.unsigned(index)));
    });
    this.#section(Section.CODE, () => {
      out.unsigned(parts.functions.length);
      const indexOf = (callee: number) => parts.imports.findIndex((each) => each.callee === callee);
      for (const { code } of parts.functions) code.writeBody(out, indexOf);
    });
    this.#section(Section.CUSTOM, () => {
      out.name("name");
      const FUNCTION_NAMES = 1;
      this.#section(FUNCTION_NAMES, () => {
        this.#each(
          parts,
          (index, { name, exported }) => out.unsigned(index).name(name ?? exported),
        );
      });
    });
    return out.bytes;
  }

  #section(id: number, content: () => void): void {
    this.#out.byte(id).sized(content);
  }

  #types({ types }: ModuleParts): void {
    const out = this.#out;
    out.unsigned(types.length);
    for (const { parameters, results } of types) {
      out.byte(0x60).unsigned(parameters.length).all(parameters);
      out.unsigned(results.length).all(results);
    }
  }

  #imports({ imports, table }: ModuleParts): void {
    const out = this.#out;
    out.unsigned(imports.length + (table ? 2 : 1));
    out.name("e").name("memory").all([2, 1]).unsigned(LEAST_PAGES).unsigned(MOST_PAGES);
    if (table) out.name("e").name("table").all([1, 0x70, 0]).unsigned(0);
    for (const { name, type } of imports) out.name("e").name(name).byte(0).unsigned(type);
  }

  /** Counts the functions, and has each written with its index. */
  #each(
    { imports, functions }: ModuleParts,
    write: (index: number, made: ModuleParts["functions"][number]) => void,
  ): void {
    this.#out.unsigned(functions.length);
    functions.forEach((each, index) => write(imports.length + index, each));
  }
}
