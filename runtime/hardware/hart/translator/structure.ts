// The shape of a region's control flow: order, dominators, loops, and where paths meet. After N. Ramsey,
// "Beyond Relooper" (ICFP 2022): a reducible graph becomes nested blocks and loops along its dominator tree.
import { type Block, DISPATCH, type Place, type Region } from "./region.ts";

export interface Node {
  block: Block;
  /** place in reverse postorder */
  order: number;
  successors: Node[];
  predecessors: Node[];
  dominator: Node | undefined;
  /** nodes that it dominates at once, those that come last first */
  children: Node[];
  /** nodes of the loop that it heads */
  loop: Set<Node> | undefined;
  /** several paths lead to it that are not the loop's own */
  merges: boolean;
  /** instructions on the longest way around that loop, or more */
  loopInstructions: number;
}

export interface Graph {
  entry: Node;
  nodes: Node[];
  /** @returns undefined where the edge leaves the region: its target is not there, or would break the structure */
  follow(from: Node, target: Place): Node | undefined;
}

export function structure(region: Region): Graph {
  const byPlace = new Map<Place, Node>();
  for (const [start, block] of region.blocks) {
    byPlace.set(start, {
      block,
      order: -1,
      successors: [],
      predecessors: [],
      dominator: undefined,
      children: [],
      loop: undefined,
      merges: false,
      loopInstructions: 0,
    });
  }
  for (const node of byPlace.values()) {
    const { ending } = node.block;
    const targets = ending.kind === "branch"
      ? [ending.next, ending.taken]
      : ending.kind === "jump" || ending.kind === "return" || ending.kind === "guess"
      ? [ending.target]
      : ending.kind === "switch"
      ? [DISPATCH]
      : ending.kind === "dispatch"
      ? ending.targets
      : [];
    for (const target of targets) {
      const successor = byPlace.get(target);
      if (successor !== undefined) node.successors.push(successor);
    }
  }
  const entry = byPlace.get(DISPATCH) ?? byPlace.get(region.entry)!;
  const nodes = reversePostorder(entry);
  dominate(nodes);
  const broken = findLoops(nodes);
  // Without the edges that broke the structure some nodes may not be reached any more: order again.
  if (broken) return rebuild(entry, byPlace);
  for (const node of nodes) node.dominator?.children.push(node);
  for (const node of nodes) node.children.sort((a, b) => b.order - a.order);
  return {
    entry,
    nodes,
    follow: (from, target) => {
      const node = byPlace.get(target);
      return node !== undefined && from.successors.includes(node) ? node : undefined;
    },
  };
}

/** Takes edges away that enter a loop beside its head, until there are none. */
function rebuild(entry: Node, byPlace: Map<Place, Node>): Graph {
  for (;;) {
    for (const node of byPlace.values()) {
      Object.assign(node, { order: -1, predecessors: [], dominator: undefined, loop: undefined });
      Object.assign(node, { merges: false, loopInstructions: 0, children: [] });
    }
    const nodes = reversePostorder(entry);
    dominate(nodes);
    if (findLoops(nodes)) continue;
    for (const node of nodes) node.dominator?.children.push(node);
    for (const node of nodes) node.children.sort((a, b) => b.order - a.order);
    return {
      entry,
      nodes,
      follow: (from, target) => {
        const node = byPlace.get(target);
        return node !== undefined && from.successors.includes(node) ? node : undefined;
      },
    };
  }
}

function reversePostorder(entry: Node): Node[] {
  const postorder: Node[] = [];
  const seen = new Set([entry]);
  const stack: { node: Node; next: number }[] = [{ node: entry, next: 0 }];
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    if (top.next < top.node.successors.length) {
      const successor = top.node.successors[top.next++];
      if (!seen.has(successor)) {
        seen.add(successor);
        stack.push({ node: successor, next: 0 });
      }
    } else {
      postorder.push(top.node);
      stack.pop();
    }
  }
  const nodes = postorder.reverse();
  nodes.forEach((node, order) => node.order = order);
  for (const node of nodes) {
    for (const successor of node.successors) successor.predecessors.push(node);
  }
  return nodes;
}

/** Immediate dominators, after Cooper, Harvey and Kennedy. */
function dominate(nodes: Node[]): void {
  nodes[0].dominator = nodes[0];
  for (let changed = true; changed;) {
    changed = false;
    for (const node of nodes.slice(1)) {
      let dominator: Node | undefined;
      for (const predecessor of node.predecessors) {
        if (predecessor.dominator === undefined) continue;
        dominator = dominator === undefined ? predecessor : meet(dominator, predecessor);
      }
      if (node.dominator !== dominator) {
        node.dominator = dominator;
        changed = true;
      }
    }
  }
  nodes[0].dominator = undefined;
}

function meet(a: Node, b: Node): Node {
  while (a !== b) {
    while (a.order > b.order) a = a.dominator!;
    while (b.order > a.order) b = b.dominator!;
  }
  return a;
}

function dominates(a: Node, b: Node): boolean {
  for (let node: Node | undefined = b; node !== undefined; node = node.dominator) {
    if (node === a) return true;
  }
  return false;
}

/** Marks loop heads and merges. @returns whether edges had to be taken away */
function findLoops(nodes: Node[]): boolean {
  let broken = false;
  for (const node of nodes) {
    let forward = 0;
    for (const predecessor of [...node.predecessors]) {
      if (predecessor.order < node.order) forward++;
      else if (dominates(node, predecessor)) {
        const around = loopNodes(node, predecessor);
        node.loop = new Set([...node.loop ?? [], ...around]);
        node.loopInstructions = Math.max(node.loopInstructions, instructionsOf(around));
      } else {
        predecessor.successors = predecessor.successors.filter((each) => each !== node);
        broken = true;
      }
    }
    // What is dispatched to follows the dispatching, as if several paths led there.
    node.merges = forward > 1 || forward === 1 && node.dominator!.block.start === DISPATCH;
  }
  return broken;
}

/** Nodes on the paths from the end of a loop back to its head. */
function loopNodes(head: Node, end: Node): Set<Node> {
  const inside = new Set([head]);
  const queue = [end];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (inside.has(node)) continue;
    inside.add(node);
    queue.push(...node.predecessors);
  }
  return inside;
}

export function instructionsOf(nodes: Iterable<Node>): number {
  let count = 0;
  for (const { block } of nodes) count += block.instructions.length;
  return count;
}
