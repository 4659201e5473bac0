import { assertEquals, assertThrows } from "@std/assert";
import { type Coroutine, Tasks } from "../../kernel/coroutine.ts";
import { O, POLL } from "../../kernel/vfs/constants.ts";
import { MAX_UNTAKEN_BYTES, SessionInput, SessionOutput } from "./session_streams.ts";

/** Runs a coroutine as a domain would; `result` is there once it has ended. */
class Running<T> {
  result: T | undefined;
  failure: unknown;
  static readonly tasks = new Tasks(() => 0);

  constructor(body: Coroutine<T>) {
    Running.tasks.spawn(body, (value, failure) => {
      this.result = value;
      this.failure = failure;
    });
  }

  /** Lets everything run that can. */
  go(): this {
    Running.tasks.run();
    return this;
  }
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("input: a reader waits, gets what there is, and the end after all of it", () => {
  let taken = 0;
  const input = new SessionInput((count) => taken += count), into = new Uint8Array(4);
  const first = new Running(input.read(into));
  assertEquals([first.go().result, input.poll(POLL.IN)], [undefined, 0]);
  input.give(bytes("hello"));
  assertEquals(first.go().result, 4);
  assertEquals([new TextDecoder().decode(into), taken, input.poll(POLL.IN)], ["hell", 4, POLL.IN]);
  input.finish();
  input.give(bytes("too late"));
  assertEquals(new Running(input.read(into)).result, 1);
  assertEquals([into[0], taken], [bytes("o")[0], 5]);
  assertEquals(new Running(input.read(into)).result, 0);
  assertEquals(input.poll(POLL.IN), POLL.HUP);
  assertThrows(() => input.write());
});

Deno.test("input: nobody waits who does not want to", () => {
  const input = new SessionInput(() => {});
  input.flags |= O.NONBLOCK;
  assertEquals(String(new Running(input.read(new Uint8Array(1))).failure), "EAGAIN");
});

Deno.test("output: a writer waits until enough has been taken", () => {
  let sent = 0, largest = 0;
  const output = new SessionOutput((part) => {
    sent += part.length;
    largest = Math.max(largest, part.length);
  });
  const size = MAX_UNTAKEN_BYTES + 100_000,
    writing = new Running(output.write(new Uint8Array(size)));
  assertEquals([writing.go().result, sent, largest], [undefined, MAX_UNTAKEN_BYTES, 64 << 10]);
  assertEquals(output.poll(POLL.OUT), 0);
  output.taken(10);
  assertEquals([writing.go().result, sent], [undefined, MAX_UNTAKEN_BYTES + 10]);
  output.taken(MAX_UNTAKEN_BYTES);
  assertEquals([writing.go().result, sent, output.poll(POLL.OUT)], [size, size, POLL.OUT]);
});

Deno.test("output: without waiting it is what there is room for, then EAGAIN", () => {
  const output = new SessionOutput(() => {});
  output.flags |= O.NONBLOCK;
  const write = () => new Running(output.write(new Uint8Array(MAX_UNTAKEN_BYTES + 1)));
  assertEquals(write().result, MAX_UNTAKEN_BYTES);
  assertEquals(String(write().failure), "EAGAIN");
});

Deno.test("output that nobody takes any more breaks the pipe, of whoever waits, too", () => {
  const output = new SessionOutput(() => {});
  const waiting = new Running(output.write(new Uint8Array(MAX_UNTAKEN_BYTES + 1)));
  output.close();
  assertEquals(String(waiting.go().failure), "EPIPE");
  assertEquals(String(new Running(output.write(bytes("x"))).failure), "EPIPE");
  assertEquals(output.poll(POLL.OUT), POLL.OUT | POLL.ERR);
  assertThrows(() => output.read());
});
