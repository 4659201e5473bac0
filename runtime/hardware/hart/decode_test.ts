// Decoding, against checked-in cases, against the tests' encoder, and against the host's disassembler.
import { assertEquals } from "@std/assert";
import { decode, instructionBytes } from "./decode.ts";
import { disassemble } from "./disassemble.ts";
import { encodings, formats } from "./encodings.ts";
import { Op, operations } from "./instruction.ts";
import { encode } from "./testing/encode.ts";
import { names } from "./testing/named.ts";
import { hasObjdump, objdump } from "./testing/objdump.ts";
import { Random } from "./testing/operands.ts";

Deno.test("instructions as text", () => {
  const cases: [word: number, text: string][] = [
    [0x00a5_8533, "add a0,a1,a0"],
    [0xff01_0113, "addi sp,sp,-16"],
    [0x0000_8067, "jalr zero,0(ra)"],
    [0xfe05_1ee3, "bne a0,zero,0xffc"],
    [0x02c5_f543, "fmadd.d fa0,fa1,fa2,ft0"],
    [0x8085_2753, "illegal"],
    [0x003027f3, "csrrs a5,fcsr,zero"],
    [0xc0101573, "csrrw a0,time,zero"],
    [0x1005_252f, "lr.w a0,(a0)"],
    [0x0ab5_1533, "illegal"],
    [0x0a35_151b, "slli.uw a0,a0,0x23"],
    // Compressed ones, in their full form.
    [0x8082, "jalr zero,0(ra)"],
    [0x4501, "addi a0,zero,0"],
    [0x6105, "addi sp,sp,32"],
    [0x7139, "addi sp,sp,-64"],
    [0x9002, "ebreak"],
    [0x0001, "addi zero,zero,0"],
    [0x60a2, "ld ra,8(sp)"],
    [0x2108, "fld fa0,0(a0)"],
    [0x0000, "illegal"],
    [0x8002, "illegal"],
    [0x6101, "illegal"],
    [0x4002, "illegal"],
    [0x9c5d, "illegal"],
  ];
  for (const [word, text] of cases) {
    assertEquals(disassemble(decode(word), 0x1000n), text, word.toString(16));
  }
});

Deno.test("fixed bits of encodings do not overlap", () => {
  const all = Object.entries(encodings);
  for (const [index, [name, [format, match]]] of all.entries()) {
    const fixed = ~formats[format].operands;
    assertEquals(match & ~fixed, 0, name);
    for (const [other, [otherFormat, otherMatch]] of all.slice(index + 1)) {
      const both = fixed & ~formats[otherFormat].operands;
      if (((match ^ otherMatch) & both) === 0) throw new Error(`${name} and ${other} overlap`);
    }
  }
});

Deno.test("what is encoded is decoded", () => {
  const random = new Random(1);
  for (const name of names) {
    const [format] = encodings[name];
    for (let round = 0; round < 50; round++) {
      const word = encodings[name][1] | Number(random.bits() & 0xffff_ffffn) &
          formats[format].operands;
      const instruction = decode(word);
      // Reserved rounding modes.
      if (instruction.op === Op.illegal && [5, 6].includes(word >>> 12 & 7)) continue;
      assertEquals(operations[instruction.op], name);
      if (format === "ATOMIC" || format === "RESERVE" || format === "FENCE") continue;
      assertEquals(encode(name, instruction), word, name);
    }
  }
});

const PRIVILEGED = /^([usmd]ret|wfi|[sh]fence|hl?v|hsv|sinval|hinval)/;

/** Whether texts mean the same, given what the host's disassembler says of fields that no hart looks at. */
function sameText(ours: string, theirs: string): boolean {
  const [mnemonic] = ours.split(" ");
  // It shows reserved rounding modes.
  if (mnemonic === "illegal") {
    return theirs.startsWith(".4byte") || theirs.endsWith(",unknown") || PRIVILEGED.test(theirs);
  }
  // It knows the names of more registers.
  if (mnemonic.startsWith("csr")) return theirs.split(" ")[0] === mnemonic;
  // It takes only those fences that are in use.
  if (mnemonic.startsWith("fence")) {
    return theirs.startsWith("fence") || theirs.startsWith(".4byte");
  }
  // It wants one rounding mode of those that make no difference.
  if (/^fcvt\.d\.(s|wu?)$/.test(mnemonic) && theirs.startsWith(".4byte")) return true;
  return ours === theirs.replace(/,dyn$/, "").replace(/^(\w+\.[wd])\.(aqrl|aq|rl)/, "$1");
}

Deno.test({
  name: "random words decode as the host's disassembler says",
  ignore: !hasObjdump,
  async fn() {
    const random = new Random(7);
    const words: number[] = [];
    for (let count = 0; count < 40_000; count++) {
      const any = Number(random.bits() & 0xffff_ffffn) | 3;
      // Words at random seldom are instructions: some differ from one in a few bits.
      const [format, match] = encodings[random.pick(names)];
      const near = match | any & formats[format].operands;
      const flipped = near ^ 1 << random.below(30) + 2;
      const word = [any, flipped, near, near][count % 4];
      // Those would be longer than 32 bits.
      if ((word & 0x1c) !== 0x1c) words.push(word);
    }
    const texts = await objdump(new Uint8Array(new Int32Array(words).buffer));
    const wrong: string[] = [];
    for (const [index, word] of words.entries()) {
      const ours = disassemble(decode(word), BigInt(index * 4));
      const theirs = texts.get(index * 4) ?? "nothing";
      if (!sameText(ours, theirs)) {
        wrong.push(`${(word >>> 0).toString(16)}: ${ours}, not ${theirs}`);
      }
    }
    assertEquals(wrong.slice(0, 40), []);
  },
});

/** Moves that are abbreviated in one form, but not in the other. */
const MOVES: [RegExp, string][] = [
  [/^mv (\w+),(\w+)$/, "add $1,zero,$2"],
  [/^add (\w+),\1,0$/, "mv $1,$1"],
];

Deno.test({
  name: "every compressed instruction is the full one that the host's disassembler says",
  ignore: !hasObjdump,
  async fn() {
    const halves = Array.from({ length: 0x1_0000 }, (_, half) => half)
      .filter((half) => instructionBytes(half) === 2);
    // Both forms at the same addresses, with the abbreviations that make them look alike.
    const compressed = await objdump(
      new Uint8Array(new Uint16Array(halves.flatMap((half) => [half, 1])).buffer),
      "",
    );
    const decoded = halves.map((half) => decode(half));
    const words = decoded.map((instruction) => {
      const name = operations[instruction.op];
      return name === "illegal" ? 0x13 : encode(name, instruction);
    });
    const full = await objdump(new Uint8Array(new Int32Array(words).buffer), "");
    const wrong: string[] = [];
    for (const [index, half] of halves.entries()) {
      const theirs = compressed.get(index * 4)!;
      const ours = full.get(index * 4)!;
      const { op, rd, imm } = decoded[index];
      const same = op === Op.illegal
        // It shows the stack pointer moved by nothing, which is reserved.
        ? /^(\.2byte|c?\.?unimp)|add sp,sp,0/.test(theirs)
        // Hints have no abbreviation: they change nothing.
        : theirs.startsWith("c.")
        ? rd === 0 || imm === 0
        : ours === theirs || MOVES.some(([form, full]) => ours === theirs.replace(form, full));
      if (!same) wrong.push(`${half.toString(16)}: ${ours}, not ${theirs}`);
    }
    assertEquals(wrong.slice(0, 40), []);
  },
});
