// Regions: the piece of a program that becomes one WebAssembly function. From a hot entry, all blocks that
// direct branches and jumps lead to, within limits; calls, returns and indirect jumps leave it.
import { type Instruction, Op } from "../instruction.ts";

/** Blocks and instructions of a region: what V8 compiles in a fraction of a millisecond. */
export const MAX_BLOCKS = 96;
export const MAX_INSTRUCTIONS = 700;

/** How a block ends. Targets are addresses. */
export type Ending =
  | { kind: "branch"; taken: bigint; next: bigint }
  | { kind: "jump"; target: bigint }
  /** leaves to a known address: a call, or a jump that the region does not follow */
  | { kind: "leave"; target: bigint }
  /** leaves to where a register says */
  | { kind: "indirect" }
  /** leaves so that the interpreter or the kernel does its last instruction */
  | { kind: "stop" };

export interface Block {
  start: bigint;
  instructions: Instruction[];
  /** addresses of the instructions */
  addresses: bigint[];
  ending: Ending;
}

export interface Region {
  entry: bigint;
  blocks: Map<bigint, Block>;
  instructions: number;
}

/** Reads an instruction. @returns undefined where there is no code that may be executed now */
export type Fetch = (address: bigint) => Instruction | undefined;

const BRANCHES = new Set([Op.beq, Op.bne, Op.blt, Op.bge, Op.bltu, Op.bgeu]);
/** Instructions that translated code does not carry out. */
const STOPS = new Set([
  Op.illegal,
  Op.ecall,
  Op.ebreak,
  Op.fence_i,
  Op.csrrw,
  Op.csrrs,
  Op.csrrc,
  Op.csrrwi,
  Op.csrrsi,
  Op.csrrci,
]);

/** Collects the region of an entry. @returns undefined where not even its first instruction can be read */
export function collect(entry: bigint, fetch: Fetch): Region | undefined {
  const leaders = new Set([entry]);
  const queue = [entry];
  const blocks = new Map<bigint, Block>();
  let instructions = 0;
  const want = (address: bigint): boolean => {
    if (leaders.has(address)) return true;
    if (leaders.size >= MAX_BLOCKS || fetch(address) === undefined) return false;
    leaders.add(address);
    queue.push(address);
    return true;
  };
  for (let start = queue.shift(); start !== undefined; start = queue.shift()) {
    const block = readBlock(start, fetch, MAX_INSTRUCTIONS - instructions);
    blocks.set(start, block);
    instructions += block.instructions.length;
    const { ending } = block;
    // A target that is not followed leaves the region; its block does not exist.
    if (ending.kind === "branch") {
      want(ending.next);
      want(ending.taken);
    } else if (ending.kind === "jump" && !want(ending.target)) {
      block.ending = { kind: "leave", target: ending.target };
    }
  }
  cutAtLeaders(blocks);
  const first = blocks.get(entry)!;
  if (first.instructions.length === 0) return undefined;
  if (first.instructions.length === 1 && first.ending.kind === "stop") return undefined;
  return { entry, blocks, instructions };
}

function readBlock(start: bigint, fetch: Fetch, most: number): Block {
  const block: Block = {
    start,
    instructions: [],
    addresses: [],
    ending: { kind: "leave", target: start },
  };
  let address = start;
  for (;;) {
    const instruction = block.instructions.length < most ? fetch(address) : undefined;
    if (instruction === undefined) {
      block.ending = { kind: "leave", target: address };
      return block;
    }
    const next = BigInt.asUintN(64, address + BigInt(instruction.size));
    const { op, rd, imm } = instruction;
    block.instructions.push(instruction);
    block.addresses.push(address);
    const target = BigInt.asUintN(64, address + BigInt(imm));
    if (BRANCHES.has(op)) block.ending = { kind: "branch", taken: target, next };
    else if (op === Op.jal) block.ending = { kind: rd === 0 ? "jump" : "leave", target };
    else if (op === Op.jalr) block.ending = { kind: "indirect" };
    else if (STOPS.has(op)) block.ending = { kind: "stop" };
    else {
      address = next;
      continue;
    }
    return block;
  }
}

/** A block that runs into another one ends there. */
function cutAtLeaders(blocks: Map<bigint, Block>): void {
  for (const block of blocks.values()) {
    const at = block.addresses.findIndex((address, index) => index > 0 && blocks.has(address));
    if (at < 0) continue;
    block.ending = { kind: "jump", target: block.addresses[at] };
    block.instructions.length = at;
    block.addresses.length = at;
  }
}
