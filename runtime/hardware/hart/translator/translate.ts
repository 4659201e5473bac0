// A region as a WebAssembly function: blocks along the dominator tree, registers in locals.
import { type Instruction, Op, type Operation, operations } from "../instruction.ts";
import { Emitter, type Host, INTERPRET } from "./emitter.ts";
import { floatLowering, roundsDynamically, usesFlags } from "./lower_float.ts";
import { conditions, integerLowering, type Lower } from "./lower_integer.ts";
import { memoryLowering } from "./lower_memory.ts";
import { reads, type RegisterSet, written } from "./operands.ts";
import { StopReason } from "../engine.ts";
import { addressOf, type Block, type Place, type Region } from "./region.ts";
import { type Graph, type Node, structure } from "./structure.ts";
import { type Code, W } from "./wasm_encoder.ts";

/** What the budget is charged for entering a region, whatever path is taken. */
const MAX_ENTRY_COST = 32;

const lowering: Partial<Record<Operation, Lower>> = {
  ...integerLowering,
  ...memoryLowering,
  ...floatLowering,
};
const byNumber: (Lower | undefined)[] = operations.map((name) => lowering[name]);

function union(a: RegisterSet, b: RegisterSet): RegisterSet {
  return { x: a.x | b.x, f: a.f | b.f };
}

const NONE: RegisterSet = { x: 0, f: 0 };

/** What a region does to registers, and what it needs. */
interface Summary {
  used: RegisterSet;
  changed: RegisterSet;
  flags: boolean;
  rounds: boolean;
}

function summarize(region: Region): Summary {
  const summary: Summary = {
    used: NONE,
    changed: NONE,
    flags: false,
    rounds: false,
  };
  for (const block of region.blocks.values()) {
    for (const instruction of block.instructions) {
      const name = operations[instruction.op];
      const results = written(instruction);
      summary.changed = union(summary.changed, results);
      summary.used = union(summary.used, union(results, reads(instruction)));
      summary.flags ||= usesFlags[instruction.op];
      summary.rounds ||= roundsDynamically(name, instruction.rm);
    }
  }
  return summary;
}

/** What somebody who looks at translated code wants to know of it besides. */
export interface Watch {
  /** where in the hart's memory a word counts how often the region is entered */
  counter: number;
  /** gets which bytes of the code are an instruction's, in the order of the bytes */
  ranges: { address: number; instruction: Instruction; from: number; to: number }[];
}

/**
 * @param wordAt the instruction at an address, as it was fetched
 * @param first whether the code is to be made quickly; loops are made well all the same
 */
export function translate(
  region: Region,
  host: Host,
  wordAt: (address: number) => number,
  first: boolean,
  watch?: Watch,
): Code {
  const graph = structure(region);
  const summary = summarize(region);
  const emitter = new Emitter(host, summary.used, summary.changed);
  emitter.loops = graph.nodes.some((node) => node.loops);
  emitter.compact = first && !emitter.loops;
  new RegionTranslation(emitter, graph, summary, wordAt, watch).emit(region);
  const prologue = emitter.prologue();
  if (watch !== undefined) {
    const { counter } = watch;
    prologue.i32(0).i32(0).memory(W.i32_load, counter).i32(1).op(W.i32_add);
    prologue.memory(W.i32_store, counter);
  }
  return emitter.code.prepend(prologue);
}

class RegionTranslation {
  readonly #loops = new Map<Node, number>();
  readonly #merges = new Map<Node, number>();
  #from = 0;

  constructor(
    private readonly e: Emitter,
    private readonly graph: Graph,
    private readonly summary: Summary,
    private readonly wordAt: (address: number) => number,
    private readonly watch: Watch | undefined,
  ) {}

  emit(region: Region): void {
    const { e, summary } = this;
    e.begin();
    if (summary.flags) {
      e.reloadFlags();
      if (summary.rounds) {
        // Another rounding mode than to the nearest is the interpreter's.
        e.code.get(e.flags).i32(0xe0).op(W.i32_and);
        e.open(W.if);
        e.bail(INTERPRET, region.entry);
        e.close();
      }
    }
    e.spend(Math.min(region.instructions, MAX_ENTRY_COST), region.entry);
    this.#tree(this.graph.entry);
    e.finish();
  }

  /** A node with all that it dominates. */
  #tree(node: Node): void {
    const { e } = this;
    const merges = node.children.filter((child) => child.merges);
    if (!node.loops) return this.#within(node, merges);
    this.#loops.set(node, e.open(W.loop));
    e.spend(node.loopInstructions, addressOf(node.block.start));
    this.#within(node, merges);
    e.close();
  }

  /** A node inside the blocks that end where paths from it meet. */
  #within(node: Node, merges: Node[]): void {
    const [last, ...rest] = merges;
    if (last === undefined) return this.#block(node);
    this.#merges.set(last, this.e.open(W.block));
    this.#within(node, rest);
    this.e.close();
    this.#tree(last);
  }

  #block(node: Node): void {
    const { e } = this;
    const { block } = node;
    const { instructions, addresses, ending } = block;
    const ends = ending.kind !== "leave" || endsWithCall(block);
    const body = ends && !(ending.kind === "jump" && !endsWithJump(block))
      ? instructions.length - 1
      : instructions.length;
    const once = accessedOnce(block);
    for (let index = 0; index < body; index++) {
      this.#at(block, index);
      e.accessedOnce = once.has(index);
      const lower = byNumber[instructions[index].op];
      if (lower === undefined) e.fallBack();
      else lower(e);
      this.#done();
    }
    if (body < instructions.length) this.#at(block, body);
    switch (ending.kind) {
      case "branch": {
        const { rs1, rs2, op } = e.instruction;
        const condition = conditions[operations[op]]!;
        if (rs2 === 0 && condition === W.i64_eq) e.x(rs1).code.op(W.i64_eqz);
        else e.x(rs1).x(rs2).code.op(condition);
        e.open(W.if);
        this.#done();
        this.#go(node, ending.taken);
        e.close();
        return this.#go(node, ending.next);
      }
      case "jump":
        if (ending.links) this.#link(addresses[body]);
        if (body < instructions.length) this.#done();
        return this.#go(node, ending.target);
      case "return": {
        const { rs1 } = e.instruction;
        e.x(rs1).code.i64(addressOf(ending.target)).op(W.i64_eq);
        e.openExpecting(true);
        this.#done();
        this.#go(node, ending.target);
        e.close();
        e.x(rs1).code.i64(-2).op(W.i64_and);
        return e.leave();
      }
      case "leave":
        if (body < instructions.length) this.#link(addresses[body]);
        e.code.i64(ending.target);
        e.leave();
        if (body < instructions.length) this.#done();
        return;
      case "indirect": {
        const { rs1, imm } = e.instruction;
        const target = e.pc;
        e.x(rs1);
        if (imm !== 0) e.code.i64(imm).op(W.i64_add);
        e.code.i64(-2).op(W.i64_and).set(target);
        this.#link(addresses[body]);
        e.code.get(target);
        e.leave();
        return this.#done();
      }
      case "stop":
        e.bail(e.instruction.op === Op.ecall ? StopReason.ECALL : INTERPRET);
        return this.#done();
    }
  }

  #at(block: Block, index: number): void {
    this.e.instruction = block.instructions[index];
    this.e.address = block.addresses[index];
    this.e.word = this.wordAt(block.addresses[index]);
    this.#from = this.e.code.length;
  }

  /** What was emitted since `#at` is what the instruction became. */
  #done(): void {
    const { address, instruction, code } = this.e;
    this.watch?.ranges.push({ address, instruction, from: this.#from, to: code.length });
  }

  /** Saves the return address of a call. */
  #link(address: number): void {
    const { rd, size } = this.e.instruction;
    if (rd === 0) return;
    this.e.code.i64(address + size);
    this.e.setX(rd);
  }

  #go(from: Node, target: Place): void {
    const { e } = this;
    const node = this.graph.follow(from, target);
    if (node === undefined) {
      e.code.i64(addressOf(target));
      return e.leave();
    }
    if (node.order <= from.order) return e.branch(this.#loops.get(node)!);
    if (node.merges) return e.branch(this.#merges.get(node)!);
    this.#tree(node);
  }
}

/**
 * Accesses whose base register was computed in the block for them alone: there is no use in remembering
 * their page. A pointer that is moved on by a constant stays the same.
 */
function accessedOnce({ instructions }: Block): Set<number> {
  const last: (number | undefined)[] = [];
  const counts: number[] = [];
  const found = new Set<number>();
  const settle = (register: number) => {
    const at = last[register];
    if (at !== undefined && counts[register] === 1) found.add(at);
    last[register] = undefined;
  };
  const computed = new Array<boolean>(32).fill(false);
  instructions.forEach((instruction, index) => {
    const { op, rd, rs1 } = instruction;
    if (memoryLowering[operations[op]] !== undefined) {
      if (computed[rs1]) {
        counts[rs1] = last[rs1] === undefined ? 1 : counts[rs1] + 1;
        last[rs1] = index;
      }
    }
    const { x } = written(instruction);
    if (x === 0 || op === Op.addi && rd === rs1) return;
    settle(rd);
    computed[rd] = true;
  });
  for (let register = 1; register < 32; register++) settle(register);
  return found;
}

function endsWithCall(block: Block): boolean {
  const last = block.instructions.at(-1);
  return last !== undefined && last.op === Op.jal;
}

function endsWithJump(block: Block): boolean {
  return block.instructions.at(-1)?.op === Op.jal;
}
