import { assertEquals } from "@std/assert";
import type { ProgramPlan } from "../../../schemas/plan.ts";
import type { ExecutionEnd, OutputTaker, RunningProgram } from "../session/executions.ts";
import { checkHealth } from "./health_checks.ts";

const health = { intervalMs: 1, timeoutMs: 20, retries: 1, startPeriodMs: 0 };

/** Asks on a machine that answers as it is told, or only when it is killed. */
async function ask(
  how: { run?: string[]; connect?: number },
  answer: ExecutionEnd | Error | undefined,
  { says = "", abort = false } = {},
): Promise<{ wrong: string | undefined; asked: string[] }> {
  const asked: string[] = [], ended = Promise.withResolvers<ExecutionEnd>();
  const running = (): RunningProgram => {
    if (answer instanceof Error) throw answer;
    if (answer !== undefined) ended.resolve(answer);
    return {
      ended: ended.promise,
      input: () => Promise.resolve(),
      endInput: () => {},
      signal: (number) => {
        asked.push(`signal ${number}`);
        ended.resolve({ status: 137 });
      },
      resize: () => {},
    };
  };
  const program = { env: {}, uid: 5, gid: 6, health: { ...health, ...how } };
  const controller = new AbortController();
  if (abort) queueMicrotask(() => controller.abort());
  const wrong = await checkHealth(
    {
      execute: ({ words, uid, gid }, take: OutputTaker) => {
        asked.push(`${words.join(" ")} as ${uid}:${gid}`);
        void take(new TextEncoder().encode(says), "stdout");
        return running();
      },
      probe: (port) => {
        asked.push(`port ${port}`);
        return running();
      },
    },
    program as unknown as ProgramPlan,
    controller.signal,
  );
  return { wrong, asked };
}

Deno.test("a program works where what asks ends with 0", async () => {
  assertEquals(await ask({ run: ["/check", "it"] }, { status: 0 }), {
    wrong: undefined,
    asked: ["/check it as 5:6"],
  });
  assertEquals(await ask({ connect: 80 }, { status: 0 }), { wrong: undefined, asked: ["port 80"] });
});

Deno.test("else it says why: the status, the last line, what could not be started, the port", async () => {
  const run = ["/check"];
  assertEquals((await ask({ run }, { status: 3 })).wrong, "/check ended with 3");
  const said = await ask({ run }, { status: 3 }, { says: "asking\nit is asleep\n" });
  assertEquals(said.wrong, "/check ended with 3: it is asleep");
  const missing = { status: 127, reason: "cannot start /check: ENOENT" };
  assertEquals((await ask({ run }, missing)).wrong, missing.reason);
  const refused = { status: 1, reason: "port 80: ECONNREFUSED" };
  assertEquals((await ask({ connect: 80 }, refused)).wrong, refused.reason);
  assertEquals((await ask({ run }, new Error("too many"))).wrong, "too many");
});

Deno.test("what does not answer in time, or is not to be asked any more, is killed", async () => {
  const late = await ask({ run: ["/check"] }, undefined);
  assertEquals(late.wrong, "no answer in 20 ms");
  assertEquals(late.asked.at(-1), "signal 9");
  const over = await ask({ run: ["/check"] }, undefined, { abort: true });
  assertEquals([over.wrong, over.asked.at(-1)], ["/check ended with 137", "signal 9"]);
});
