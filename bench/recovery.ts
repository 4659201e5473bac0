// What a failure costs: a storage domain is killed over and over under a writer that makes every record
// durable. Counted are records that were acknowledged and are not there, the time until the first call is
// answered, and what the reader of another domain gets done in the second after a kill.
import { boot, type Recovery } from "../mod.ts";
import { type Progress, RecoveryResults } from "./recovery_results.ts";
import { recoveryPlan } from "./recovery_system.ts";
import { type Pair, type Row, row } from "./statistics.ts";

const KILLS = 1000, QUICK_KILLS = 50;
/** Kills of one boot. */
const ROUND = 50;
/** From ready to the next kill, on average: some come before the first call, others long after. */
const MEAN_MS = 40;
const NEIGHBOUR_KILLS = 10, QUICK_NEIGHBOUR_KILLS = 4;
const SECOND_MS = 1000;
/** A run ends after this long, and the next one goes on where it ended. */
const LIMIT_MS = 480_000;
const GOAL_MS = 150;

export async function recovery(folder: string, quick: boolean): Promise<Row[]> {
  const wanted = quick ? QUICK_KILLS : KILLS;
  const results = RecoveryResults.open(wanted);
  const deadlineMs = performance.now() + LIMIT_MS;
  while (results.kills < wanted && performance.now() < deadlineMs) {
    results.add(await killOverAndOver(folder, Math.min(ROUND, wanted - results.kills), results));
  }
  const neighbour = await killBesideReader(folder, quick ? QUICK_NEIGHBOUR_KILLS : NEIGHBOUR_KILLS);
  const times = results.firstCalls.map((ours): Pair => ({ ours, peer: GOAL_MS }));
  const { kills, lost, acknowledged } = results;
  return [
    row(`first call after a kill, of ${kills}`, "ms", "the goal", "< 1", times),
    {
      case: `records lost in ${kills} kills`,
      unit: "records",
      ours: lost,
      peer: "acknowledged",
      peerValue: acknowledged,
      ratio: lost / acknowledged,
      goal: "0",
      runs: results.rounds,
      spread: 1,
    },
    row("reads of another domain, second of a kill", "1/s", "second before", ">= 0.9", neighbour),
  ];
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** One boot: the domain is killed at random moments, and then the log is looked at by another machine. */
async function killOverAndOver(
  folder: string,
  count: number,
  results: RecoveryResults,
): Promise<Progress> {
  for (const name of ["disk0.img", "disk1.img"]) {
    await Deno.remove(`${folder}/${name}`).catch(() => {});
  }
  const writer = { module: "./recovery_writer.ts", args: ["/log"] };
  let text = "", kills = 0;
  const over = Promise.withResolvers<void>();
  const kill = async () => {
    await sleep(-Math.log(1 - results.draw()) * MEAN_MS);
    machine.kill("storage");
    kills++;
  };
  const machine = await boot(await recoveryPlan(folder, { writer }), {
    onOutput: (_program, bytes) => text = (text + new TextDecoder().decode(bytes)).slice(-64),
    onEvent: (event) => {
      if (event.kind === "program-started") void kill();
      if (event.kind !== "domain-ready" || event.domain !== "storage" || kills === 0) return;
      if (kills < count) void kill();
      else setTimeout(over.resolve, SECOND_MS);
    },
  });
  await over.promise;
  await machine.stop(0);
  const { recoveries } = await machine.wait();
  const acknowledged = Number(text.trimEnd().split("\n").at(-1));
  const lost = await countLost(folder, acknowledged);
  const firstCalls = recoveries.flatMap(({ firstCallMs }: Recovery) => firstCallMs ?? []);
  return { kills, acknowledged, lost, firstCalls };
}

async function countLost(folder: string, acknowledged: number): Promise<number> {
  const checker = { module: "./recovery_checker.ts", args: ["/log", String(acknowledged)] };
  let text = "";
  const machine = await boot(await recoveryPlan(folder, { checker }), {
    onOutput: (_program, bytes) => text += new TextDecoder().decode(bytes),
  });
  const { programs } = await machine.wait();
  if (programs[0].status !== 0) throw new Error(`The log cannot be read: ${text}`);
  return Number(text);
}

/** Reads a second of another domain in the second before each kill and in the one from it on. */
async function killBesideReader(folder: string, kills: number): Promise<Pair[]> {
  const stretches: { from: number; to: number; calls: number }[] = [];
  let rest = "";
  const started = Promise.withResolvers<void>();
  const machine = await boot(
    await recoveryPlan(folder, {
      writer: { module: "./recovery_writer.ts", args: ["/log"] },
      neighbour: { module: "./recovery_neighbour.ts", args: ["/beside/page"] },
    }),
    {
      onOutput: (program, bytes) => {
        if (program !== "neighbour") return;
        started.resolve();
        const lines = (rest + new TextDecoder().decode(bytes)).split("\n");
        rest = lines.pop()!;
        for (const line of lines) {
          const [from, to, calls] = line.split(" ").map(Number);
          stretches.push({ from, to, calls });
        }
      },
    },
  );
  await started.promise;
  const moments: number[] = [];
  for (let kill = 0; kill < kills; kill++) {
    await sleep(1.5 * SECOND_MS);
    moments.push(Date.now());
    machine.kill("storage");
  }
  await sleep(1.5 * SECOND_MS);
  await machine.stop(0);
  const rate = (from: number, to: number) => {
    const within = stretches.filter((each) => each.from >= from && each.to <= to);
    const calls = within.reduce((sum, each) => sum + each.calls, 0);
    return calls * 1000 / within.reduce((sum, each) => sum + each.to - each.from, 0);
  };
  return moments.map((at) => ({
    ours: rate(at, at + SECOND_MS),
    peer: rate(at - SECOND_MS, at),
  }));
}
