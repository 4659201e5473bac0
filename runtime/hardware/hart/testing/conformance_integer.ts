// Sections for what is not floating-point arithmetic: integers, jumps, memory, and the registers of Zicsr.
import type { FormatName } from "../encodings.ts";
import { type Assembler, Register } from "./assembler.ts";
import { named } from "./named.ts";
import { integers, pairs } from "./operands.ts";
import { floatSection, SCRATCH, type Section } from "./sections.ts";

const { zero, a0, a1, a2, a3, a4, t1, t2 } = Register;
const CSR = { FFLAGS: 1, FRM: 2, FCSR: 3 } as const;
const integerPairs = pairs(integers);
const integerSingles = integers.map((value) => [value]);
const WORD = 0xffff_ffffn;
const NOT_FLOAT = /^[^f]/;

export function integerSections(): Section[] {
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

export function controlSections(): Section[] {
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
export function memorySections(): Section[] {
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

export function csrSections(): Section[] {
  return named(/./, "CSR").flatMap((name) =>
    Object.values(CSR).flatMap((csr) =>
      [0, 0xff].map((fcsr) =>
        floatSection(`${name} ${csr}`, integerSingles, fcsr, (a) => {
          // What only reads, too.
          a.emit("csrrs", { rd: a2, imm: csr }).emit("slli", { rd: a2, rs1: a2, imm: 8 });
          a.emit(name, { rd: a3, rs1: name.endsWith("i") ? 21 : a0, imm: csr });
          a.emit("xor", { rd: a3, rs1: a3, rs2: a2 });
        })
      )
    )
  );
}
