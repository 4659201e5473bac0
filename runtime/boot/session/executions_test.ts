import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { limits } from "../../../schemas/limits.ts";
import { type Execution, Executions } from "./executions.ts";
import type { SessionRequest } from "./sessions.ts";

const execution: Execution = { words: ["/bin/true"], env: {}, cwd: "/", uid: 0, gid: 0 };
const settle = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("output in small pieces is joined while its taker is busy", async () => {
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
  // So little is not worth a message.
  assertEquals(sent.length, 1);
});

Deno.test("what is taken is acknowledged, many pieces at a time", async () => {
  const acknowledged: number[] = [];
  const executions = new Executions((request) => {
    if (request.kind === "session-taken") acknowledged.push(request.bytes);
  });
  executions.start(execution, () => {});
  const pieces = 200, size = 1000;
  for (let piece = 0; piece < pieces; piece++) {
    const bytes = new Uint8Array(size);
    executions.receive({ kind: "session-output", session: 0, stream: "stdout", bytes });
    await undefined;
  }
  await settle();
  const sum = acknowledged.reduce((sum, count) => sum + count, 0);
  assertEquals(acknowledged.length <= 3, true, String(acknowledged));
  assertEquals(pieces * size - sum < 64 << 10, true, String(sum));
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
