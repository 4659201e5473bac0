// `compose fault` on a system that runs: what is asked for happens, and what cannot is refused with a hint.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { withWatchedSystem } from "../watching/watched_system.ts";

/** Long enough for a host that does much else. */
const LIMIT_MS = 30_000;

Deno.test("fault: domains and devices of a running system go wrong as they are told, and it goes on", () =>
  withWatchedSystem(async (compose) => {
    const restarts = async () => {
      const { out } = await compose("ps", "--json");
      return JSON.parse(out).systems[0].now.machine.restarts as number;
    };
    for (const [index, kind] of ["crash", "corrupt-ring"].entries()) {
      const done = await compose("fault", "small", "storage", kind, "--json");
      assertEquals([done.code, done.err], [0, ""]);
      assertEquals(JSON.parse(done.out), { system: "small", place: "storage", kind });
      const deadline = performance.now() + LIMIT_MS;
      while (await restarts() <= index) assert(performance.now() < deadline, `no ${kind}`);
    }
    const slow = ["--by", "5ms", "--for", "1s"];
    assertEquals((await compose("fault", "small", "storage", "slow", ...slow)).code, 0);

    const refused: [args: string[], code: number, said: string][] = [
      [["sotrage", "crash"], 1, 'There is no service domain "sotrage"'],
      [["storage", "crahs"], 2, 'There is no fault "crahs": did you mean "crash"?'],
      [["storage", "slow"], 2, "Say by how much: --by 5ms"],
      [["storage", "crash", "--by", "5ms"], 2, '--by means nothing to "crash"'],
      [["disk0", "packet-loss", "--rate", "10"], 1, "does not happen in a virtio-blk"],
      [["disk1", "disk-full"], 1, 'There is no device "disk1"'],
    ];
    for (const [args, code, said] of refused) {
      const answer = await compose("fault", "small", ...args);
      assertEquals(answer.code, code, answer.err);
      assertStringIncludes(answer.err, said);
    }

    const { out } = await compose("logs", "small");
    assertMatch(out, /domain "storage" failed: crashed by command/);
    assertMatch(out, /domain "storage" failed: wrote nonsense into its ring/);
    assertMatch(out, /domain "storage" answered its first call after \d+ ms/);
  }));
