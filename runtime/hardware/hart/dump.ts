// Translated code as text for people: each region with the instructions it was made from, and beside them
// the WebAssembly that each became. Text is made when it is asked for; the host writes it where it likes.
import { disassemble } from "./disassemble.ts";
import { findSymbol } from "./dump_symbols.ts";
import { printWasm } from "./dump_wasm.ts";
import type { HartMemory } from "./hart_memory.ts";
import type { MemoryAccess } from "./memory_access.ts";
import { TRANSLATION_BYTES } from "./translation_table.ts";
import type { Region } from "./translator/region.ts";
import type { Watch } from "./translator/translate.ts";
import type { Code } from "./translator/wasm_code.ts";

/** Column in which WebAssembly begins. */
const COLUMN = 52;
const COUNTER_BYTES = 4;
/** Counters that there is room for; later regions share the last one. */
const MOST_COUNTERS = TRANSLATION_BYTES / COUNTER_BYTES;

/** A dumped region. */
export interface DumpedRegion {
  /** name of a file for it */
  file: string;
  text: string;
}

interface Recorded {
  region: Region;
  symbol: string | undefined;
  prologue: Uint8Array;
  body: Uint8Array;
  /** of the whole function, with its locals */
  bytes: number;
  watch: Watch;
}

export class RegionRecorder {
  readonly #recorded: Recorded[] = [];

  constructor(private readonly memory: HartMemory) {}

  /** For the next region: its counter is in the table that no address space has. */
  watch(): Watch {
    const index = Math.min(this.#recorded.length, MOST_COUNTERS - 1);
    return { counter: this.memory.spareTranslations + index * COUNTER_BYTES, ranges: [] };
  }

  /** Keeps what a region was made of and what became of it. */
  record(region: Region, code: Code, watch: Watch, access: MemoryAccess): void {
    this.#recorded.push({
      region,
      symbol: findSymbol(this.memory, access, region.entry),
      prologue: code.prologue.bytes.slice(),
      body: code.bytes.slice(),
      bytes: code.size,
      watch,
    });
  }

  /** All regions, in the order in which they were made. */
  *texts(): Generator<DumpedRegion> {
    for (const [index, recorded] of this.#recorded.entries()) {
      const number = String(index).padStart(5, "0");
      const file = `${number}-${recorded.region.entry.toString(16)}.txt`;
      yield { file, text: this.#text(recorded) };
    }
  }

  #text({ region, symbol, prologue, body, bytes, watch }: Recorded): string {
    const entered = this.memory.view.getUint32(watch.counter, true);
    const places = region.entries.length;
    const lines = [
      `region 0x${region.entry.toString(16)}${symbol === undefined ? "" : ` <${symbol}>`}`,
      `${region.instructions} instructions in ${region.blocks.size} blocks, ${bytes} bytes of WebAssembly`,
      `entered ${entered} times` + (places > 1 ? `, at ${places} places` : ""),
      "",
    ];
    for (const { text } of printWasm(prologue)) lines.push(beside("", text));
    const ranges = watch.ranges[Symbol.iterator]();
    let range = ranges.next().value;
    let left = "";
    for (const { at, text } of printWasm(body)) {
      // What became of nothing has no bytes: it is named all the same.
      for (; range !== undefined && range.from <= at; range = ranges.next().value) {
        if (left !== "") lines.push(left);
        const { address, instruction, from, to } = range;
        const name = disassemble(instruction, BigInt(address));
        left = `0x${address.toString(16)}  ${name}  [${from}, ${to})`;
      }
      lines.push(beside(left, text));
      left = "";
    }
    return lines.join("\n") + "\n";
  }
}

function beside(left: string, right: string): string {
  return `${left.padEnd(COLUMN)}| ${right}`;
}
