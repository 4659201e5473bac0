// A region as a WebAssembly function: blocks along the dominator tree.
import { type Instruction, Op, type Operation, operations } from "../instruction.ts";
import { type Access, type Accesses, findAccesses } from "./access_groups.ts";
import { Emitter, type Host, INTERPRET } from "./emitter.ts";
import { floatLowering, roundsDynamically, usesFlags } from "./lower_float.ts";
import { conditions, integerLowering, type Lower } from "./lower_integer.ts";
import { forgetPage, memoryLowering } from "./lower_memory.ts";
import { type HeldLoop, heldLoops, nodesBetween, registersWritten } from "./held_loops.ts";
import { NO_REGISTERS, reads, union, without, written } from "./operands.ts";
import type { Known, Registers } from "./registers.ts";
import { State } from "../state.ts";
import { StopReason } from "../engine.ts";
import { addressOf, type Block, DISPATCH, type Place, type Region } from "./region.ts";
import { isSwitch } from "../interpreter/switches.ts";
import { type Graph, type Node, structure } from "./structure.ts";
import type { Code } from "./wasm_code.ts";
import { Type, W } from "./wasm_opcodes.ts";

const lowering: Partial<Record<Operation, Lower>> = {
  ...integerLowering,
  ...memoryLowering,
  ...floatLowering,
};
/** What the budget is charged for a switch: about what is executed until the next. */
const DISPATCH_COST = 16;

const byNumber: (Lower | undefined)[] = operations.map((name) => lowering[name]);

/** Whether an instruction may leave the region: the state block has to be up to date before. */
function mayLeave(op: number, access: Access | undefined): boolean {
  if (access !== undefined) return access.first;
  const name = operations[op];
  return integerLowering[name] === undefined;
}

/** What a region does with fcsr. */
interface Rounding {
  flags: boolean;
  dynamic: boolean;
}

function roundingOf(region: Region): Rounding {
  const rounding = { flags: false, dynamic: false };
  for (const { instructions } of region.blocks.values()) {
    for (const { op, rm } of instructions) {
      rounding.flags ||= usesFlags[op];
      rounding.dynamic ||= roundsDynamically(operations[op], rm);
    }
  }
  return rounding;
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
 * @param apart addresses of accesses that are checked by themselves: see `findAccesses`
 */
export function translate(
  region: Region,
  host: Host,
  wordAt: (address: number) => number,
  apart: (address: number) => boolean = () => false,
  watch?: Watch,
): Code {
  const emitter = new Emitter(host, region.entry);
  new RegionTranslation(emitter, structure(region), wordAt, apart, watch).emit(region);
  const prologue = emitter.prologue();
  if (watch !== undefined) {
    const { counter } = watch;
    prologue.i32(0).i32(0).memory(W.i32_load, counter).i32(1).op(W.i32_add);
    prologue.memory(W.i32_store, counter);
  }
  return emitter.code.prepend(prologue);
}

class RegionTranslation {
  readonly #registers: Registers;
  readonly #held: Map<Node, HeldLoop>;
  readonly #loops = new Map<Node, number>();
  readonly #merges = new Map<Node, number>();
  /** where code of a loop that holds its registers, and of others, leaves for the interpreter */
  readonly #labels = new Map<HeldLoop | undefined, number>();
  /** what is known of registers where a node ends */
  readonly #after = new Map<Node, Known>();
  readonly #accesses: Accesses;
  #from = 0;

  constructor(
    private readonly e: Emitter,
    private readonly graph: Graph,
    private readonly wordAt: (address: number) => number,
    apart: (address: number) => boolean,
    private readonly watch: Watch | undefined,
  ) {
    this.#registers = e.registers;
    this.#accesses = findAccesses(graph, apart);
    this.#held = heldLoops(graph.nodes);
  }

  emit(region: Region): void {
    const { e } = this;
    const { flags, dynamic } = roundingOf(region);
    if (flags) e.reloadFlags();
    if (dynamic) {
      // Another rounding mode than to the nearest is the interpreter's.
      e.code.get(e.flags).i32(0xe0).op(W.i32_and);
      e.open(W.if);
      e.bail(INTERPRET, region.entry);
      e.close();
    }
    e.leavable(this.#registers.known, (label) => {
      this.#labels.set(undefined, label);
      this.#tree(this.graph.entry);
    });
  }

  /** A node with all that it dominates. */
  #tree(node: Node): void {
    const merges = node.children.filter((child) => child.merges);
    if (node.loop === undefined) return this.#within(node, merges);
    const held = this.#held.get(node);
    if (held?.head === node) return this.#heldLoop(held, merges);
    if (held === undefined) {
      const { known } = this.#registers;
      const valid = without(known.valid, registersWritten(node.loop));
      this.#registers.known = { ...known, valid };
    }
    this.#loop(node, merges);
  }

  #loop(node: Node, merges: Node[]): void {
    const { e } = this;
    this.#loops.set(node, e.open(W.loop));
    if (node.block.start === DISPATCH) {
      e.spend(DISPATCH_COST, () => e.bailToTarget(StopReason.BUDGET));
    } else {
      const head = addressOf(node.block.start);
      e.spend(node.loopInstructions, () => e.bail(StopReason.BUDGET, head));
    }
    this.#within(node, merges);
    e.close();
  }

  /** A loop that has its registers in locals from here to where it is left. */
  #heldLoop(held: HeldLoop, merges: Node[]): void {
    const { e } = this;
    const { head, nodes, used, changed } = held;
    const registers = this.#registers;
    registers.load(used);
    e.loadState(W.i32_load, State.BUDGET);
    e.code.set(registers.budget);
    for (const { block } of nodes) {
      this.#accesses.get(block)!.forEach((access) => {
        if (access?.first === true) forgetPage(e, access.group);
      });
    }
    const inside = { ...registers.known, held: changed };
    e.leavable(inside, (label) => {
      this.#labels.set(held, label);
      registers.known = inside;
      this.#loop(head, merges);
    });
  }

  /** A node inside the blocks that end where paths from it meet. */
  #within(node: Node, merges: Node[]): void {
    const [last, ...rest] = merges;
    if (last === undefined) return this.#block(node);
    this.#merges.set(last, this.e.open(W.block));
    this.#within(node, rest);
    this.e.close();
    const { valid } = this.#after.get(node)!;
    const kept = without(valid, registersWritten(nodesBetween(last)));
    const held = this.#held.get(last);
    // Within a loop that holds its registers they are valid all the way.
    const inside = held !== undefined && held.head !== last;
    this.#registers.known = {
      valid: inside ? union(kept, held.used) : kept,
      changed: NO_REGISTERS,
      held: inside ? held.changed : undefined,
    };
    this.#tree(last);
  }

  #block(node: Node): void {
    const { e } = this;
    const registers = this.#registers;
    const { block } = node;
    const { instructions, addresses, ending } = block;
    if (ending.kind === "dispatch") return this.#dispatch(node, ending.targets);
    const runsOn = (ending.kind === "leave" || ending.kind === "jump") && !endsWithJump(block);
    const body = runsOn ? instructions.length : instructions.length - 1;
    const accesses = this.#accesses.get(block)!;
    e.interpretLabel = this.#labels.get(this.#held.get(node))!;
    for (let index = 0; index < body; index++) {
      this.#at(block, index);
      e.access = accesses[index];
      const instruction = instructions[index];
      registers.load(reads(instruction));
      if (mayLeave(instruction.op, e.access)) registers.flush();
      const lower = byNumber[instruction.op];
      if (lower === undefined) e.fallBack();
      else lower(e);
      registers.wrote(written(instruction));
      this.#done();
    }
    if (body < instructions.length) {
      this.#at(block, body);
      if (ending.kind !== "stop") registers.load(reads(e.instruction));
    }
    switch (ending.kind) {
      case "branch": {
        const { rs1, rs2, op } = e.instruction;
        const condition = conditions[operations[op]]!;
        if (rs2 === 0 && condition === W.i64_eq) e.x(rs1).code.op(W.i64_eqz);
        else e.x(rs1).x(rs2).code.op(condition);
        const { known } = registers;
        this.#after.set(node, known);
        e.open(W.if);
        this.#done();
        this.#go(node, ending.taken);
        e.close();
        registers.known = known;
        return this.#go(node, ending.next);
      }
      case "jump":
        if (ending.links) this.#link(addresses[body]);
        if (body < instructions.length) this.#done();
        this.#after.set(node, registers.known);
        return this.#go(node, ending.target);
      case "return":
      case "guess": {
        const to = this.#jumpTo();
        this.#link(addresses[body]);
        e.code.get(to).i64(addressOf(ending.target)).op(W.i64_eq);
        const { known } = registers;
        this.#after.set(node, known);
        e.openExpecting(true);
        this.#done();
        this.#go(node, ending.target);
        e.close();
        registers.known = known;
        this.#leave();
        e.code.get(to);
        return e.leave();
      }
      case "leave":
        if (body < instructions.length) this.#link(addresses[body]);
        this.#leave();
        e.code.i64(ending.target);
        e.leave();
        if (body < instructions.length) this.#done();
        return;
      case "indirect": {
        const to = this.#jumpTo();
        this.#link(addresses[body]);
        this.#leave();
        if (isSwitch(e.instruction)) {
          e.storeState(W.i64_store, State.JUMP, () => e.code.i64(addresses[body]));
          e.storeState(W.i64_store, State.JUMP_TARGET, () => e.code.get(to));
        }
        e.code.get(to);
        e.leave();
        return this.#done();
      }
      case "switch":
        e.code.get(this.#jumpTo()).set(e.target);
        this.#after.set(node, registers.known);
        this.#done();
        return this.#go(node, DISPATCH);
      case "stop":
        registers.flush();
        e.bail(e.instruction.op === Op.ecall ? StopReason.ECALL : INTERPRET);
        return this.#done();
    }
  }

  /** Goes to the entry that `target` says, or leaves: a table of lists, found by bits of the address. */
  #dispatch(node: Node, targets: readonly Place[]): void {
    const { e } = this;
    const { code } = e;
    this.#after.set(node, this.#registers.known);
    const slots = 2 ** Math.ceil(Math.log2(2 * targets.length));
    const lists = Map.groupBy(targets, (target) => target / 2 & slots - 1);
    const otherwise = e.open(W.block);
    const labels = new Map([...lists.keys()].map((slot) => [slot, e.open(W.block)]));
    code.get(e.target).op(W.i32_wrap_i64).i32(1).op(W.i32_shr_u).i32(slots - 1).op(W.i32_and);
    code.op(W.br_table).unsigned(slots);
    for (let slot = 0; slot <= slots; slot++) {
      code.unsigned(e.depth - (labels.get(slot) ?? otherwise));
    }
    for (const [, list] of [...lists].reverse()) {
      e.close();
      for (const target of list) {
        code.get(e.target).i64(target).op(W.i64_eq);
        e.branchIf(this.#merges.get(this.graph.follow(node, target)!)!, true);
      }
      e.branch(otherwise);
    }
    e.close();
    code.get(e.target);
    e.leave();
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

  /** @returns a local with where the indirect jump at hand goes */
  #jumpTo(): number {
    const { rs1, imm } = this.e.instruction;
    const to = this.e.scratch("pc", Type.I64);
    this.e.x(rs1);
    if (imm !== 0) this.e.code.i64(imm).op(W.i64_add);
    this.e.code.i64(-2).op(W.i64_and).set(to);
    return to;
  }

  /** Saves the return address of a call. */
  #link(address: number): void {
    const { rd, size } = this.e.instruction;
    if (rd === 0) return;
    this.e.code.i64(address + size);
    this.e.setX(rd);
    this.#registers.wrote(written(this.e.instruction));
  }

  /** Brings the state block up to date: the region is left. */
  #leave(): void {
    this.#registers.flush();
    this.#registers.storeHeld();
  }

  #go(from: Node, target: Place): void {
    const { e } = this;
    const registers = this.#registers;
    const node = this.graph.follow(from, target);
    if (node === undefined) {
      this.#leave();
      e.code.i64(addressOf(target));
      return e.leave();
    }
    const left = this.#held.get(from);
    if (left !== undefined && left !== this.#held.get(node)) {
      registers.storeHeld();
      const { valid, changed } = registers.known;
      registers.known = { valid, changed: without(changed, left.changed), held: undefined };
    }
    if (node.merges || node.loop !== undefined) registers.flush();
    if (node.order <= from.order) return e.branch(this.#loops.get(node)!);
    if (node.merges) return e.branch(this.#merges.get(node)!);
    this.#tree(node);
  }
}

/** A block whose last instruction is where it ends, and not just the last one before another block. */
function endsWithJump(block: Block): boolean {
  const op = block.instructions.at(-1)?.op;
  return op === Op.jal || op === Op.jalr;
}
