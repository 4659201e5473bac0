// Two engines in one: every piece of a program is executed by translated code and then, from the same state
// of registers and memory, by the interpreter, instruction by instruction. The first difference ends the
// run, and says which instruction it comes from. For looking at the translator, not for speed.
import { Access, type Engine, type HartClock, type Pager, StopReason } from "./engine.ts";
import { disassemble, FLOAT, INTEGER } from "./disassemble.ts";
import type { HartMemory } from "./hart_memory.ts";
import { Interpreter } from "./interpreter/interpreter.ts";
import { State } from "./state.ts";
import { PAGE_BYTES } from "./translation_table.ts";
import { CodeReader } from "./translator/code_reader.ts";
import { RegionCompiler, type RunRegion } from "./translator/compile_region.ts";
import type { Host } from "./translator/emitter.ts";
import { collect, type RegionLimits } from "./translator/collect.ts";
import { makeSupport, multiplyAddIsFused } from "./translator/support.ts";
import { translate } from "./translator/translate.ts";
import { WrittenPages } from "./written_pages.ts";

/** Small enough to be made quickly, with loops and calls within. */
const LIMITS: RegionLimits = { blocks: 24, instructions: 160, depth: 2 };
/** An instruction by itself. */
const ONE: RegionLimits = { blocks: 1, instructions: 1, depth: 0 };
/** Instructions, about, that translated code may execute before the interpreter follows. */
const PIECE = 500;
/** What the interpreter may need more: regions are charged for by whole loops. */
const MOST_STEPS = PIECE + 2 * LIMITS.instructions;
/** Code at higher addresses is interpreted. */
const MOST_CODE = 2 ** 40;
/** Registers, PC and fcsr, and the reservation, as words; the budget is among them. */
const REGISTER_WORDS = State.TRANSLATIONS / 4;
const BUDGET = State.BUDGET >> 2;

/** Translated code and interpreter disagree: the message says where, and on what. */
export class LockstepDifference extends Error {
  override name = "LockstepDifference";
}

interface Made {
  run: RunRegion;
  frames: number[];
}

/** Where a piece ended otherwise than the interpreter has it. */
interface Difference {
  /** registers as translated code left them */
  registers: Int32Array<ArrayBuffer>;
  /** what the interpreter has: where it was at the same address with the most in common, else where it is */
  expected: Int32Array<ArrayBuffer>;
  memory: ReturnType<WrittenPages["difference"]>;
}

export class LockstepEngine implements Engine {
  /** pieces that were executed twice */
  pieces = 0;
  readonly #pages: WrittenPages;
  readonly #interpreter: Interpreter;
  readonly #compiler: RegionCompiler;
  readonly #host: Host;
  readonly #words: Int32Array;
  readonly #state: number;
  readonly #before = new Int32Array(REGISTER_WORDS);
  /** by address and frame of their first instruction */
  readonly #regions = new Map<string, Made | undefined>();
  readonly #guarded = new Set<number>();

  /** @param makeCode stands for the translator, in tests of this engine */
  constructor(
    private readonly memory: HartMemory,
    pager: Pager,
    clock: HartClock,
    private readonly makeCode: typeof translate = translate,
  ) {
    this.#words = memory.words;
    this.#state = memory.state >> 2;
    this.#pages = new WrittenPages(memory, pager);
    this.#interpreter = new Interpreter(memory, this.#pages, clock);
    const table = new WebAssembly.Table({ element: "anyfunc", initial: 1 });
    const support = makeSupport(memory, table);
    this.#host = { state: memory.state, fusedMultiplyAdd: multiplyAddIsFused(memory) };
    this.#compiler = new RegionCompiler(memory, support, this.#interpreter);
  }

  /** @throws LockstepDifference */
  run(): StopReason {
    this.#pages.enter();
    try {
      while (this.#budget > 0) {
        const reason = this.#piece();
        if (reason !== 0) return reason as StopReason;
      }
      return StopReason.BUDGET;
    } finally {
      this.#pages.leave();
    }
  }

  /** Goes on by a piece, or by an instruction that only the interpreter does. @returns 0, or why it stopped */
  #piece(): number {
    const entry = this.#pc;
    const region = this.#region(entry);
    if (region === undefined) return this.#interpreter.step();
    this.pieces++;
    const budget = this.#budget;
    this.#begin();
    const difference = this.#compare(region, MOST_STEPS);
    if (difference !== undefined) throw new LockstepDifference(this.#explain(entry, difference));
    // What led to an address that is not translated yet is the interpreter's.
    const stopped = this.#pc === entry ? this.#interpreter.step() : 0;
    this.#budget = budget - Math.max(1, PIECE - this.#budget);
    return stopped;
  }

  #begin(): void {
    this.#before.set(this.#registers);
    this.#pages.begin();
  }

  /**
   * Executes a region twice from the state that the piece began with.
   * @param most instructions that the interpreter may take to come where translated code is
   */
  #compare(region: Made, most: number): Difference | undefined {
    this.#budget = PIECE;
    const next = Number(region.run(BigInt(this.#pc)));
    const left = (next & 1) === 0;
    if (left) this.#pc = next;
    const registers = this.#snapshot();
    this.#pages.undo();
    this.#registers.set(this.#before);
    this.#budget = PIECE;
    const end = programCounter(registers);
    let closest: Difference | undefined, fewest = Infinity;
    for (let step = 0;; step++) {
      // A region that goes on elsewhere has executed something.
      if (this.#pc === end && (step > 0 || !left)) {
        const expected = this.#snapshot(), different = countDifferent(registers, expected);
        if (different === 0 || different < fewest) {
          const memory = this.#pages.difference();
          if (different === 0 && memory === undefined) return undefined;
          closest = { registers, expected, memory };
          fewest = different;
        }
      }
      if (step === most || this.#interpreter.step() !== 0) break;
    }
    return closest ??
      { registers, expected: this.#snapshot(), memory: this.#pages.difference() };
  }

  /**
   * Finds the instruction that a difference comes from: the piece is executed once more, and each instruction
   * of it is translated by itself. Where all are right so, their being together is what is wrong.
   */
  #explain(entry: number, whole: Difference): string {
    const made = new Map<number, Made | undefined>();
    this.#pages.restore();
    this.#registers.set(this.#before);
    for (let step = 0; step < MOST_STEPS; step++) {
      const at = this.#pc;
      if (!made.has(at)) made.set(at, this.#make(at, ONE));
      const single = made.get(at);
      if (single !== undefined) {
        this.#begin();
        const difference = this.#compare(single, 1);
        if (difference !== undefined) {
          return this.#describe(`at ${this.#disassembled(at)}`, difference);
        }
      }
      if (this.#pc === at && this.#interpreter.step() !== 0) break;
    }
    return this.#describe(`in the region at ${this.#disassembled(entry)}`, whole);
  }

  #describe(place: string, { registers, expected, memory }: Difference): string {
    const lines = [`Translated code and interpreter differ ${place}`];
    const translated = new BigUint64Array(registers.buffer);
    const interpreted = new BigUint64Array(expected.buffer);
    for (let index = 0; index < translated.length; index++) {
      if (translated[index] === interpreted[index]) continue;
      const name = registerName(index);
      lines.push(
        `  ${name}: translated ${hex(translated[index])}, interpreted ${hex(interpreted[index])}`,
      );
    }
    if (memory !== undefined) {
      const [first, second] = [memory.first, memory.second].map((word) => hex(BigInt(word >>> 0)));
      lines.push(`  memory at ${hex(memory.address)}: translated ${first}, interpreted ${second}`);
    }
    return lines.join("\n");
  }

  #disassembled(address: number): string {
    const reader = new CodeReader(this.memory, this.#interpreter.access);
    const instruction = reader.fetch(address);
    const text = instruction === undefined ? "" : ` ${disassemble(instruction, BigInt(address))}`;
    return `0x${address.toString(16)}${text}`;
  }

  /** The region of an address. @returns undefined where its first instruction is not translated */
  #region(address: number): Made | undefined {
    if (!(address < MOST_CODE)) return undefined;
    const high = Math.floor(address / 2 ** 32);
    const place = this.#interpreter.access.place(address | 0, high, Access.EXECUTE);
    if (place < 0) return undefined;
    const key = `${address} ${place}`;
    if (!this.#regions.has(key)) this.#regions.set(key, this.#make(address, LIMITS));
    return this.#regions.get(key);
  }

  #make(entry: number, limits: RegionLimits): Made | undefined {
    const reader = new CodeReader(this.memory, this.#interpreter.access);
    const region = collect(entry, reader, limits);
    if (region === undefined) return undefined;
    const code = this.makeCode(region, this.#host, (address) => reader.word(address));
    const frames = reader.pages.map(({ frame }) => frame);
    for (const frame of frames) {
      if (this.#guarded.has(frame)) continue;
      this.#guarded.add(frame);
      this.#pages.guardCode(frame);
    }
    return { run: this.#compiler.compile(code, `guest 0x${entry.toString(16)}`), frames };
  }

  invalidate(frame: number): void {
    this.#guarded.delete(frame);
    this.#interpreter.invalidate(frame);
    for (const [key, made] of this.#regions) {
      const place = Number(key.split(" ")[1]);
      const here = place - place % PAGE_BYTES === frame;
      if (here || made?.frames.includes(frame)) this.#regions.delete(key);
    }
  }

  /** Other pages may follow those of a region in this address space. */
  forgetJumps(): void {
    this.#regions.clear();
  }

  /** A copy of the registers, without the budget: the engines charge for instructions in their own ways. */
  #snapshot(): Int32Array<ArrayBuffer> {
    const copy = new Int32Array(REGISTER_WORDS);
    copy.set(this.#registers);
    copy[BUDGET] = 0;
    return copy;
  }

  get #registers(): Int32Array {
    return this.#words.subarray(this.#state, this.#state + REGISTER_WORDS);
  }
  get #pc(): number {
    return programCounter(this.#registers);
  }
  set #pc(address: number) {
    this.#words[this.#state + (State.PC >> 2)] = address | 0;
    this.#words[this.#state + (State.PC >> 2) + 1] = Math.floor(address / 2 ** 32);
  }
  get #budget(): number {
    return this.#words[this.#state + BUDGET];
  }
  set #budget(instructions: number) {
    this.#words[this.#state + BUDGET] = instructions;
  }
}

function programCounter(registers: Int32Array): number {
  const at = State.PC >> 2;
  return (registers[at + 1] >>> 0) * 2 ** 32 + (registers[at] >>> 0);
}

function countDifferent(a: Int32Array, b: Int32Array): number {
  let count = 0;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) count++;
  return count;
}

/** What a double word of the state block is. */
function registerName(index: number): string {
  if (index < 32) return INTEGER[index];
  if (index < 64) return FLOAT[index - 32];
  return ["pc", "fcsr", "reservation", "reserved value"][index - 64];
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
