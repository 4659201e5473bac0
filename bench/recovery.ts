// What a failure costs: the storage and the network domain are killed over and over under programs that look
// whether what was acknowledged is there. Counted are the records that are not, the time until the first call
// is answered, and what a program of another domain gets done in the second after a kill.
import type { Settings } from "./bench.ts";
import { killBeside } from "./recovery_beside.ts";
import { killOverAndOver } from "./recovery_kills.ts";
import { type Killed, RecoveryResults } from "./recovery_results.ts";
import { type BenchProgram, echo, reader, writer } from "./recovery_system.ts";
import { type Pair, type Row, row } from "./statistics.ts";

const KILLS = 1000, QUICK_KILLS = 50;
/** Kills of one boot. */
const ROUND = 50;
const BESIDE_KILLS = 10, QUICK_BESIDE_KILLS = 4;
/** A run ends after this long, and the next one goes on where it ended. */
const LIMIT_MS = 480_000;
const GOAL_MS = 150;

const killed: Killed[] = ["storage", "network"];

/** Milliseconds to the first call, records, and work a second. */
export async function* recovery({ folder, quick, wants, tell }: Settings): AsyncGenerator<Row> {
  const wanted = quick ? QUICK_KILLS : KILLS;
  const all = killed.map((domain) => RecoveryResults.open(domain, wanted));
  const deadlineMs = performance.now() + LIMIT_MS;
  for (;;) {
    const [next] = all.toSorted((a, b) => a.kills - b.kills);
    if (next.kills >= wanted || performance.now() > deadlineMs) break;
    const count = Math.min(ROUND, wanted - next.kills);
    tell(`${next.domain} was killed ${next.kills} times of ${wanted}, ${count} follow`);
    next.add(await killOverAndOver(folder, next.domain, count, next));
  }
  yield* all.flatMap(rowsOf);
  const beside: [title: string, Killed, busy: BenchProgram, neighbour: BenchProgram][] = [
    ["reads of another storage", "storage", writer, reader],
    ["echoes of the network", "storage", writer, echo],
    ["reads of a storage domain", "network", echo, reader],
  ];
  const count = quick ? QUICK_BESIDE_KILLS : BESIDE_KILLS;
  for (const [title, of, busy, neighbour] of beside) {
    const name = `${title} as ${of} is killed`;
    if (!wants(name)) continue;
    tell(name);
    const pairs = await killBeside(folder, of, busy, neighbour, count);
    yield row(name, "1/s", "second before", ">= 0.9", pairs);
  }
}

function rowsOf(results: RecoveryResults): Row[] {
  const { domain, kills, rounds, lost, acknowledged, firstCalls, heldUps } = results;
  const times = firstCalls.map((ours): Pair => ({ ours, peer: GOAL_MS }));
  return [
    row(
      `first call after a kill of ${domain}, of ${kills - heldUps}`,
      "ms",
      "the goal",
      "< 1",
      times,
    ),
    {
      case: `records lost in ${kills} kills of ${domain}`,
      unit: "records",
      ours: lost,
      peer: "acknowledged",
      peerValue: acknowledged,
      ratio: lost / acknowledged,
      goal: "0",
      runs: rounds,
      spread: 1,
    },
  ];
}
