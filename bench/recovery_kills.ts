// A domain is killed over and over, at random moments, under a program that looks whether what was
// acknowledged is there.
import { boot } from "../mod.ts";
import { HeldUp } from "./held_up.ts";
import type { Killed, Progress, RecoveryResults } from "./recovery_results.ts";
import { type BenchProgram, echo, recoveryPlan, writer } from "./recovery_system.ts";
import { Stretches } from "./recovery_stretches.ts";

/** From ready to the next kill, on average: some come before the first call, others long after. */
const MEAN_MS = 40;
/** After the last kill there is time for whatever was acknowledged and is not there to be missed. */
const LAST_MS = 1000;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** One boot. @param count kills @param results say when they come */
export async function killOverAndOver(
  folder: string,
  domain: Killed,
  count: number,
  results: RecoveryResults,
): Promise<Progress> {
  for (const name of ["disk0.img", "disk1.img"]) {
    await Deno.remove(`${folder}/${name}`).catch(() => {});
  }
  const program = domain === "storage" ? writer : echo;
  const stretches = new Stretches();
  const heldUp = new HeldUp(), firstCalls: number[] = [];
  let text = "", kills = 0, lastMs = 0, heldUps = 0;
  const over = Promise.withResolvers<void>();
  const kill = async () => {
    await sleep(-Math.log(1 - results.draw()) * MEAN_MS);
    machine.kill(domain);
    kills++;
  };
  const machine = await boot(await recoveryPlan(folder, { program }), {
    onOutput: (_program, bytes) => {
      // The writer is killed from its start on, the echoes once there is a connection.
      if (domain === "network") {
        if (stretches.total === 0 && kills === 0) void kill();
        stretches.take(bytes);
      }
      text = (text + new TextDecoder().decode(bytes)).slice(-64);
    },
    onEvent: (event) => {
      if (event.kind === "program-started" && domain === "storage") void kill();
      if (event.kind === "program-ended" && lastMs === 0) {
        console.error(
          `bench: the program of ${domain} ended after ${kills} kills: ${text.trimEnd()}`,
        );
        return over.resolve();
      }
      if (event.kind === "domain-recovered" && event.domain === domain) {
        if (heldUp.inLast(event.firstCallMs!)) heldUps++;
        else firstCalls.push(event.firstCallMs!);
      }
      if (event.kind !== "domain-ready" || event.domain !== domain || kills === 0) return;
      if (kills < count) return void kill();
      lastMs = Date.now();
      setTimeout(over.resolve, LAST_MS);
    },
  });
  await over.promise;
  await machine.stop(0);
  await machine.wait();
  heldUp.close();
  if (domain === "network") {
    // What follows in a stream came after all before it; one that stands still or ended has lost something.
    const lost = lastMs > 0 && stretches.endMs > lastMs ? 0 : 1;
    return { kills, acknowledged: stretches.total, lost, firstCalls, heldUps };
  }
  const acknowledged = Number(text.trimEnd().split("\n").at(-1));
  const lost = await countLost(folder, acknowledged);
  return { kills, acknowledged, lost, firstCalls, heldUps };
}

/** Records of the log that are not what was written, as another machine finds them. */
async function countLost(folder: string, acknowledged: number): Promise<number> {
  const program: BenchProgram = {
    module: "./recovery_checker.ts",
    args: ["/log", String(acknowledged)],
  };
  let text = "";
  const machine = await boot(await recoveryPlan(folder, { program }), {
    onOutput: (_program, bytes) => text += new TextDecoder().decode(bytes),
  });
  const { programs } = await machine.wait();
  if (programs[0].status !== 0) throw new Error(`The log cannot be read: ${text}`);
  return Number(text);
}
