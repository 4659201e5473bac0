// Results survive what stops an experiment, and are not mixed with those of another.
import { assertEquals, assertThrows } from "@std/assert";
import { type Header, NotOurs, Records, type RunRecord } from "./records.ts";

const header: Header = {
  experiment: "it",
  digest: "1",
  startedAt: "2026-01-01T00:00:00.000Z",
  host: { processor: "p", cores: 2, memoryBytes: 1, system: "s", deno: "d", v8: "v" },
};
const run = (round: number): RunRecord => ({
  case: "a",
  round,
  counts: true,
  startedAt: header.startedAt,
  seconds: 1,
  figures: { rate: round },
});

Deno.test("what was written is read again, but for half a line", () => {
  const folder = Deno.makeTempDirSync();
  const path = `${folder}/results.jsonl`;
  try {
    {
      using records = Records.open(path, header);
      records.add(run(0));
      records.add(run(1));
    }
    Deno.writeTextFileSync(path, '{"case":"a","rou', { append: true });
    {
      using records = Records.open(path, { ...header, startedAt: "later" });
      assertEquals(records.runs, [run(0), run(1)]);
      assertEquals(records.header, header);
      records.add(run(2));
    }
    const records = Records.open(path, header);
    assertEquals(records.runs.map(({ round }) => round), [0, 1, 2]);
    assertThrows(() => Records.open(path, header), NotOurs, "another process");
    records[Symbol.dispose]();
    assertThrows(() => Records.open(path, { ...header, digest: "2" }), NotOurs, "another form");
    Deno.writeTextFileSync(path, "notes\n");
    assertThrows(() => Records.open(path, header), NotOurs, "results.jsonl:1 is no result");
    assertEquals(Deno.readTextFileSync(path), "notes\n");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
