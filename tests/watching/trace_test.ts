// A trace of a machine: one causal chain from a program's call over a ring and a domain to a device and back.
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import type { ChromeEvent, ChromeTrace } from "../../mod.ts";
import { boot } from "../../mod.ts";
import { composeCommand, planOf, withFolder } from "../fixtures/boot_harness.ts";
import { withWatchedSystem } from "./watched_system.ts";

/** Between threads: what the fractions of their clocks are worth. */
const SKEW_US = 2;
/** Long enough for a host that does much else. */
const LIMIT_MS = 30_000;
/** Times are told in thousandths. */
const ROUNDING_US = 0.002;

Deno.test("trace: flows lead from calls over rings and domains to devices, and back", () =>
  withFolder(async (folder) => {
    const plan = await planOf("examples/quickstart.yaml", folder);
    let trace: ChromeTrace | undefined;
    const machine = await boot(plan, { onTrace: (taken) => trace = taken });
    await machine.wait();
    const { traceEvents, otherData } = trace!;
    assertEquals(otherData.system, "quickstart");
    assertEquals(Object.keys(otherData.lost).sort(), ["devices", "primary", "storage"]);
    const named = (ph: string, name: string) =>
      traceEvents.filter((event) => event.ph === ph && event.name === name);
    const processes = new Map(
      named("M", "process_name").map(({ pid, args }) => [args!.name as string, pid]),
    );
    const spans = traceEvents.filter(({ ph }) => ph === "X");
    const at = ({ pid, tid, ts }: ChromeEvent) =>
      spans.find((span) =>
        span.pid === pid && span.tid === tid && span.ts! <= ts! &&
        ts! <= span.ts! + span.dur! + ROUNDING_US
      );
    const flows = Map.groupBy(traceEvents.filter(({ id }) => id !== undefined), ({ id }) => id);
    const sent = named("X", "fsync").find(({ cat, pid }) =>
      cat === "call" && pid === processes.get("primary")
    );
    assert(sent !== undefined, "no call of a program is in the trace");
    const kinds = new Set<string>();
    for (const flow of flows.values()) {
      const along = flow.map((event) => {
        const span = at(event);
        assert(span !== undefined, `${JSON.stringify(event)} is at no span`);
        return span;
      });
      kinds.add(along.map(({ cat }) => cat).join(" "));
      for (let index = 1; index < flow.length; index++) {
        const late = flow[index - 1].ts! - flow[index].ts!;
        assert(late <= SKEW_US, `${JSON.stringify(flow)}: ${late} us back in time`);
      }
    }
    for (const kind of ["call serve call", "serve request serve", "request device request"]) {
      assert(kinds.has(kind), `no flow is ${kind}: ${[...kinds].join(", ")}`);
    }
    // Spans of a line do not overlap: who shows them may nest them.
    const lines = Map.groupBy(spans, ({ pid, tid }) => `${pid} ${tid}`);
    for (const line of lines.values()) {
      line.sort((a, b) => a.ts! - b.ts!);
      for (let index = 1; index < line.length; index++) {
        const before = line[index - 1];
        assert(
          before.ts! + before.dur! <= line[index].ts! + ROUNDING_US,
          JSON.stringify(line[index]),
        );
      }
    }
  }));

Deno.test("trace: a machine that runs is traced for a while, one at a time; domains may die meanwhile", () =>
  withFolder(async (folder) => {
    const plan = await planOf("examples/quickstart.yaml", folder);
    const started = Promise.withResolvers<void>(), recovered = Promise.withResolvers<void>();
    const machine = await boot(plan, {
      onEvent: ({ kind }) => {
        if (kind === "program-started") started.resolve();
        if (kind === "domain-recovered") recovered.resolve();
      },
    });
    await started.promise;
    const look = ({ traceEvents }: ChromeTrace) => {
      const spans = traceEvents.filter(({ ph }) => ph === "X");
      assert(spans.some(({ cat }) => cat === "call"), "no program made a call");
      assert(spans.every(({ ts }) => ts! >= 0), "times are not since the beginning");
      return spans.filter(({ cat }) => cat === "serve").map(({ name }) => name);
    };
    const tracing = machine.trace(100);
    await assertRejects(() => machine.trace(1), Error, "The machine is being traced already");
    assert(!look(await tracing).includes("recovered"));
    const abandoned = new AbortController(), left = machine.trace(LIMIT_MS, abandoned.signal);
    abandoned.abort();
    await left;
    // The next instance records where the last one did; the trace ends with the machine.
    const whole = machine.trace(LIMIT_MS);
    machine.kill("storage");
    await Promise.race([recovered.promise, machine.wait()]);
    const [trace] = await Promise.all([whole, machine.stop()]);
    assert(look(trace).includes("recovered"), "the recovery's calls are missing");
  }));

Deno.test("trace: compose trace and --trace write what browsers show", () =>
  withWatchedSystem(async (compose, folder) => {
    const done = await compose("trace", "small", "--seconds", "0.2", "--out", "moment.json");
    assertEquals([done.code, done.err], [0, ""]);
    assertMatch(done.out, /^moment\.json: [\d,]+ spans, [\d,]+ flows between them/);
    const read = (name: string): ChromeTrace =>
      JSON.parse(Deno.readTextFileSync(`${folder}/${name}`));
    const moment = read("moment.json");
    assertEquals(moment.otherData.system, "small");
    assert(moment.traceEvents.some(({ ph, cat }) => ph === "X" && cat === "serve"));
    assertEquals((await compose("trace", "small", "--seconds", "-1")).code, 2);
    const refused = await compose("up", "small.yaml", "--trace", "nowhere/whole.json");
    assertEquals(refused.code, 2);
    assertStringIncludes(refused.err, "Cannot write the trace to nowhere/whole.json: ");
    assertEquals((await compose("down", "small")).code, 0);
    const detached = await compose("up", "-d", "small.yaml", "--trace", "detached.json");
    assertEquals(detached.code, 0, detached.err);
    assertEquals((await compose("stop", "small")).code, 0);
    assertStringIncludes((await compose("logs", "small")).out, "detached.json: ");
    assert(read("detached.json").traceEvents.some(({ name }) => name === "fsync"));
    const up = composeCommand(folder, ["up", "small.yaml", "--trace", "whole.json"]).spawn();
    const [ended] = await Promise.all([
      up.output(),
      (async () => {
        const deadlineMs = performance.now() + LIMIT_MS;
        while (!(await compose("ps", "small")).out.includes(" ready ")) {
          if (performance.now() > deadlineMs) return up.kill("SIGKILL");
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        await compose("stop", "small");
      })(),
    ]);
    assertStringIncludes(new TextDecoder().decode(ended.stderr), "whole.json: ");
    assert(read("whole.json").traceEvents.length > 0);
  }));
