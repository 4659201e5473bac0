import { assertEquals } from "@std/assert";
import { EscapeKeys } from "./escape_keys.ts";

/** Types pieces one after another. */
function type(...pieces: string[]): { kept: string; left: number } {
  let left = 0, kept = "";
  const keys = new EscapeKeys(() => left++);
  for (const piece of pieces) {
    kept += new TextDecoder().decode(keys.filter(new TextEncoder().encode(piece)));
  }
  return { kept, left };
}

Deno.test("Ctrl-A x leaves, wherever the two keys are split", () => {
  assertEquals(type("ls\x01xpwd"), { kept: "lspwd", left: 1 });
  assertEquals(type("ls\x01", "x", "\x01x"), { kept: "ls", left: 2 });
});

Deno.test("Ctrl-A twice is one for the program, and before any other key it is itself", () => {
  assertEquals(type("\x01\x01x"), { kept: "\x01x", left: 0 });
  assertEquals(type("\x01e\x01"), { kept: "\x01e", left: 0 });
  assertEquals(type("x", "\x03\x04é"), { kept: "x\x03\x04é", left: 0 });
});
