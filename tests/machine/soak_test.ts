// The soak of the benchmarks (bench/soak.ts), for a few seconds: a machine that has served holds no more than before.
import { assertEquals } from "@std/assert";
import { soak } from "../../bench/soak.ts";
import { grown } from "../../bench/soak_counts.ts";
import { withFolder } from "../fixtures/boot_harness.ts";

const SECONDS = 4;

Deno.test({
  name: "clients that come, go and break off leave nothing behind",
  ignore: Deno.env.get("VIRTUOS_TEST_MIRROR") === undefined,
  fn: () =>
    withFolder(async (folder) => {
      const rows = await soak(folder, SECONDS);
      const failed = rows.filter((row) => row.failed);
      assertEquals(failed.map((each) => `${each.case}: ${each.peerValue}, then ${each.ours}`), []);
    }),
});

Deno.test("what grows by more than it may is named", () => {
  const count = (value: number, allowance: number) => ({ value, allowance });
  const before = { sockets: count(3, 0), heap: count(10, 5), rings: count(1, 0) };
  const after = { sockets: count(4, 0), heap: count(15, 5), rings: count(0, 0) };
  assertEquals(grown(before, after), ["sockets"]);
});
