// The domains and their rings fit into the machine's memory.
import { layOut } from "../plan/memory_map.ts";
import { amountText, wholeMebibytes } from "../../schemas/manifest_shape.ts";
import { limits } from "../../schemas/limits.ts";
import type { Rule } from "./context.ts";

export const checkMemory: Rule = ({ system, placement, report, at }) => {
  const { usedBytes } = layOut(system, placement);
  if (usedBytes <= system.machine.memory) {
    const left = system.machine.memory - usedBytes;
    const needs = Object.values(system.programs).some(({ run }) => run.startsWith("/"));
    if (!needs || left >= limits.userMemoryBytes.min) return;
    const more = wholeMebibytes(usedBytes + limits.userMemoryBytes.min);
    report({
      code: "E0402",
      message: `domains and rings leave ${
        amountText(Math.floor(left / 4096) * 4096, "bytes")
      } for programs, which need ${amountText(limits.userMemoryBytes.min, "bytes")}`,
      span: at("machine", "memory"),
      hint: `memory: ${amountText(more, "bytes")} would do`,
    });
    return;
  }
  const wanted = wholeMebibytes(usedBytes);
  report({
    code: "E0401",
    message: `domains and rings take ${amountText(wanted, "bytes")}, and the machine has ${
      amountText(system.machine.memory, "bytes")
    }`,
    span: at("machine", "memory"),
    hint: `memory: ${amountText(wanted, "bytes")} would do`,
  });
};
