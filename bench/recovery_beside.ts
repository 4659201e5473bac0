// What a program of another domain gets done in the second before a domain is killed, and in the one from it on.
import { boot } from "../mod.ts";
import type { Killed } from "./recovery_results.ts";
import { type BenchProgram, recoveryPlan } from "./recovery_system.ts";
import { Stretches } from "./recovery_stretches.ts";
import type { Pair } from "./statistics.ts";

const SECOND_MS = 1000;

/** @param busy what calls the domain that is killed @param neighbour what does not */
export async function killBeside(
  folder: string,
  domain: Killed,
  busy: BenchProgram,
  neighbour: BenchProgram,
  kills: number,
): Promise<Pair[]> {
  const stretches = new Stretches();
  const started = Promise.withResolvers<void>();
  const machine = await boot(await recoveryPlan(folder, { busy, neighbour }), {
    onOutput: (program, bytes) => {
      if (program !== "neighbour") return;
      started.resolve();
      stretches.take(bytes);
    },
  });
  await started.promise;
  const sleep = () => new Promise((resolve) => setTimeout(resolve, 1.5 * SECOND_MS));
  const moments: number[] = [];
  for (let kill = 0; kill < kills; kill++) {
    await sleep();
    moments.push(Date.now());
    machine.kill(domain);
  }
  await sleep();
  await machine.stop(0);
  return moments.map((at) => ({
    ours: stretches.rate(at, at + SECOND_MS),
    peer: stretches.rate(at - SECOND_MS, at),
  }));
}
