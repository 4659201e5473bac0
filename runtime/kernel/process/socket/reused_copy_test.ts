import { assertEquals, assertNotEquals } from "@std/assert";
import { ReceivedAhead } from "./received_ahead.ts";
import { ReusedCopy } from "./reused_copy.ts";

const bytes = (length: number, first = 0) =>
  Uint8Array.from({ length }, (_, index) => first + index * 7);

Deno.test("a copy is one, whatever its length, and short ones have the same memory", () => {
  const copy = new ReusedCopy();
  for (const length of [0, 1, 63, 64, 65, 1000, 1024, 1025, 70_000]) {
    const source = bytes(length), made = copy.of(source);
    source.fill(255);
    assertEquals(made, bytes(length), `${length} bytes`);
  }
  const first = copy.of(bytes(1000)), second = copy.of(bytes(3));
  assertEquals(first.buffer, second.buffer);
  // Long ones are left alone.
  const long = copy.of(bytes(1025, 1));
  assertNotEquals(long.buffer, copy.of(bytes(3)).buffer);
  assertEquals(long, bytes(1025, 1));
});

Deno.test("what is unread of a stream stays what it is when more comes", () => {
  const ahead = new ReceivedAhead();
  const read = (most: number) => {
    const into = new Uint8Array(most);
    return [...into.subarray(0, ahead.read([into], 0, true))];
  };
  ahead.add(Uint8Array.of(1, 2, 3, 4));
  assertEquals(read(1), [1]);
  ahead.add(Uint8Array.of(5, 6));
  assertEquals(read(2), [2, 3]);
  ahead.add(Uint8Array.of(7));
  assertEquals(read(9), [4, 5, 6, 7]);
  ahead.add(Uint8Array.of(8));
  assertEquals([read(9), ahead.length, ahead.arrived], [[8], 0, 8]);
});
