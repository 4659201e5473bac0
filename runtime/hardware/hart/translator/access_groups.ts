// Loads and stores of a region that go to constant distances from one value: fields of an object, a
// function's frame. Their place in memory is found once, by the first of them, for all that come after it on
// every path.
import { Op, type Operation, operations } from "../instruction.ts";
import { nodesBetween, registersWritten } from "./held_loops.ts";
import { written } from "./operands.ts";
import type { Block } from "./region.ts";
import type { Graph, Node } from "./structure.ts";

/** Bytes that a group may extend over: the more, the more often it lies on two pages. */
const MOST_BYTES = 512;
const REGISTERS = 32;

const SIZES: Partial<Record<Operation, number>> = {
  ...{ lb: 1, lbu: 1, lh: 2, lhu: 2, lw: 4, lwu: 4, ld: 8, flw: 4, fld: 8 },
  ...{ sb: 1, sh: 2, sw: 4, sd: 8, fsw: 4, fsd: 8 },
};
const sizeOf: readonly (number | undefined)[] = operations.map((name) => SIZES[name]);
const storing: readonly boolean[] = operations.map((name) => /^f?s[bhwd]$/.test(name));

export interface AccessGroup {
  /** tells it from others of the region */
  id: number;
  base: number;
  /** its lowest byte, as a distance from the base register where the first access is */
  from: number;
  bytes: number;
  accesses: number;
  stores: boolean;
  /** the base register was computed in the block of the first access, and no other group goes by it */
  once: boolean;
}

/** A load or store. */
export interface Access {
  group: AccessGroup;
  /** from the group's lowest byte */
  offset: number;
  /** it finds the place for the others */
  first: boolean;
}

/** By block, and by index of the instruction. */
export type Accesses = Map<Block, (Access | undefined)[]>;

/** Something that a register holds, but for a constant that was added to it. */
interface Value {
  /** where it was computed; undefined for what came from elsewhere */
  block: Block | undefined;
  groups: AccessGroup[];
}

/** What a register holds. */
interface Held {
  value: Value;
  /** what has been added to the value */
  added: number;
}

/** A group that later accesses may belong to. */
interface Open {
  group: AccessGroup;
  /** of its first access */
  block: Block;
  /** its lowest byte, as a distance from the value */
  from: number;
  members: { access: Access; from: number }[];
}

/** What is known at a place of the code. */
interface Known {
  registers: Held[];
  open: Map<Value, Open>;
}

/** @param apart whether a group that begins at an address has turned out to lie on two pages too often */
export function findAccesses(graph: Graph, apart: (address: number) => boolean): Accesses {
  return new AccessSearch(apart).search(graph.entry);
}

class AccessSearch {
  readonly #accesses: Accesses = new Map();
  readonly #groups: Open[] = [];
  readonly #values: Value[] = [];

  constructor(private readonly apart: (address: number) => boolean) {}

  search(entry: Node): Accesses {
    const registers = Array.from({ length: REGISTERS }, () => this.#value(undefined));
    this.#tree(entry, { registers, open: new Map() });
    for (const { group, from, members } of this.#groups) {
      for (const member of members) member.access.offset = member.from - from;
      group.accesses = members.length;
    }
    for (const { block, groups } of this.#values) {
      if (groups.length === 1) groups[0].once = block !== undefined;
    }
    return this.#accesses;
  }

  #value(block: Block | undefined): Held {
    const value = { block, groups: [] };
    this.#values.push(value);
    return { value, added: 0 };
  }

  /** A node with all that it dominates. */
  #tree(node: Node, before: Known): void {
    const known = { registers: [...before.registers], open: new Map(before.open) };
    // Where paths meet, what was written on them is not known.
    let met = 0;
    if (node.merges) met |= registersWritten(nodesBetween(node)).x;
    if (node.loop !== undefined) met |= registersWritten(node.loop).x;
    for (let register = 1; register < REGISTERS; register++) {
      if ((met >>> register & 1) !== 0) known.registers[register] = this.#value(undefined);
    }
    this.#block(node.block, known);
    for (const child of node.children) this.#tree(child, known);
  }

  #block(block: Block, known: Known): void {
    const accesses: (Access | undefined)[] = [];
    this.#accesses.set(block, accesses);
    const { instructions, addresses } = block;
    for (let index = 0; index < instructions.length; index++) {
      const instruction = instructions[index];
      const { op, rd, rs1, imm } = instruction;
      const size = sizeOf[op];
      if (size !== undefined) {
        const held = known.registers[rs1];
        const from = held.added + imm;
        const stores = storing[op];
        let open = known.open.get(held.value);
        if (open === undefined || !joins(open, block, from, size, stores)) {
          open = this.#begin(block, held, rs1, from, size, stores);
          if (!this.apart(addresses[index])) known.open.set(held.value, open);
        }
        const access = { group: open.group, offset: 0, first: open.members.length === 0 };
        open.members.push({ access, from });
        accesses[index] = access;
      }
      if (written(instruction).x === 0) continue;
      if (op === Op.addi && rs1 !== 0) {
        const { value, added } = known.registers[rs1];
        known.registers[rd] = { value, added: added + imm };
      } else known.registers[rd] = this.#value(block);
    }
  }

  #begin(
    block: Block,
    { value, added }: Held,
    base: number,
    from: number,
    bytes: number,
    stores: boolean,
  ): Open {
    const id = this.#groups.length;
    const group = { id, base, from: from - added, bytes, accesses: 0, stores, once: false };
    value.groups.push(group);
    const open = { group, block, from, members: [] };
    this.#groups.push(open);
    return open;
  }
}

/** Makes room for an access in a group if it is not too far away. @param from as a distance from the value */
function joins(open: Open, block: Block, from: number, size: number, stores: boolean): boolean {
  const { group } = open;
  // Whether a later block is executed is not known: a page that it writes may not be writable now.
  if (stores && !group.stores && block !== open.block) return false;
  const least = Math.min(open.from, from);
  const bytes = Math.max(open.from + group.bytes, from + size) - least;
  if (bytes > MOST_BYTES) return false;
  group.from += least - open.from;
  group.bytes = bytes;
  group.stores ||= stores;
  open.from = least;
  return true;
}
