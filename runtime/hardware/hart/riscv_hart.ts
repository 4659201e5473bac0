// A RISC-V hart: executes what the state block describes until the kernel has to look. Code that runs often
// is translated to WebAssembly; the rest is interpreted.
import { Access, type Engine, type HartClock, type Pager, StopReason } from "./engine.ts";
import type { HartMemory } from "./hart_memory.ts";
import type { RegionRecorder } from "./dump.ts";
import { Interpreter } from "./interpreter/interpreter.ts";
import type { MemoryAccess } from "./memory_access.ts";
import { State } from "./state.ts";
import { PAGE_BYTES } from "./translation_table.ts";
import { CodeCache, type RegionEntry, type TranslatedRegion } from "./translator/code_cache.ts";
import { CodeReader } from "./translator/code_reader.ts";
import { piecesOf } from "./translator/code_pieces.ts";
import { fingerprint } from "./translator/fingerprint.ts";
import { ReachedCode } from "./translator/reached_code.ts";
import { SavedCode } from "./translator/saved_code.ts";
import { RegionCompiler } from "./translator/compile_region.ts";
import { exitCode, HEATED, type Host, INTERPRET, LOOK_UP } from "./translator/emitter.ts";
import { collect, type Program, type RegionLimits } from "./translator/collect.ts";
import { makeSupport, multiplyAddIsFused, type Support } from "./translator/support.ts";
import { ApartAccesses } from "./translator/apart_accesses.ts";
import { translate } from "./translator/translate.ts";

/**
 * A block that was interpreted so often is translated. A small region takes 0.3 ms until its code runs, in
 * which the interpreter executes some 15,000 instructions: a hundred times such a region.
 */
const HOT = 100;
/** The heat of a block that cannot be translated. */
const COLD_FOR_EVER = 0xffff;
/** At first in small pieces, which are made quickly. */
const FIRST: RegionLimits = { blocks: 24, instructions: 160, depth: 0 };
/** A piece that the dispatcher entered so often is made anew, with what it calls. */
const VERY_HOT = 10_000;
const SECOND: RegionLimits = {
  blocks: 192,
  instructions: 1500,
  depth: 4,
  switched: 2000,
};
/** Never gets hot again. */
const MOST_HEAT = 0x7fff_ffff;
/** Code at higher addresses is interpreted: there is none in user memory. */
const MOST_CODE = 2 ** 40;
const PAGE_MASK = PAGE_BYTES - 1;

/** What a hart has done, for measurements. */
export interface HartCounters {
  regions: number;
  /** those that may be entered at several places */
  switches: number;
  /** regions that an earlier machine made */
  restoredRegions: number;
  translatedInstructions: number;
  interpretedBlocks: number;
  translatingMs: number;
}

/** Asks for translated code to be kept beyond the machine's end. */
export interface CodeSaving {
  /** what `RiscvHart.save` gave an earlier machine */
  file: Uint8Array<ArrayBuffer> | undefined;
}

export class RiscvHart implements Engine {
  readonly counters: HartCounters = {
    regions: 0,
    switches: 0,
    restoredRegions: 0,
    translatedInstructions: 0,
    interpretedBlocks: 0,
    translatingMs: 0,
  };
  readonly #interpreter: Interpreter;
  readonly #access: MemoryAccess;
  readonly #cache: CodeCache;
  readonly #support: Support;
  readonly #host: Host;
  readonly #compiler: RegionCompiler;
  readonly #apart = new ApartAccesses();
  readonly #reached = new ReachedCode();
  readonly #saved: SavedCode | undefined;
  /** by frame: how often a block that begins at a half-word of it was interpreted */
  readonly #heat = new Map<number, Uint16Array<ArrayBuffer>>();
  #lastFrame = -1;
  #lastHeat = new Uint16Array(0);

  constructor(
    private readonly memory: HartMemory,
    private readonly pager: Pager,
    clock: HartClock,
    private readonly recorder?: RegionRecorder,
    saving?: CodeSaving,
  ) {
    this.#interpreter = new Interpreter(memory, pager, clock);
    this.#access = this.#interpreter.access;
    this.#cache = new CodeCache(memory, this.#access);
    const { table } = this.#cache;
    this.#support = makeSupport(memory, table);
    this.#host = { state: memory.state, fusedMultiplyAdd: multiplyAddIsFused(memory) };
    this.#compiler = new RegionCompiler(memory, this.#support, this.#interpreter);
    if (saving !== undefined) {
      this.#saved = new SavedCode(this.#compiler, fingerprint(this.#host), saving.file);
    }
  }

  run(): StopReason {
    const { words } = this.memory;
    const state = this.memory.state >> 2;
    const budget = state + (State.BUDGET >> 2), pc = state + (State.PC >> 2);
    const apart = state + (State.APART >> 2);
    while (words[budget] > 0) {
      const low = words[pc], high = words[pc + 1];
      if (!this.#cache.linked(low, high)) {
        // Nothing is known of the address in this address space yet.
        const place = this.#access.place(low, high, Access.EXECUTE);
        if (place < 0) return this.#stopped(StopReason.PAGE_FAULT);
        if (!this.#enter(low, high, place)) {
          this.counters.interpretedBlocks++;
          const reason = this.#interpreter.runBlock();
          if (reason !== 0) return reason as StopReason;
          continue;
        }
      }
      const code = this.#support.dispatch();
      if (code === exitCode(LOOK_UP)) {
        this.#noteCase(words[pc], words[pc + 1]);
        continue;
      }
      if (code === exitCode(HEATED)) {
        this.#improve(words[pc], words[pc + 1]);
      } else if (code === exitCode(INTERPRET)) {
        if (words[apart] !== 0) this.#noteApart(words[pc], words[pc + 1]);
        const reason = this.#interpreter.runBlock();
        if (reason !== 0) return reason as StopReason;
      } else return this.#stopped(code >> 1);
    }
    return StopReason.BUDGET;
  }

  /** Translated code has left for an address: by a jump, if the last one that left led there. */
  #noteCase(low: number, high: number): void {
    const { words } = this.memory;
    const jump = this.memory.state + State.JUMP >> 2,
      to = this.memory.state + State.JUMP_TARGET >> 2;
    if (words[to] !== low || words[to + 1] !== high) return;
    const place = this.#access.place(words[jump], words[jump + 1], Access.EXECUTE);
    if (place < 0) return;
    const offset = place & PAGE_MASK;
    this.#interpreter.switches.note(place - offset, offset, low - words[jump] | 0);
  }

  #stopped(reason: number): StopReason {
    this.memory.words[this.memory.state + State.STOP >> 2] = reason;
    return reason as StopReason;
  }

  /** Makes the dispatcher find the code at an address. @returns whether it is translated */
  #enter(low: number, high: number, place: number): boolean {
    const heat = this.#heatOf(place);
    const slot = (place & PAGE_MASK) >> 1;
    if (heat[slot] === COLD_FOR_EVER) return false;
    // Another address space may have made it hot already.
    let region = this.#cache.find(low, high, place);
    if (region === undefined) {
      if (heat[slot] < HOT) {
        // An earlier machine may have, and all of its pages may be there by now: looked for after 0, 1, 2, 4, 8
        // and so on.
        const times = heat[slot]++;
        if ((times & times - 1) !== 0) return false;
      }
      region = this.#restore(low, high);
    }
    if (region === undefined) {
      if (heat[slot] < HOT) return false;
      region = this.#translate(low, high, FIRST);
      if (region === undefined) {
        heat[slot] = COLD_FOR_EVER;
        return false;
      }
    }
    this.#cache.link(region, low, high, region.first ? VERY_HOT : MOST_HEAT);
    return true;
  }

  /** How often the blocks of a frame were interpreted. */
  #heatOf(place: number): Uint16Array<ArrayBuffer> {
    const frame = place - (place & PAGE_MASK);
    if (frame === this.#lastFrame) return this.#lastHeat;
    let heat = this.#heat.get(frame);
    if (heat === undefined) this.#heat.set(frame, heat = new Uint16Array(PAGE_BYTES / 2));
    this.#lastFrame = frame;
    return this.#lastHeat = heat;
  }

  /** Takes a region that an earlier machine made of what is at an address. */
  #restore(low: number, high: number): TranslatedRegion | undefined {
    if (this.#saved === undefined) return undefined;
    const entry = addressOf(low, high);
    const candidates = new CodeReader(this.memory, this.#access);
    const found = this.#saved.find(
      entry,
      this.memory.bytes,
      (address) => candidates.place(address),
    );
    if (found === undefined) return undefined;
    const reader = new CodeReader(this.memory, this.#access);
    for (const { address, bytes } of found.pieces) {
      this.#reached.add(reader.place(address)!, bytes.length);
    }
    for (const page of reader.pages) this.pager.guardCode(page.frame);
    this.counters.restoredRegions++;
    this.#makeRoom();
    const { first, run } = found;
    const entries = found.entries.map((each) => entryAt(each, reader));
    return this.#cache.add({ entries, pages: reader.pages, first }, run);
  }

  /** Everything that was translated, for machines to come; undefined where hardly anything is new. */
  save(): Uint8Array<ArrayBuffer> | undefined {
    return this.#saved?.save();
  }

  /** Replaces a region that is entered often by a larger one. */
  #improve(low: number, high: number): void {
    const place = this.#access.place(low, high, Access.EXECUTE);
    const old = place < 0 ? undefined : this.#cache.find(low, high, place);
    if (old === undefined) return;
    const region = this.#translate(low, high, SECOND);
    if (region === undefined) return this.#cache.drop(old);
    for (const entry of region.entries) {
      this.#cache.link(region, entry.low, entry.high, MOST_HEAT);
    }
  }

  /** Code has left before a group of accesses that has no place of its own. */
  #noteApart(low: number, high: number): void {
    this.memory.words[this.memory.state + State.APART >> 2] = 0;
    const place = this.#access.place(low, high, Access.EXECUTE);
    if (place < 0 || !this.#apart.note(place)) return;
    this.#saved?.reject(addressOf(low, high));
    this.#cache.invalidate(place - (place & PAGE_MASK));
  }

  #translate(low: number, high: number, limits: RegionLimits) {
    const started = performance.now();
    const reader = new CodeReader(this.memory, this.#access);
    const entry = addressOf(low, high);
    if (entry >= MOST_CODE) return undefined;
    const program: Program = {
      fetch: (address) => reader.fetch(address),
      executed: (address) => {
        const place = reader.place(address)!;
        return this.#interpreter.reached(place) || this.#reached.has(place);
      },
      peek: (address) => this.#peek(address),
      cases: (jump) => this.#cases(jump, reader),
    };
    const region = collect(entry, program, limits);
    if (region === undefined) return undefined;
    this.#makeRoom();
    const watch = this.recorder?.watch();
    const code = translate(
      region,
      this.#host,
      (address) => reader.word(address),
      (address) => this.#apart.has(reader.place(address)!),
      watch,
    );
    if (watch !== undefined) this.recorder!.record(region, code, watch, this.#access);
    const run = this.#compiler.compile(code, `guest 0x${entry.toString(16)}`);
    for (const page of reader.pages) this.pager.guardCode(page.frame);
    this.counters.regions++;
    if (region.entries.length > 1) this.counters.switches++;
    this.counters.translatedInstructions += region.instructions;
    const first = limits === FIRST;
    const entries = region.entries.map((each) => entryAt(each, reader));
    for (const { low, high, place } of entries) {
      const old = this.#cache.find(low, high, place);
      if (old !== undefined) this.#cache.drop(old);
    }
    const pieces = piecesOf(region, reader);
    this.#saved?.keep({ entries: region.entries, first, pieces, code: code.trim() });
    const translated = this.#cache.add({ entries, pages: reader.pages, first }, run);
    this.counters.translatingMs += performance.now() - started;
    return translated;
  }

  /** Where a jump has led to, and where the regions of such places are entered besides. */
  #cases(jump: number, reader: CodeReader): number[] {
    const cases = new Set<number>();
    for (const distance of this.#interpreter.switches.casesOf(reader.place(jump)!)) {
      cases.add(jump + distance);
    }
    for (const address of [...cases]) {
      const { low, high, place } = entryAt(address, reader);
      for (const entry of this.#cache.find(low, high, place)?.entries ?? []) {
        cases.add(addressOf(entry.low, entry.high));
      }
    }
    return [...cases];
  }

  /** A double word of data, if it is aligned and in memory. */
  #peek(address: number): number | undefined {
    if (address % 8 !== 0) return undefined;
    const place = this.#access.place(address | 0, Math.floor(address / 2 ** 32), Access.READ);
    if (place < 0) return undefined;
    return addressOf(this.memory.words[place >> 2], this.memory.words[place + 4 >> 2]);
  }

  /** Drops everything where there is no room for another region. */
  #makeRoom(): void {
    if (!this.#cache.full) return;
    this.#cache.clear();
    this.#heat.clear();
    this.#lastFrame = -1;
  }

  invalidate(frame: number): void {
    this.#interpreter.invalidate(frame);
    this.#cache.invalidate(frame);
    this.#apart.forget(frame);
    this.#reached.forget(frame);
    this.#forgetHeat(frame);
  }

  #forgetHeat(frame: number): void {
    this.#heat.delete(frame);
    if (this.#lastFrame === frame) this.#lastFrame = -1;
  }

  forgetJumps(jumps: number): void {
    this.#cache.forgetJumps(jumps);
  }
}

function addressOf(low: number, high: number): number {
  return (high >>> 0) * 2 ** 32 + (low >>> 0);
}

/** @param reader has read the code there */
function entryAt(address: number, reader: CodeReader): RegionEntry {
  const low = address | 0, high = Math.floor(address / 2 ** 32);
  return { low, high, place: reader.place(address)! };
}
