// Regions: the piece of a program that becomes one WebAssembly function. From a hot entry, all blocks that
// direct branches and jumps lead to, within limits. A function that is called becomes part of its caller, once
// for each call, so that it returns without leaving, if where it is can be told: from the instruction, from the
// one before, or from a linkage table, which may change, and so is compared. Other jumps leave the region.
import { type Instruction, Op } from "../instruction.ts";
import { jumpTarget } from "./jump_target.ts";
import { keepsRounding } from "../fcsr.ts";
import { isSwitch } from "../interpreter/switches.ts";

/** How much becomes one region. */
export interface RegionLimits {
  blocks: number;
  instructions: number;
  /** calls within calls whose callees become part of it */
  depth: number;
  /** instructions of one with a switch, which has more blocks, too; a larger one is made without */
  switched?: number;
}

/** A block's place: its address, and in multiples of 2^40 the call that it is part of. */
export type Place = number;

/** Addresses of user code are below. */
const CONTEXT = 2 ** 40;

export function addressOf(place: Place): number {
  return place % CONTEXT;
}

/** The place of the block that goes to any of a region's entries: no instruction has an odd address. */
export const DISPATCH: Place = CONTEXT - 1;

/** How a block ends. */
export type Ending =
  | { kind: "branch"; taken: Place; next: Place }
  /** `links` says that the last instruction saves a return address */
  | { kind: "jump"; target: Place; links: boolean }
  /** goes back to where the call came from, or to what a table has, if the register says so */
  | { kind: "return" | "guess"; target: Place }
  /** leaves to a known address: a call, or a jump that the region does not follow */
  | { kind: "leave"; target: number }
  /** leaves to where a register says, which was loaded from an address if that is known */
  | { kind: "indirect"; table?: number }
  /** goes to where a register says, most likely one of the region's entries */
  | { kind: "switch" }
  /** goes to the entry that is asked for: a block of no instructions */
  | { kind: "dispatch"; targets: Place[] }
  /** leaves so that the interpreter or the kernel does its last instruction */
  | { kind: "stop" };

export interface Block {
  start: Place;
  instructions: Instruction[];
  /** addresses of the instructions */
  addresses: number[];
  ending: Ending;
}

export interface Region {
  entry: number;
  /** where it may be entered; more than one if one of its jumps is a switch */
  entries: number[];
  blocks: Map<Place, Block>;
  instructions: number;
}

/** A call whose callee is part of the region. */
interface Call {
  /** where the callee returns to; undefined for the region's own context */
  returns: Place | undefined;
  callee: number;
  outer: number;
  depth: number;
}

/** Reads an instruction. @returns undefined where there is no code that may be executed now */
export type Fetch = (address: number) => Instruction | undefined;

/** Where a jump to where a register says has led to. */
export type Cases = (jump: number) => readonly number[];

/** Reads a double word of data, which may be another one later. @returns undefined where there is none now */
export type Peek = (address: number) => number | undefined;

const RA = 1;
/** What leads to fewer places is compared with more easily. */
const LEAST_CASES = 3;
const JUMPS = new Set([Op.jal, Op.jalr]);
const BRANCHES = new Set([Op.beq, Op.bne, Op.blt, Op.bge, Op.bltu, Op.bgeu]);
/** Instructions that translated code does not carry out. */
const STOPS = new Set([Op.illegal, Op.ecall, Op.ebreak, Op.fence_i]);
/** Those that do where they may change how numbers are rounded. */
const CSR = new Set([Op.csrrw, Op.csrrs, Op.csrrc, Op.csrrwi, Op.csrrsi, Op.csrrci]);

/**
 * Collects the region of an entry.
 * @param executed whether the instruction at an address has ever been executed: most code never is, and
 * what is not becomes no part of it
 * @param peek reads linkage tables
 * @param cases of jumps; one that has led to the entry and to two places more is a switch, as are those that have
 * led to places of other switches
 * @returns undefined where not even its first instruction can be read
 */
export function collect(
  entry: number,
  fetch: Fetch,
  limits: RegionLimits,
  executed: (address: number) => boolean = () => true,
  peek: Peek = () => undefined,
  cases: Cases = () => [],
): Region | undefined {
  const calls: Call[] = [{ returns: undefined, callee: entry, outer: -1, depth: 0 }];
  const leaders = new Set([entry]);
  const queue = [entry];
  const blocks = new Map<Place, Block>();
  const entries = new Set([entry]);
  let instructions = 0, switches = false, { blocks: mostBlocks, instructions: most } = limits;
  const want = (place: Place): boolean => {
    if (leaders.has(place)) return true;
    const address = addressOf(place);
    if (leaders.size >= mostBlocks || fetch(address) === undefined || !executed(address)) {
      return false;
    }
    leaders.add(place);
    queue.push(place);
    return true;
  };
  for (let start = queue.shift(); start !== undefined; start = queue.shift()) {
    const call = Math.floor(start / CONTEXT);
    const block = readBlock(start, fetch, most - instructions);
    blocks.set(start, block);
    instructions += block.instructions.length;
    const { ending } = block;
    // A target that is not followed leaves the region; its block does not exist.
    if (ending.kind === "branch") {
      want(ending.next);
      want(ending.taken);
    } else if (ending.kind === "jump" && !want(ending.target)) {
      block.ending = { kind: "leave", target: addressOf(ending.target) };
    } else if (ending.kind === "leave") {
      const target = callee(block, call, ending.target);
      if (target !== undefined) block.ending = { kind: "jump", target, links: true };
    } else if (ending.kind === "indirect") {
      const { returns } = calls[call];
      const { rd, rs1, imm } = block.instructions.at(-1)!;
      if (returns !== undefined && rd === 0 && rs1 === RA && imm === 0 && want(returns)) {
        block.ending = { kind: "return", target: returns };
      } else if (ending.table !== undefined && limits.depth > 0) {
        const target = guess(block, call, ending.table);
        if (target !== undefined) block.ending = { kind: "guess", target };
      } else if (isSwitch(block.instructions.at(-1)!) && call === 0 && limits.switched) {
        const places = switchAt(block);
        if (places.length === 0) continue;
        switches = true;
        most = limits.switched + 1;
        mostBlocks = Infinity;
        for (const place of places) if (want(place)) entries.add(place);
      }
    }
  }
  /** Makes a jump a switch if it has led to an entry. @returns whatever it has led to then */
  function switchAt(block: Block): readonly number[] {
    const places = cases(block.addresses.at(-1)!);
    if (!switches && places.length < LEAST_CASES) return [];
    if (!places.some((place) => entries.has(place))) return [];
    block.ending = { kind: "switch" };
    return places;
  }
  /** Makes the callee of a call part of the region, if there is room and it is not recursive. */
  function callee(block: Block, outer: number, target: number): Place | undefined {
    const last = block.instructions.at(-1);
    if (last === undefined || !JUMPS.has(last.op) || last.rd !== RA) return undefined;
    const depth = calls[outer].depth + 1;
    if (depth > limits.depth || leaders.size > mostBlocks / 2) return undefined;
    for (let each = outer; each >= 0; each = calls[each].outer) {
      if (calls[each].callee === target) return undefined;
    }
    const returns = outer * CONTEXT + block.addresses.at(-1)! + last.size;
    const place = calls.length * CONTEXT + target;
    calls.push({ returns, callee: target, outer, depth });
    return want(place) ? place : undefined;
  }
  /** Where a jump through a table will go as long as the table stays as it is. */
  function guess(block: Block, call: number, table: number): Place | undefined {
    const target = peek(table);
    if (target === undefined || target >= CONTEXT || target % 2 !== 0) return undefined;
    if (block.instructions.at(-1)!.rd === RA) return callee(block, call, target);
    return want(call * CONTEXT + target) ? call * CONTEXT + target : undefined;
  }
  cutAtLeaders(blocks);
  const first = blocks.get(entry)!;
  if (first.instructions.length === 0) return undefined;
  if (first.instructions.length === 1 && first.ending.kind === "stop") return undefined;
  // V8 takes so long for a large one that a program is over before it pays.
  if (switches && instructions > limits.switched!) {
    return collect(entry, fetch, limits, executed, peek);
  }
  const entered = [...entries].filter((each) => (blocks.get(each)?.instructions.length ?? 0) > 0);
  if (switches) {
    for (const block of blocks.values()) {
      // There were fewer entries when it was looked at.
      if (block.ending.kind === "indirect" && block.start < CONTEXT) switchAt(block);
    }
    const ending: Ending = { kind: "dispatch", targets: entered };
    blocks.set(DISPATCH, { start: DISPATCH, instructions: [], addresses: [], ending });
  }
  return { entry, entries: entered, blocks, instructions };
}

function readBlock(start: Place, fetch: Fetch, most: number): Block {
  const context = start - addressOf(start);
  const block: Block = {
    start,
    instructions: [],
    addresses: [],
    ending: { kind: "leave", target: addressOf(start) },
  };
  let address = addressOf(start);
  for (;;) {
    const instruction = block.instructions.length < most ? fetch(address) : undefined;
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
