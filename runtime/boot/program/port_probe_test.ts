import { assertEquals } from "@std/assert";
import { callNumber } from "../../../schemas/syscalls.ts";
import { Tasks } from "../../kernel/coroutine.ts";
import { E } from "../../kernel/errno.ts";
import type { Handler } from "../../kernel/process/handler.ts";
import type { Process } from "../../kernel/process/process.ts";
import { connectTo } from "./port_probe.ts";

/** What comes of asking for port 8080, and what was called. */
function probe(answers: Record<string, number>): { failure: string; called: unknown[][] } {
  const called: unknown[][] = [];
  const handlers = new Map(
    Object.entries(answers).map(([name, answer]): [number, Handler] => [
      callNumber(name),
      (_process, ...args) => {
        called.push([name, ...args]);
        return answer;
      },
    ]),
  );
  let failure = "nothing";
  new Tasks(() => 0).spawn(connectTo({} as Process, 8080, handlers), (_value, thrown) => {
    if (thrown !== undefined) failure = String(thrown);
  });
  return { failure, called };
}

Deno.test("a port is asked as a program would, and refusals come back", () => {
  const address = new Uint8Array([2, 0, 0x1f, 0x90, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  const accepted = probe({ socket: 3, connect: 0 });
  assertEquals(accepted, {
    failure: "nothing",
    called: [["socket", 2, 0o2000001, 0], ["connect", 3, address]],
  });
  assertEquals(probe({ socket: 3, connect: -E.ECONNREFUSED }).failure, "ECONNREFUSED");
  assertEquals(probe({ socket: -E.EMFILE, connect: 0 }).failure, "EMFILE");
  assertEquals(probe({}).failure, "ENOSYS");
});
