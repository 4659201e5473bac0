import { assertEquals } from "@std/assert";
import { type Coroutine, Tasks } from "../../kernel/coroutine.ts";
import { POLL } from "../../kernel/vfs/constants.ts";
import { PipeInput, PipeOutput } from "./session_pipes.ts";
import { MAX_UNTAKEN_BYTES } from "./session_streams.ts";

const tasks = new Tasks(() => 0);
const settle = () => {
  while (tasks.run() > 0);
};

/** Begins work; the answer is what it came to, once it is over. */
function begin<T>(work: Coroutine<T>): () => T | string | undefined {
  let outcome: T | string | undefined;
  tasks.spawn(work, (value, failure) => outcome = failure === undefined ? value : String(failure));
  settle();
  return () => {
    settle();
    return outcome;
  };
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("input goes into a pipe, and is at its end when no more comes", () => {
  let taken = 0;
  const input = new PipeInput((count) => taken += count), into = new Uint8Array(8);
  begin(input.fill());
  const read = () => begin(input.end.read(into) as Coroutine<number>);
  const first = read();
  assertEquals(first(), undefined);
  input.give(bytes("hello"));
  assertEquals([first(), taken], [5, 5]);
  input.finish();
  assertEquals(read()(), 0);
  assertEquals(input.end.poll(POLL.IN), POLL.HUP);
});

Deno.test("input that nobody reads does not wait", () => {
  const input = new PipeInput(() => {});
  const filling = begin(input.fill());
  input.end.release();
  input.give(bytes("lost"));
  filling();
  assertEquals(input.end.pipe.writers, 0);
});

Deno.test("output is sent as long as it is taken; when it is closed, all of it", () => {
  let sent = 0;
  const output = new PipeOutput((part) => sent += part.length);
  begin(output.drain());
  const { capacity } = output.end.pipe;
  const size = MAX_UNTAKEN_BYTES + capacity;
  const write = (length: number) =>
    begin(output.end.write(new Uint8Array(length)) as Coroutine<number>);
  assertEquals(write(size)(), size);
  assertEquals(sent, MAX_UNTAKEN_BYTES);
  const late = write(1);
  assertEquals(late(), undefined);
  output.taken(10);
  assertEquals([late(), sent], [1, MAX_UNTAKEN_BYTES + 10]);
  output.close();
  assertEquals(sent, size + 1);
  assertEquals(write(1)(), "EPIPE");
});

Deno.test("output is over when nobody has it open any more", () => {
  const output = new PipeOutput(() => {});
  const draining = begin(output.drain());
  output.end.release();
  draining();
  assertEquals(output.end.pipe.readers, 0);
});
