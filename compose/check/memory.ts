// The domains and their rings fit into the machine's memory.
import { layOut } from "../plan/memory_map.ts";
import { amountText } from "../../schemas/manifest_shape.ts";
import type { Rule } from "./context.ts";

export const checkMemory: Rule = ({ system, placement, report, at }) => {
  const { usedBytes } = layOut(system, placement);
  if (usedBytes <= system.machine.memory) return;
  const wanted = Math.ceil(usedBytes / (1 << 20)) * (1 << 20);
  report({
    code: "E0401",
    message: `domains and rings take ${amountText(wanted, "bytes")}, and the machine has ${
      amountText(system.machine.memory, "bytes")
    }`,
    span: at("machine", "memory"),
    hint: `memory: ${amountText(wanted, "bytes")} would do`,
  });
};
