// Programs under supervision on a machine that is none: its clock moves when the test says so.
import { assertEquals } from "@std/assert";
import type { ProgramPlan } from "../../../schemas/plan.ts";
import { ProgramSupervisor } from "./program_supervisor.ts";

type Course = Partial<Pick<ProgramPlan, "dependsOn" | "health" | "restart" | "stop">>;

const health = { run: ["/check"], intervalMs: 1000, timeoutMs: 500, retries: 2, startPeriodMs: 0 };

/** Programs by name; what is done with them and told of them is a list of words. */
class World {
  readonly did: string[] = [];
  nowMs = 0;
  /** what checks of a program find wrong */
  readonly wrong = new Map<string, string>();
  readonly supervisor: ProgramSupervisor;
  #timers: { atMs: number; act: () => void }[] = [];

  constructor(programs: Record<string, Course>) {
    const plans = Object.entries(programs).map(([name, course], index): ProgramPlan => ({
      name,
      kind: "elf",
      path: `/${name}`,
      argv0: name,
      args: [],
      env: {},
      cwd: "/",
      uid: 0,
      gid: 0,
      console: index * 2,
      errors: index * 2 + 1,
      stdin: "none",
      terminal: false,
      ...course,
    }));
    this.supervisor = new ProgramSupervisor(plans, {
      start: (name) => this.did.push(`start ${name}`),
      signal: (name, number) => this.did.push(`signal ${name} ${number}`),
      check: ({ name }) => Promise.resolve(this.wrong.get(name)),
      after: (ms, act) => {
        const timer = { atMs: this.nowMs + ms, act };
        this.#timers.push(timer);
        return () => this.#timers = this.#timers.filter((each) => each !== timer);
      },
      nowMs: () => this.nowMs,
      event: (event) => {
        if (event.kind === "ready") this.did.push(`ready ${event.ms}`);
        else if (event.kind === "not-ready") this.did.push("not ready");
        else if (event.kind.endsWith("healthy") && "program" in event) {
          this.did.push(`${event.program} ${event.kind.slice("program-".length)}`);
        }
      },
      over: () => this.did.push("over"),
    });
  }

  /** Lets time pass, and all that was to happen meanwhile. */
  async pass(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.nowMs = next.atMs;
      next.act();
      // What a check finds is known some microtasks later.
      for (let turn = 0; turn < 5; turn++) await undefined;
    }
    this.nowMs = endMs;
  }

  end(program: string, status: number): void {
    this.supervisor.ended({ program, status });
  }

  /** What was done since it was last asked. */
  get news(): string[] {
    return this.did.splice(0);
  }
}

Deno.test("programs start when what they wait for is there", async () => {
  const world = new World({
    client: { dependsOn: [{ program: "server", until: "healthy" }] },
    server: { health, dependsOn: [{ program: "setup", until: "finished" }] },
    setup: {},
    beside: { dependsOn: [{ program: "setup", until: "started" }] },
  });
  const { supervisor } = world;
  world.wrong.set("server", "not yet");
  assertEquals(world.news, []);
  supervisor.begin(7);
  assertEquals(world.news, ["start setup"]);
  supervisor.started("setup");
  assertEquals(world.news, ["start beside"]);
  supervisor.started("beside");
  world.end("setup", 0);
  assertEquals(world.news, ["start server"]);
  supervisor.started("server");
  await world.pass(0);
  assertEquals(world.news, []);
  world.wrong.clear();
  await world.pass(200);
  assertEquals(world.news, ["server healthy", "start client"]);
  await world.pass(10);
  supervisor.started("client");
  assertEquals([world.news, supervisor.ready], [["ready 217"], true]);
  for (const name of ["client", "server", "beside"]) world.end(name, 0);
  assertEquals(world.news, ["over"]);
});

Deno.test("a program that waits in vain is not started, nor are those that wait for it", () => {
  const world = new World({
    setup: {},
    server: { dependsOn: [{ program: "setup", until: "finished" }] },
    client: { dependsOn: [{ program: "server", until: "started" }] },
  });
  world.supervisor.begin();
  world.supervisor.started("setup");
  world.end("setup", 3);
  // It was started, so it was ready; what waits for its end is not.
  assertEquals(world.news, ["start setup", "not ready", "over"]);
  assertEquals(world.supervisor.reports.map(({ status, seconds }) => [status, seconds]), [
    [3, 0],
    [1, 0],
    [1, 0],
  ]);
});

Deno.test("health: some failures in a row make a program unhealthy, one success makes it healthy", async () => {
  const world = new World({ server: { health: { ...health, startPeriodMs: 500 } } });
  world.supervisor.begin();
  world.supervisor.started("server");
  world.wrong.set("server", "broken");
  await world.pass(499);
  assertEquals(world.news, ["start server"]);
  // The first that counts is at 600 ms, and the next an interval later, however often it is asked between.
  await world.pass(1100);
  assertEquals(world.news, []);
  await world.pass(1);
  assertEquals(world.news, ["server unhealthy", "not ready"]);
  world.wrong.clear();
  await world.pass(1000);
  assertEquals(world.news, ["server healthy", "ready 2600"]);
  world.wrong.set("server", "once");
  await world.pass(1000);
  world.wrong.clear();
  await world.pass(1000);
  world.wrong.set("server", "again");
  await world.pass(1000);
  assertEquals(world.news, []);
  await world.pass(1000);
  assertEquals(world.news, ["server unhealthy"]);
  world.end("server", 0);
  await world.pass(10_000);
  assertEquals(world.news, ["over"]);
});

Deno.test("restart: with a pause that doubles, a limit in a row, and a new row after a long run", async () => {
  const world = new World({
    flaky: { restart: { when: "on-failure", limit: 2, backoffMs: 100 } },
  });
  world.supervisor.begin();
  const run = (status: number) => {
    world.supervisor.started("flaky");
    world.end("flaky", status);
  };
  run(1);
  await world.pass(99);
  assertEquals(world.news, ["start flaky", "ready 0"]);
  await world.pass(1);
  assertEquals(world.news, ["start flaky"]);
  run(1);
  await world.pass(199);
  assertEquals(world.news, []);
  await world.pass(1);
  assertEquals(world.news, ["start flaky"]);
  world.supervisor.started("flaky");
  await world.pass(60_000);
  world.end("flaky", 1);
  await world.pass(100);
  assertEquals(world.news, ["start flaky"]);
  run(1);
  await world.pass(200);
  run(2);
  assertEquals(world.news, ["start flaky", "over"]);
  const [{ status, restarts }] = world.supervisor.reports;
  assertEquals([status, restarts], [2, 4]);
});

Deno.test("restart on-failure lets a program finish, always does not", async () => {
  const restart = { limit: 5, backoffMs: 10 };
  const world = new World({
    once: { restart: { when: "on-failure", ...restart } },
    ever: { restart: { when: "always", ...restart } },
  });
  world.supervisor.begin();
  for (const name of ["once", "ever"]) {
    world.supervisor.started(name);
    world.end(name, 0);
  }
  await world.pass(10);
  assertEquals(world.news, ["start once", "start ever", "ready 0", "start ever"]);
});

Deno.test("stop: by its signal, after those that depend on it, and SIGKILL after its time of grace", async () => {
  const world = new World({
    server: { stop: { signal: 3, timeoutMs: 2000 } },
    client: { dependsOn: [{ program: "server", until: "started" }] },
    later: { restart: { when: "always", limit: 9, backoffMs: 1000 } },
  });
  const { supervisor } = world;
  supervisor.begin();
  for (const name of ["server", "client", "later"]) supervisor.started(name);
  world.end("later", 1);
  world.did.length = 0;
  supervisor.stop();
  assertEquals(world.news, ["signal client 15"]);
  await world.pass(4999);
  assertEquals(world.news, []);
  await world.pass(1);
  assertEquals(world.news, ["signal client 9"]);
  world.end("client", 137);
  assertEquals(world.news, ["signal server 3"]);
  await world.pass(2000);
  assertEquals(world.news, ["signal server 9"]);
  world.end("server", 137);
  assertEquals(world.news, ["over"]);
});

Deno.test("stop before the machine has booted: nothing is started", () => {
  const world = new World({ main: { health } });
  world.supervisor.stop();
  assertEquals(world.news, []);
  world.supervisor.begin();
  assertEquals(world.news, ["over"]);
});
