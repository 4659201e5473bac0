// Which loops hold their registers in locals: small ones, with those inside them. Locals that live through a
// large loop cost V8's register allocator more than they save.
import { NO_REGISTERS, reads, type RegisterSet, union, written } from "./operands.ts";
import { DISPATCH } from "./region.ts";
import { instructionsOf, type Node } from "./structure.ts";

/** Instructions of a loop that holds its registers. */
const MOST_INSTRUCTIONS = 256;

export interface HeldLoop {
  head: Node;
  nodes: ReadonlySet<Node>;
  used: RegisterSet;
  changed: RegisterSet;
}

/** @returns by node, the loop that it is in and that holds its registers */
export function heldLoops(nodes: readonly Node[]): Map<Node, HeldLoop> {
  const found = new Map<Node, HeldLoop>();
  // An outer loop comes before those within it.
  for (const head of nodes) {
    if (head.loop === undefined || found.has(head)) continue;
    if (head.block.start === DISPATCH) continue;
    const instructions = instructionsOf(head.loop);
    if (instructions > MOST_INSTRUCTIONS) continue;
    const changed = registersWritten(head.loop);
    let used = changed;
    for (const { block } of head.loop) {
      for (const instruction of block.instructions) used = union(used, reads(instruction));
    }
    const loop: HeldLoop = { head, nodes: head.loop, used, changed };
    for (const node of head.loop) found.set(node, loop);
  }
  return found;
}

/** What the instructions of nodes write. */
export function registersWritten(nodes: Iterable<Node>): RegisterSet {
  let set = NO_REGISTERS;
  for (const { block } of nodes) {
    for (const instruction of block.instructions) set = union(set, written(instruction));
  }
  return set;
}

/** Nodes on the paths from a node's dominator to it, both without. */
export function nodesBetween(node: Node): Set<Node> {
  const between = new Set<Node>();
  const queue = node.predecessors.filter((each) => each.order < node.order);
  for (let each = queue.pop(); each !== undefined; each = queue.pop()) {
    if (each === node.dominator || between.has(each)) continue;
    between.add(each);
    queue.push(...each.predecessors);
  }
  return between;
}
