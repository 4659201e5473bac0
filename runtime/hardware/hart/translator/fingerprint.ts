// What tells one version of the translator from another: a hash of what it makes of every instruction. Code
// that was saved by a translator with another fingerprint would not fit the state block or the support
// functions of this one.
import { Op, operations } from "../instruction.ts";
import type { Host } from "./emitter.ts";
import type { Block, Region } from "./region.ts";
import { translate } from "./translate.ts";
import { Writer } from "./byte_writer.ts";

/** Counts changes to what becomes a region: no sample shows them. */
const REGIONS_VERSION = 5;
const ENTRY = 0x1_0000;
const LEAVING = new Set([Op.ecall, Op.ebreak, Op.fence_i, Op.illegal]);

const NOTHING = { rd: 0, rs1: 0, rs2: 0, rs3: 0, imm: 0, rm: 0, size: 4 };
const OPERANDS = { ...NOTHING, rd: 10, rs1: 11, rs2: 12, rs3: 13, imm: 8, rm: 7 };

/** A region with every instruction, and then a loop that loads and stores. */
function sample(): Region {
  const all = operations.flatMap((name, op) =>
    LEAVING.has(op) || /^(jalr?|b(eq|ne|lt|ge|ltu|geu)|csr)/.test(name) ? [] : [{ ...OPERANDS, op }]
  );
  const end = { ...NOTHING, op: Op.jal };
  const again = [Op.ld, Op.fadd_d, Op.addi, Op.sd].map((op) => ({ ...OPERANDS, op }));
  const addresses = (start: number, count: number) =>
    Array.from({ length: count }, (_, index) => start + 4 * index);
  const loop = ENTRY + 4 * (all.length + 1);
  const blocks: Block[] = [
    {
      start: ENTRY,
      instructions: [...all, end],
      addresses: addresses(ENTRY, all.length + 1),
      ending: { kind: "jump", target: loop, links: false },
    },
    {
      start: loop,
      instructions: [...again, { ...OPERANDS, op: Op.bne }],
      addresses: addresses(loop, again.length + 1),
      ending: { kind: "branch", taken: loop, next: loop + 4 * (again.length + 1) },
    },
  ];
  const instructions = blocks.reduce((sum, block) => sum + block.instructions.length, 0);
  return {
    entry: ENTRY,
    entries: [ENTRY],
    blocks: new Map(blocks.map((each) => [each.start, each])),
    instructions,
  };
}

/** @returns 64 bits in hexadecimal digits */
export function fingerprint(host: Host): string {
  const out = new Writer();
  translate(sample(), host, () => 0).writeBody(out, Number);
  let low = 0x811c_9dc5 ^ REGIONS_VERSION, high = 0x1234_5678;
  for (const byte of out.bytes) {
    low = Math.imul(low ^ byte, 0x0100_0193);
    high = Math.imul(high ^ byte, 0x85eb_ca6b) ^ high >>> 13;
  }
  return [low, high].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
