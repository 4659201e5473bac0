// The system-call groups that commands compile with; empty while the machine has no call table, and the
// plan then routes nothing.
import type { CallGroup } from "../mod.ts";

export const calls: readonly CallGroup[] = [];
