// Collects regions: from a hot entry, all blocks that direct branches and jumps lead to, within limits. A
// function that is called becomes part of its caller, once for each call, so that it returns without leaving,
// if where it is can be told: from the instruction, from the one before, or from a linkage table, which may
// change, and so is compared. Other jumps leave the region.
import { RA } from "../abi.ts";
import { keepsRounding } from "../fcsr.ts";
import { type Instruction, Op } from "../instruction.ts";
import { isSwitch } from "../interpreter/switches.ts";
import { jumpTarget } from "./jump_target.ts";
import {
  addressOf,
  type Block,
  CONTEXT,
  DISPATCH,
  type Ending,
  type Place,
  type Region,
} from "./region.ts";

/** How much becomes one region. */
export interface RegionLimits {
  blocks: number;
  instructions: number;
  /** calls within calls whose callees become part of it */
  depth: number;
  /** instructions of one with a switch, which has more blocks, too; a larger one is made without */
  switched?: number;
}

/** What is known of a program. */
export interface Program {
  /** Reads an instruction. @returns undefined where there is no code that may be executed now */
  fetch(address: number): Instruction | undefined;
  /** whether one has ever been executed: most code never is, and what is not becomes no part of a region */
  executed?(address: number): boolean;
  /** Reads a double word of data, which may be another one later. @returns undefined where there is none now */
  peek?(address: number): number | undefined;
  /** where a jump to where a register says has led to */
  cases?(jump: number): readonly number[];
}

/** A call whose callee is part of the region. */
interface Call {
  /** where the callee returns to; undefined for the region's own context */
  returns: Place | undefined;
  callee: number;
  outer: number;
  depth: number;
}

/** What leads to fewer places is compared with more easily. */
const LEAST_CASES = 3;
const JUMPS = new Set([Op.jal, Op.jalr]);
const BRANCHES = new Set([Op.beq, Op.bne, Op.blt, Op.bge, Op.bltu, Op.bgeu]);
/** Instructions that translated code does not carry out. */
const STOPS = new Set([Op.illegal, Op.ecall, Op.ebreak, Op.fence_i]);
/** Those that do where they may change how numbers are rounded. */
const CSR = new Set([Op.csrrw, Op.csrrs, Op.csrrc, Op.csrrwi, Op.csrrsi, Op.csrrci]);

/**
 * Collects the region of an entry. A jump that has led to the entry and to two places more is a switch, as are
 * those that have led to places of other switches.
 * @returns undefined where not even its first instruction can be read
 */
export function collect(entry: number, program: Program, limits: RegionLimits): Region | undefined {
  const { region, oversized } = new Collector(entry, program, limits);
  // V8 takes so long for a large one that a program is over before it pays.
  return oversized ? collect(entry, program, { ...limits, switched: undefined }) : region;
}

class Collector {
  readonly #calls: Call[];
  readonly #leaders: Set<Place>;
  readonly #queue: Place[];
  readonly #blocks = new Map<Place, Block>();
  readonly #entries: Set<number>;
  #instructions = 0;
  /** whether one of the region's jumps is a switch */
  #switches = false;
  #mostBlocks: number;
  #most: number;

  constructor(
    private readonly entry: number,
    private readonly program: Program,
    private readonly limits: RegionLimits,
  ) {
    this.#calls = [{ returns: undefined, callee: entry, outer: -1, depth: 0 }];
    this.#leaders = new Set([entry]);
    this.#queue = [entry];
    this.#entries = new Set([entry]);
    this.#mostBlocks = limits.blocks;
    this.#most = limits.instructions;
    for (let start = this.#queue.shift(); start !== undefined; start = this.#queue.shift()) {
      const block = readBlock(start, program, this.#most - this.#instructions);
      this.#blocks.set(start, block);
      this.#instructions += block.instructions.length;
      this.#follow(block);
    }
    cutAtLeaders(this.#blocks);
    if (this.#switches) this.#dispatch();
  }

  /** whether what its switches lead to is more than the limits allow */
  get oversized(): boolean {
    return this.#switches && this.#instructions > this.limits.switched!;
  }

  get region(): Region | undefined {
    const { entry } = this, { instructions, ending } = this.#blocks.get(entry)!;
    if (instructions.length === 0) return undefined;
    if (instructions.length === 1 && ending.kind === "stop") return undefined;
    return {
      entry,
      entries: this.#entered(),
      blocks: this.#blocks,
      instructions: this.#instructions,
    };
  }

  /** Has the places that a block leads to become blocks; what does not leaves the region. */
  #follow(block: Block): void {
    const call = Math.floor(block.start / CONTEXT), { ending } = block;
    if (ending.kind === "branch") {
      this.#want(ending.next);
      this.#want(ending.taken);
    } else if (ending.kind === "jump" && !this.#want(ending.target)) {
      block.ending = { kind: "leave", target: addressOf(ending.target) };
    } else if (ending.kind === "leave") {
      const target = this.#callee(block, call, ending.target);
      if (target !== undefined) block.ending = { kind: "jump", target, links: true };
    } else if (ending.kind === "indirect") {
      this.#followRegister(block, call, ending.table);
    }
  }

  /** A jump to where a register says, which was loaded from a table if that is known. */
  #followRegister(block: Block, call: number, table: number | undefined): void {
    const { returns } = this.#calls[call], { limits } = this;
    const last = block.instructions.at(-1)!;
    const isReturn = last.rd === 0 && last.rs1 === RA && last.imm === 0;
    if (returns !== undefined && isReturn && this.#want(returns)) {
      block.ending = { kind: "return", target: returns };
    } else if (table !== undefined && limits.depth > 0) {
      const target = this.#guess(block, call, table);
      if (target !== undefined) block.ending = { kind: "guess", target };
    } else if (isSwitch(last) && call === 0 && limits.switched) {
      const places = this.#switchAt(block);
      if (places.length === 0) return;
      this.#switches = true;
      this.#most = limits.switched + 1;
      this.#mostBlocks = Infinity;
      for (const place of places) if (this.#want(place)) this.#entries.add(place);
    }
  }

  /** @returns whether there is, or will be, a block at the place */
  #want(place: Place): boolean {
    if (this.#leaders.has(place)) return true;
    const { program } = this, address = addressOf(place);
    if (this.#leaders.size >= this.#mostBlocks || program.fetch(address) === undefined) {
      return false;
    }
    if (program.executed?.(address) === false) return false;
    this.#leaders.add(place);
    this.#queue.push(place);
    return true;
  }

  /** Makes a jump a switch if it has led to an entry. @returns whatever it has led to then */
  #switchAt(block: Block): readonly number[] {
    const places = this.program.cases?.(block.addresses.at(-1)!) ?? [];
    if (!this.#switches && places.length < LEAST_CASES) return [];
    if (!places.some((place) => this.#entries.has(place))) return [];
    block.ending = { kind: "switch" };
    return places;
  }

  /** Makes the callee of a call part of the region, if there is room and it is not recursive. */
  #callee(block: Block, outer: number, target: number): Place | undefined {
    const calls = this.#calls, last = block.instructions.at(-1);
    if (last === undefined || !JUMPS.has(last.op) || last.rd !== RA) return undefined;
    const depth = calls[outer].depth + 1;
    if (depth > this.limits.depth || this.#leaders.size > this.#mostBlocks / 2) return undefined;
    for (let each = outer; each >= 0; each = calls[each].outer) {
      if (calls[each].callee === target) return undefined;
    }
    const returns = outer * CONTEXT + block.addresses.at(-1)! + last.size;
    const place = calls.length * CONTEXT + target;
    calls.push({ returns, callee: target, outer, depth });
    return this.#want(place) ? place : undefined;
  }

  /** Where a jump through a table will go as long as the table stays as it is. */
  #guess(block: Block, call: number, table: number): Place | undefined {
    const target = this.program.peek?.(table);
    if (target === undefined || target >= CONTEXT || target % 2 !== 0) return undefined;
    if (block.instructions.at(-1)!.rd === RA) return this.#callee(block, call, target);
    return this.#want(call * CONTEXT + target) ? call * CONTEXT + target : undefined;
  }

  /** Adds the block that goes to any of the entries. */
  #dispatch(): void {
    for (const block of this.#blocks.values()) {
      // There were fewer entries when it was looked at.
      if (block.ending.kind === "indirect" && block.start < CONTEXT) this.#switchAt(block);
    }
    const ending: Ending = { kind: "dispatch", targets: this.#entered() };
    this.#blocks.set(DISPATCH, { start: DISPATCH, instructions: [], addresses: [], ending });
  }

  /** Entries that there are instructions at. */
  #entered(): number[] {
    const lengthAt = (place: Place) => this.#blocks.get(place)?.instructions.length ?? 0;
    return [...this.#entries].filter((place) => lengthAt(place) > 0);
  }
}

function readBlock(start: Place, program: Program, most: number): Block {
  const context = start - addressOf(start);
  const block: Block = {
    start,
    instructions: [],
    addresses: [],
    ending: { kind: "leave", target: addressOf(start) },
  };
  let address = addressOf(start);
  for (;;) {
    const instruction = block.instructions.length < most ? program.fetch(address) : undefined;
    if (instruction === undefined) {
      block.ending = { kind: "leave", target: address };
      return block;
    }
    const next = address + instruction.size;
    const { op, rd, imm } = instruction;
    block.instructions.push(instruction);
    block.addresses.push(address);
    if (BRANCHES.has(op)) {
      block.ending = { kind: "branch", taken: context + address + imm, next: context + next };
    } else if (JUMPS.has(op)) {
      const { target, table } = jumpTarget(block);
      if (target === undefined) block.ending = { kind: "indirect", table };
      else if (rd !== 0) block.ending = { kind: "leave", target };
      else block.ending = { kind: "jump", target: context + target, links: false };
    } else if (STOPS.has(op) || CSR.has(op) && !keepsRounding(instruction)) {
      block.ending = { kind: "stop" };
    } else {
      address = next;
      continue;
    }
    return block;
  }
}

/** A block that runs into another one ends there. */
function cutAtLeaders(blocks: Map<Place, Block>): void {
  for (const block of blocks.values()) {
    const context = block.start - addressOf(block.start);
    const at = block.addresses.findIndex((address, index) =>
      index > 0 && blocks.has(context + address)
    );
    if (at < 0) continue;
    block.ending = { kind: "jump", target: context + block.addresses[at], links: false };
    block.instructions.length = at;
    block.addresses.length = at;
  }
}
