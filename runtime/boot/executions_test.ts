import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { limits } from "../../schemas/limits.ts";
import { type Execution, Executions } from "./executions.ts";
import type { SessionRequest } from "./sessions.ts";

const execution: Execution = { words: ["/bin/true"], env: {}, cwd: "/", uid: 0, gid: 0 };
const settle = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("output in small pieces is joined while its taker is busy, and acknowledged as it is taken", async () => {
  const sent: SessionRequest[] = [], taken: string[] = [];
  let busy = Promise.withResolvers<void>();
  const executions = new Executions((request) => sent.push(request));
  const program = executions.start(execution, (bytes, stream) => {
    taken.push(`${stream} ${new TextDecoder().decode(bytes)}`);
    return busy.promise;
  });
  const say = (text: string) =>
    executions.receive({
      kind: "session-output",
      session: 0,
      stream: "stdout",
      bytes: new TextEncoder().encode(text),
    });
  for (const letter of "abcd") say(letter);
  executions.receive({ kind: "session-ended", session: 0, status: 0 });
  let ended = false;
  void program.ended.then(() => ended = true);
  await settle();
  assertEquals([taken, ended, sent.length], [["stdout a"], false, 1]);
  busy.resolve();
  busy = Promise.withResolvers();
  await settle();
  assertEquals([taken, ended], [["stdout a", "stdout bcd"], false]);
  busy.resolve();
  await settle();
  assertEquals(ended, true);
  assertEquals(
    sent.slice(1).map((request) => request.kind === "session-taken" && request.bytes),
    [1, 3],
  );
});

Deno.test("input waits until the program has read what it has", async () => {
  const executions = new Executions(() => {});
  const program = executions.start(execution, () => {});
  let admitted = 0;
  const give = () => void program.input(new Uint8Array(200 << 10)).then(() => admitted++);
  give();
  give();
  await settle();
  assertEquals(admitted, 1);
  executions.receive({ kind: "session-taken", session: 0, bytes: 200 << 10 });
  await settle();
  assertEquals(admitted, 2);
});

Deno.test("a machine that ends ends its programs, and runs no more than it can", async () => {
  const executions = new Executions(() => {});
  const programs = Array.from(
    { length: limits.sessions.max },
    () => executions.start(execution, () => {}),
  );
  assertThrows(() => executions.start(execution, () => {}), Error, "more than");
  executions.close();
  await assertRejects(() => programs[0].ended, Error, "the machine has ended");
});
