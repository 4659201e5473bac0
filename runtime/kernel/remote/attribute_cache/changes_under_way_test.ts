import { assert, assertEquals } from "@std/assert";
import { ChangesUnderWay } from "./changes_under_way.ts";

Deno.test("an answer holds unless a change of its file, or of anything, may have overtaken it", () => {
  const changes = new ChangesUnderWay();
  const holds = (moment: number) => [undefined, 7, 8].map((ino) => changes.noneSince(moment, ino));
  const first = changes.now;
  assertEquals(holds(first), [true, true, true]);
  changes.begin(7);
  assertEquals(holds(first), [true, false, true]);
  const meanwhile = changes.now;
  changes.end(7);
  // The server may have answered before it came to the change.
  assertEquals([holds(first), holds(meanwhile)], [[true, false, true], [true, false, true]]);
  assertEquals(holds(changes.now), [true, true, true]);
  changes.begin();
  assertEquals(holds(changes.now), [false, false, false]);
  changes.end();
  assertEquals([holds(first), holds(changes.now)], [[false, false, false], [true, true, true]]);
});

Deno.test("files that are forgotten make answers hold less, never more", () => {
  const changes = new ChangesUnderWay(), asked = changes.now;
  changes.begin(1);
  for (let ino = 2; ino < 10_000; ino++) {
    changes.begin(ino);
    changes.end(ino);
    assert(!changes.noneSince(asked, ino) && !changes.noneSince(changes.now, 1));
  }
  assert(changes.noneSince(changes.now, 2));
});
