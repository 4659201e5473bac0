// What is compared of every instruction: groups of sections, each of them one program.
import { conversionSections, floatSections, fusedSections } from "./conformance_float.ts";
import {
  controlSections,
  csrSections,
  integerSections,
  memorySections,
} from "./conformance_integer.ts";
import { boxedSingles, doubles } from "./operands.ts";
import type { Section } from "./sections.ts";

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
