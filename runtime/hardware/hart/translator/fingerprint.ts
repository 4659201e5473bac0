// What tells one version of the translator from another: a hash of what it makes of every instruction. Code
// that was saved by a translator with another fingerprint would not fit the state block or the support
// functions of this one.
import { Op, operations } from "../instruction.ts";
import type { Host } from "./emitter.ts";
import type { Block, Region } from "./region.ts";
import { translate } from "./translate.ts";
import { Writer } from "./wasm_encoder.ts";

const ENTRY = 0x1_0000;
const LEAVING = new Set([Op.ecall, Op.ebreak, Op.fence_i, Op.illegal]);

/** A region with every instruction, as a loop or not, that ends in a jump. */
function sample(loops: boolean): Region {
  const block: Block = { start: ENTRY, instructions: [], addresses: [], ending: { kind: "stop" } };
  operations.forEach((name, op) => {
    if (LEAVING.has(op) || /^(jalr?|b(eq|ne|lt|ge|ltu|geu)|csr)/.test(name)) return;
    block.addresses.push(ENTRY + 4 * block.instructions.length);
    block.instructions.push({ op, rd: 10, rs1: 11, rs2: 12, rs3: 13, imm: 8, rm: 7, size: 4 });
  });
  const end = { op: Op.jal, rd: 0, rs1: 0, rs2: 0, rs3: 0, imm: 0, rm: 0, size: 4 };
  block.addresses.push(ENTRY + 4 * block.instructions.length);
  block.instructions.push(end);
  block.ending = loops
    ? { kind: "jump", target: ENTRY, links: false }
    : { kind: "leave", target: ENTRY };
  const instructions = block.instructions.length;
  return { entry: ENTRY, blocks: new Map([[ENTRY, block]]), instructions };
}

/** @returns 64 bits in hexadecimal digits */
export function fingerprint(host: Host): string {
  const out = new Writer();
  for (const loops of [false, true]) translate(sample(loops), host, () => 0).writeBody(out, Number);
  let low = 0x811c_9dc5, high = 0x1234_5678;
  for (const byte of out.bytes) {
    low = Math.imul(low ^ byte, 0x0100_0193);
    high = Math.imul(high ^ byte, 0x85eb_ca6b) ^ high >>> 13;
  }
  return [low, high].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
