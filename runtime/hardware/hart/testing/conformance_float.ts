// Sections for floating-point arithmetic and conversions.
import { type Assembler, Register } from "./assembler.ts";
import { type Name, named } from "./named.ts";
import { boxedSingles, doubles, integers, pairs, singles, tuples } from "./operands.ts";
import { floatSection, type Section } from "./sections.ts";

const { a0, a1, a2, a3 } = Register;
const INEXACT = 1, ALL_FLAGS = 31;
const DYNAMIC = 7;

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

export function floatSections(letter: "s" | "d", values: readonly bigint[]): Section[] {
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

export function conversionSections(): Section[] {
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
    operands: integers.map((value) => [value]),
    body: (a) => void a.emit("fmv_w_x", { rd: a3, rs1: a0 }).emit("fmv_x_d", { rd: a3, rs1: a3 }),
  });
  return sections;
}

export function fusedSections(): Section[] {
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
