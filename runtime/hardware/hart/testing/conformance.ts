// What is compared of every instruction: groups of sections, each of them one program.
import { encodings, type FormatName } from "../encodings.ts";
import type { Operation } from "../instruction.ts";
import { type Assembler, Register } from "./assembler.ts";
import { boxedSingles, doubles, integers, pairs, singles, tuples } from "./operands.ts";
import { floatSection, SCRATCH, type Section } from "./sections.ts";

type Name = Exclude<Operation, "illegal">;

const { zero, a0, a1, a2, a3, a4, t1, t2 } = Register;
const INEXACT = 1, ALL_FLAGS = 31;
const DYNAMIC = 7;
const CSR = { FFLAGS: 1, FRM: 2, FCSR: 3 } as const;

const names = Object.keys(encodings) as Name[];

function named(pattern: RegExp, ...formats: FormatName[]): Name[] {
  return names.filter((name) => pattern.test(name) && formats.includes(encodings[name][0]));
}

const integerPairs = pairs(integers);
const integerSingles = integers.map((value) => [value]);
const WORD = 0xffff_ffffn;
const NOT_FLOAT = /^[^f]/;

function integerSections(): Section[] {
  const sections: Section[] = [];
  for (const name of named(NOT_FLOAT, "R")) {
    sections.push({
      name,
      operands: integerPairs,
      body: (a) => void a.emit(name, { rd: a3, rs1: a0, rs2: a1 }),
    });
  }
  for (const name of named(NOT_FLOAT, "UNARY")) {
    sections.push({
      name,
      // QEMU before version 8 goes on counting in the upper word.
      operands: name === "ctzw"
        ? integerSingles.filter(([x]) => (x & WORD) !== 0n)
        : integerSingles,
      body: (a) => void a.emit(name, { rd: a3, rs1: a0 }),
    });
  }
  const immediates: Partial<Record<FormatName, number[]>> = {
    I: [-2048, -2047, -1, 0, 1, 7, 0x555, 2047],
    SHIFT_32: [0, 1, 7, 8, 15, 16, 30, 31],
    SHIFT_64: [0, 1, 7, 8, 31, 32, 33, 62, 63],
  };
  for (const [format, values] of Object.entries(immediates)) {
    for (const name of named(/^(?!jalr|f?l[bhwd]u?$)/, format as FormatName)) {
      for (const imm of values) {
        sections.push({
          name: `${name} ${imm}`,
          operands: integerSingles,
          body: (a) => void a.emit(name, { rd: a3, rs1: a0, imm }),
        });
      }
    }
  }
  return sections;
}

function controlSections(): Section[] {
  const branches = named(/./, "B").map((name): Section => ({
    name,
    operands: integerPairs,
    body(a) {
      // Backwards, too: over a part that is entered from behind only.
      const [taken, back, end] = [a.label(), a.label(), a.label()];
      a.to(taken, name, { rs1: a0, rs2: a1 }).li(a3, 1).to(end, "jal");
      a.bind(back).li(a3, 2).to(end, "jal");
      a.bind(taken).to(back, name, { rs1: a0, rs2: a1 }).li(a3, 3).bind(end);
    },
  }));
  const once = [[0n]];
  const uppers = [-0x8000_0000, -4096, 0, 4096, 0x7fff_f000].flatMap((imm) =>
    (["lui", "auipc"] as const).map((name): Section => ({
      name: `${name} ${imm}`,
      operands: once,
      body: (a) => void a.emit(name, { rd: a3, imm }),
    }))
  );
  return [...branches, ...uppers, {
    name: "jal, jalr",
    operands: once,
    body(a) {
      const [over, end] = [a.label(), a.label()];
      a.to(over, "jal", { rd: a3 });
      a.bind(over).emit("auipc", { rd: a4 }).emit("addi", { rd: a4, rs1: a4, imm: 17 });
      // The lowest bit of the target is cleared; the link register may be the base.
      a.emit("jalr", { rd: a4, rs1: a4, imm: 0 }).li(a3, 0).bind(end);
    },
  }];
}

/** Loads and stores at all alignments, and over the edge of a page. */
function memorySections(): Section[] {
  const value = [[0x8182_8384_8586_8788n], [0x7172_7374_7576_7778n]];
  const offsets = [0, 1, 2, 3, 4, 5, 6, 7, 4089, 4090, 4091, 4092, 4093, 4094, 4095, 4096];
  const sections: Section[] = [];
  for (const offset of offsets) {
    const low = offset > 2047 ? offset - 4096 : offset;
    const base = (a: Assembler) => a.li(t1, SCRATCH + offset - low);
    for (const name of named(/^f?l(b|h|w|d)u?$/, "I")) {
      const float = name.startsWith("f");
      sections.push({
        name: `${name} at ${offset}`,
        operands: value,
        body(a) {
          base(a).emit("sd", { rs1: t1, rs2: a0, imm: low });
          a.emit(name, { rd: a3, rs1: t1, imm: low });
          if (float) a.emit("fmv_x_d", { rd: a3, rs1: a3 });
        },
      });
    }
    for (const name of named(/^f?s(b|h|w|d)$/, "S")) {
      const float = name.startsWith("f");
      sections.push({
        name: `${name} at ${offset}`,
        operands: value,
        body(a) {
          base(a).emit("sd", { rs1: t1, imm: low }).emit("fmv_d_x", { rd: a1, rs1: a0 });
          a.emit(name, { rs1: t1, rs2: float ? a1 : a0, imm: low });
          a.emit("ld", { rd: a3, rs1: t1, imm: low });
        },
      });
    }
  }
  for (const name of named(/^amo/, "ATOMIC")) {
    sections.push({
      name,
      operands: integerPairs,
      body(a) {
        a.li(t1, SCRATCH).emit("sd", { rs1: t1, rs2: a0 });
        a.emit(name, { rd: a3, rs1: t1, rs2: a1 }).emit("ld", { rd: a4, rs1: t1 });
      },
    });
  }
  for (const letter of ["w", "d"] as const) {
    const load = `lr_${letter}` as const, store = `sc_${letter}` as const;
    const section = (what: string, between: (a: Assembler) => void, at = t1) => {
      sections.push({
        name: `${load}, ${what}, ${store}`,
        operands: integerPairs,
        body(a) {
          a.li(t1, SCRATCH).li(t2, SCRATCH + 8).emit("sd", { rs1: t1, rs2: a0 });
          a.emit("sd", { rs1: t2, rs2: a0 }).emit(load, { rd: a2, rs1: t1 });
          between(a);
          a.emit(store, { rd: a3, rs1: at, rs2: a1 }).emit("ld", { rd: a4, rs1: t1 });
          a.emit("xor", { rd: a4, rs1: a4, rs2: a2 });
        },
      });
    };
    section("nothing", () => {});
    section("elsewhere", () => {}, t2);
    section("another sc", (a) => void a.emit(store, { rd: zero, rs1: t2, rs2: a1 }));
  }
  return sections;
}

/** All rounding modes as dynamic ones, those of the instruction; with flags clear and set. */
function rounded(
  name: Name,
  operands: readonly (readonly bigint[])[],
  body: (a: Assembler, rm: number) => void,
): Section[] {
  const few = operands.filter((_, index) => index % 7 === 3);
  return [
    ...[0, 1, 2, 3, 4].map((frm) =>
      floatSection(name, operands, frm << 5, (a) => body(a, DYNAMIC))
    ),
    // With the inexact flag set already, shorter ways may be taken.
    floatSection(name, operands, INEXACT, (a) => body(a, DYNAMIC)),
    ...[0, 1, 2, 3, 4].map((rm) =>
      floatSection(`${name} rm ${rm}`, few, 3 << 5 | INEXACT, (a) => body(a, rm))
    ),
  ];
}

function floatSections(letter: "s" | "d", values: readonly bigint[]): Section[] {
  const all = pairs(values);
  const single = values.map((value) => [value]);
  const sections: Section[] = [];
  const suffix = new RegExp(`^f(?!cvt).*_${letter}$`);
  for (const name of named(suffix, "R_ROUNDED")) {
    sections.push(...rounded(name, all, (a, rm) => {
      a.emit(name, { rd: a3, rs1: a0, rs2: a1, rm }).emit("fmv_x_d", { rd: a3, rs1: a3 });
    }));
  }
  for (const name of named(suffix, "UNARY_ROUNDED")) {
    sections.push(...rounded(name, single, (a, rm) => {
      a.emit(name, { rd: a3, rs1: a0, rm }).emit("fmv_x_d", { rd: a3, rs1: a3 });
    }));
  }
  for (const name of named(suffix, "R")) {
    const compares = /^f(eq|lt|le)/.test(name);
    for (const fcsr of [0, ALL_FLAGS]) {
      sections.push(floatSection(name, all, fcsr, (a) => {
        a.emit(name, { rd: a3, rs1: a0, rs2: a1 });
        if (!compares) a.emit("fmv_x_d", { rd: a3, rs1: a3 });
      }));
    }
  }
  const move = letter === "s" ? "fmv_x_w" : "fmv_x_d";
  for (const name of [`fclass_${letter}`, move] as const) {
    sections.push(floatSection(name, single, 0, (a) => void a.emit(name, { rd: a3, rs1: a0 })));
  }
  return sections;
}

function conversionSections(): Section[] {
  const sections: Section[] = [];
  for (const name of named(/^fcvt_/, "UNARY_ROUNDED")) {
    const source = name.at(-1);
    const fromInteger = /^fcvt_[sd]_[wl]u?$/.test(name), toInteger = /^fcvt_[wl]/.test(name);
    const values = fromInteger
      ? [...integers, 0x1ff_ffffn, 0x3ff_fffdn, 2n ** 54n + 3n, 2n ** 63n - 257n]
      : source === "s"
      ? boxedSingles
      : doubles;
    const operands = values.map((value) => [value]);
    sections.push(...rounded(name, operands, (a, rm) => {
      a.emit(name, { rd: a3, rs1: a0, rm });
      if (!toInteger) a.emit("fmv_x_d", { rd: a3, rs1: a3 });
    }));
  }
  sections.push({
    name: "fmv_w_x",
    operands: integerSingles,
    body: (a) => void a.emit("fmv_w_x", { rd: a3, rs1: a0 }).emit("fmv_x_d", { rd: a3, rs1: a3 }),
  });
  return sections;
}

function fusedSections(): Section[] {
  const operands = {
    s: tuples(boxedSingles, 3, 4000, 1),
    d: tuples(doubles, 3, 4000, 2),
  };
  // Sums that cancel, up to the rounding of the product.
  for (const value of singles.slice(0, 40)) {
    const boxed = value | 0xffff_ffff_0000_0000n;
    operands.s.push([boxed, boxed, boxed ^ 0x8000_0000n], [boxed, 0xffff_ffff_3f80_0000n, boxed]);
  }
  return (["s", "d"] as const).flatMap((letter) =>
    named(new RegExp(`_${letter}$`), "R4").flatMap((name) =>
      rounded(name, operands[letter], (a, rm) => {
        a.emit(name, { rd: a3, rs1: a0, rs2: a1, rs3: a2, rm });
        a.emit("fmv_x_d", { rd: a3, rs1: a3 });
      })
    )
  );
}

function csrSections(): Section[] {
  return named(/./, "CSR").flatMap((name) =>
    Object.values(CSR).flatMap((csr) =>
      [0, 0xff].map((fcsr) =>
        floatSection(`${name} ${csr}`, integerSingles, fcsr, (a) => {
          a.emit(name, { rd: a3, rs1: name.endsWith("i") ? 21 : a0, imm: csr });
        })
      )
    )
  );
}

/** Groups by what they are about. */
export const groups: Record<string, () => Section[]> = {
  "integer arithmetic": integerSections,
  "branches and jumps": controlSections,
  "loads, stores and atomics": memorySections,
  "control and status registers": csrSections,
  "single precision": () => floatSections("s", boxedSingles),
  "double precision": () => floatSections("d", doubles),
  conversions: conversionSections,
  "fused multiply-add": fusedSections,
};
