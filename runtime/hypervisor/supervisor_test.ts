// The supervisor alone, on a clock of its own: what it notices, in which order it acts, when it gives up.
import { assertEquals, assertRejects } from "@std/assert";
import type { DomainPlan, RecoveryPlan } from "../../schemas/plan.ts";
import type { DomainInstance } from "./isolation/domain_host.ts";
import { Command, State, STATUS_BYTES, StatusPage } from "./status_page.ts";
import { type DomainEvent, Supervisor } from "./supervisor.ts";

const HEARTBEAT_MS = 100;
const BACKOFF_MS = 7;
const BOOT_MS = 5;

/** A machine of one service domain. Time passes only while the supervisor sleeps. */
class World {
  now = 0;
  backlog = 0;
  accused = false;
  answered = false;
  /** what was done to the machine, in order */
  readonly done: string[] = [];
  readonly events: DomainEvent[] = [];
  /** of the present instance */
  status!: StatusPage;
  end!: (reason: string) => void;
  /** how an instance starts: ready after a while, unless a test wants it otherwise */
  boot = (status: StatusPage) => this.at(this.now + BOOT_MS, () => status.state = State.READY);
  beats = true;
  readonly supervisor: Supervisor;
  #script: { ms: number; act: () => void }[] = [];

  constructor(recovery: Partial<RecoveryPlan> = {}) {
    const plan = {
      name: "storage",
      recovery: {
        policy: "restart",
        clients: "retry",
        backoffMs: BACKOFF_MS,
        maxRestarts: 3,
        standby: false,
        heartbeatMs: HEARTBEAT_MS,
        ...recovery,
      },
    } as DomainPlan;
    const note = (what: string) => {
      this.done.push(what);
      return Promise.resolve();
    };
    this.supervisor = new Supervisor(plan, {
      openRings: () => note("open"),
      closeRings: (gone) => note(gone ? "give up" : "close"),
      fenceDevices: () => note("fence"),
      start: (generation) => {
        this.done.push(`start ${generation}`);
        this.status = new StatusPage(new ArrayBuffer(STATUS_BYTES));
        const ended = Promise.withResolvers<{ reason: string }>();
        this.end = (reason) => ended.resolve({ reason });
        const instance: DomainInstance = {
          ended: ended.promise,
          kill: () => note("kill").then(() => true),
        };
        this.boot(this.status);
        return Promise.resolve({ instance, status: this.status });
      },
      backlog: () => this.backlog,
      answered: () => this.answered,
      accused: () => this.accused,
      sleep: (ms) => this.#pass(ms),
      nowMs: () => this.now,
      event: (event) => this.events.push(event),
    });
  }

  /** Does something at a time. */
  at(ms: number, act: () => void): void {
    this.#script.push({ ms, act });
  }

  async #pass(ms: number): Promise<void> {
    this.now += ms;
    if (this.beats && this.status.state === State.READY) this.status.beat();
    const due = this.#script.filter((each) => each.ms <= this.now);
    this.#script = this.#script.filter((each) => each.ms > this.now);
    for (const { act } of due) act();
    await undefined;
  }

  /** Lets time pass up to a moment. @throws Error when it never comes */
  async until(reached: () => boolean): Promise<void> {
    for (let turn = 0; !reached(); turn++) {
      if (turn > 100_000) throw new Error(`never reached: ${this.done}`);
      await undefined;
    }
  }

  get reasons(): string[] {
    return this.events.flatMap((event) => event.kind === "domain-failed" ? [event.reason] : []);
  }

  /** Stops in good order. */
  async stop(): Promise<void> {
    this.boot = () => {};
    const { status } = this;
    this.at(this.now + 3, () => {
      if (status.command === Command.STOP) status.state = State.STOPPED;
    });
    await this.supervisor.stop();
  }
}

const recovered = ["close", "fence", "kill", "start 2", "open"];

Deno.test("a domain is ready when it says so, and its rings are opened then", async () => {
  const world = new World();
  await world.supervisor.start();
  assertEquals(world.done, ["start 1", "open"]);
  assertEquals(world.events, [
    { kind: "domain-ready", domain: "storage", generation: 1, ms: BOOT_MS },
  ]);
  assertEquals(world.supervisor.running, true);
  await world.stop();
  assertEquals(world.done.slice(2), ["fence", "kill"]);
  assertEquals(world.reasons, []);
});

Deno.test("one that does not get ready in its first generation is an error, with what it said", async () => {
  const world = new World();
  world.boot = (status) => world.at(3, () => status.fail("no such disk"));
  await assertRejects(
    () => world.supervisor.start(),
    Error,
    'Domain "storage" did not start: no such disk',
  );
  const late = new World();
  late.boot = () => {};
  await assertRejects(() => late.supervisor.start(), Error, "not ready after 30 s");
});

const failures: [name: string, happen: (world: World) => void, reason: string][] = [
  ["it throws", (world) => world.status.fail("broken invariant"), "broken invariant"],
  ["its process ends", (world) => world.end("ended by SIGSEGV"), "ended by SIGSEGV"],
  ["it is killed by command", (world) => world.supervisor.fail("killed"), "killed"],
  ["it writes nonsense", (world) => world.accused = true, "wrote nonsense into its ring"],
  [
    "it hangs while calls wait",
    (world) => {
      world.beats = false;
      world.backlog = 2;
    },
    `no heartbeat for ${HEARTBEAT_MS} ms while calls wait`,
  ],
];
for (const [name, happen, reason] of failures) {
  Deno.test(`${name}: rings are closed, devices fenced, it is killed, and another starts`, async () => {
    const world = new World();
    await world.supervisor.start();
    world.done.length = 0;
    happen(world);
    await world.until(() => world.reasons.length > 0);
    Object.assign(world, { accused: false, beats: true, backlog: 0 });
    await world.until(() => world.supervisor.generation === 2 && world.supervisor.running);
    await world.until(() => world.done.length === recovered.length);
    assertEquals(world.done, recovered);
    assertEquals(world.reasons, [reason]);
    assertEquals(world.supervisor.restarts, 1);
    assertEquals(world.now >= BOOT_MS + BACKOFF_MS + BOOT_MS, true);
    await world.stop();
  });
}

Deno.test("a domain that does not answer its heartbeat is left alone while nobody waits for it", async () => {
  const world = new World();
  await world.supervisor.start();
  world.beats = false;
  const { now } = world;
  await world.until(() => world.now > now + 5 * HEARTBEAT_MS);
  assertEquals(world.reasons, []);
  world.backlog = 1;
  await world.until(() => world.reasons.length === 1);
  await world.stop();
});

Deno.test("a domain is not blamed for time in which nobody looked: the whole machine was stopped", async () => {
  const world = new World();
  await world.supervisor.start();
  const { now } = world;
  world.beats = false;
  world.backlog = 1;
  world.at(now + HEARTBEAT_MS / 2, () => world.now += 10 * HEARTBEAT_MS);
  world.at(now + 10 * HEARTBEAT_MS, () => world.beats = true);
  await world.until(() => world.now > now + 15 * HEARTBEAT_MS || world.reasons.length > 0);
  await world.stop();
  assertEquals(world.reasons, []);
});

Deno.test("counters go on over generations", async () => {
  const world = new World();
  await world.supervisor.start();
  const publish = (calls: number) =>
    world.status.publish({
      calls,
      refused: 1,
      doorbells: 2,
      spins: 3,
      pageCacheHits: 4,
      pageCacheMisses: 5,
      heapBytes: 100 * calls,
    });
  publish(5);
  world.supervisor.fail("killed");
  await world.until(() => world.supervisor.generation === 2 && world.done.at(-1) === "open");
  publish(3);
  assertEquals(world.supervisor.counters, {
    calls: 8,
    refused: 2,
    doorbells: 4,
    spins: 6,
    pageCacheHits: 8,
    pageCacheMisses: 10,
    heapBytes: 300,
  });
  await world.stop();
});

Deno.test("after as many restarts as its contract allows it is given up, and stays so", async () => {
  const world = new World({ maxRestarts: 2 });
  await world.supervisor.start();
  world.boot = (status) => status.fail("again");
  world.supervisor.fail("first");
  await world.until(() => world.supervisor.gone);
  await world.until(() => world.events.at(-1)?.kind === "domain-gone");
  assertEquals(world.reasons, ["first", "again", "again"]);
  assertEquals(world.done.filter((what) => what.startsWith("start")).length, 3);
  assertEquals(world.done.at(-1), "give up");
  assertEquals(world.supervisor.running, false);
  assertEquals(world.events.at(-1), {
    kind: "domain-gone",
    domain: "storage",
    reason: "restarted 2 times, which is its limit",
  });
  await world.supervisor.stop();
});

Deno.test("a failure is told with its cause, how long it took to restart, and until the first call", async () => {
  const world = new World();
  await world.supervisor.start();
  const atMs = world.now = BOOT_MS;
  world.supervisor.fail("broken invariant\n  at some place");
  await world.until(() => world.done.at(-1) === "open" && world.supervisor.ready);
  const restartedMs = BACKOFF_MS + BOOT_MS;
  const answeredMs = world.now + 9;
  world.at(answeredMs, () => world.answered = true);
  await world.until(() => world.events.at(-1)?.kind === "domain-recovered");
  const recovery = {
    domain: "storage",
    cause: "broken invariant",
    atMs,
    restartedMs,
    firstCallMs: answeredMs - atMs,
  };
  assertEquals(world.events.at(-1), { kind: "domain-recovered", ...recovery });
  assertEquals(world.supervisor.recoveries, [recovery]);
  world.answered = false;
  world.supervisor.fail("again");
  await world.until(() => world.supervisor.generation === 3 && world.done.at(-1) === "open");
  world.supervisor.fail("before anybody called");
  await world.until(() => world.supervisor.generation === 4 && world.done.at(-1) === "open");
  await world.stop();
  assertEquals(world.supervisor.recoveries.map(({ cause, firstCallMs }) => [cause, firstCallMs]), [
    ["broken invariant", answeredMs - atMs],
    ["again", undefined],
    ["before anybody called", undefined],
  ]);
});

Deno.test("a storm is slowed down: the wait doubles until an instance has answered a call", async () => {
  const world = new World({ maxRestarts: 12 });
  await world.supervisor.start();
  const { boot } = world;
  world.now = BOOT_MS;
  world.boot = (status) => status.fail("again");
  world.supervisor.fail("first");
  const waits = () =>
    world.events.flatMap((event) => event.kind === "domain-restarting" ? [event.backoffMs] : []);
  await world.until(() => waits().length === 10);
  assertEquals(waits(), [7, 14, 28, 56, 112, 224, 448, 896, 1792, 2000]);
  world.boot = boot;
  world.answered = true;
  await world.until(() => world.events.at(-1)?.kind === "domain-recovered");
  world.supervisor.fail("much later");
  await world.until(() => waits().length > 10 && world.supervisor.ready);
  assertEquals(waits().at(-1)! <= 7, true);
  await world.until(() => world.events.at(-1)?.kind === "domain-recovered");
  await world.stop();
});

Deno.test("one that was ready for longer than the back-off is followed at once, and else the rest is waited for", async () => {
  const backoffMs = 1000;
  for (const livedMs of [1500, 400]) {
    const world = new World({ backoffMs });
    await world.supervisor.start();
    world.now = BOOT_MS + livedMs;
    world.supervisor.fail("later");
    await world.until(() => world.supervisor.restarts === 1 && world.supervisor.ready);
    const waits = world.events.flatMap((event) =>
      event.kind === "domain-restarting" ? [event.backoffMs] : []
    );
    assertEquals(waits, [Math.max(0, backoffMs - livedMs)]);
    await world.stop();
  }
});

Deno.test("with policy fail it is not restarted", async () => {
  const world = new World({ policy: "fail", maxRestarts: 0 });
  await world.supervisor.start();
  world.supervisor.fail("killed");
  await world.until(() => world.events.at(-1)?.kind === "domain-gone");
  assertEquals(world.done, ["start 1", "open", "close", "fence", "kill", "give up"]);
  await world.supervisor.stop();
});

Deno.test("one that does not stop when told is killed, and that is said", async () => {
  const world = new World();
  await world.supervisor.start();
  await world.supervisor.stop();
  assertEquals(world.done.slice(2), ["fence", "kill"]);
  assertEquals(world.reasons, ["did not stop when told"]);
});
