// The control socket, with a machine that is none behind it.
import { assertEquals, assertRejects } from "@std/assert";
import { withFolder } from "../../../tests/fixtures/boot_harness.ts";
import type { MachineState } from "../../report.ts";
import type { ChromeTrace } from "../../trace/chrome_trace.ts";
import { LineConnection } from "./control_lines.ts";
import {
  type ControlAnswer,
  lineOf,
  MAX_LINE_BYTES,
  MAX_PIECE_BYTES,
  ProtocolError,
  readAnswer,
} from "./control_protocol.ts";
import { type ControlledMachine, ControlServer } from "./control_server.ts";
import type { ExecutionEnd, OutputTaker } from "../session/executions.ts";

const state: MachineState = {
  programs: [{ name: "web", state: "running", restarts: 0 }],
  domains: [],
  rings: [],
  ready: true,
  calls: 0,
  callCounts: [],
  memoryBytes: 0,
  restarts: 0,
  eventLoopTurns: { hart: 0, devices: 0 },
};

/** Longer than any line may be. */
const someTrace: ChromeTrace = {
  displayTimeUnit: "ns",
  otherData: { system: "é".repeat(MAX_LINE_BYTES), lost: {} },
  traceEvents: [],
};

/** Longer than a test lasts. */
const LONG_MS = 1e6;

/** A machine that remembers what was done with it. */
class Machine implements ControlledMachine {
  readonly did: string[] = [];
  readonly ended = Promise.withResolvers<ExecutionEnd>();
  take!: OutputTaker;

  look = () => Promise.resolve(state);
  signal(program: string, number: number) {
    this.did.push(`signal ${program} ${number}`);
  }
  inject(place: string, fault: unknown) {
    if (place !== "storage") throw new Error(`There is no service domain "${place}"`);
    this.did.push(`inject ${place} ${JSON.stringify(fault)}`);
  }
  trace(ms: number, signal?: AbortSignal) {
    this.did.push(`trace ${ms}`);
    if (ms < LONG_MS) return Promise.resolve(someTrace);
    signal?.addEventListener("abort", () => this.did.push("trace aborted"));
    return new Promise<ChromeTrace>(() => {});
  }
  stop(graceMs?: number) {
    this.did.push(`stop ${graceMs}`);
    return Promise.resolve();
  }
  execute(execution: { words: string[] }, take: OutputTaker) {
    this.did.push(`execute ${execution.words.join(" ")}`);
    this.take = take;
    return {
      ended: this.ended.promise,
      // Nobody ever reads it.
      input: (bytes: Uint8Array) => {
        this.did.push(`input ${bytes.length}`);
        return new Promise<void>(() => {});
      },
      endInput: () => void this.did.push("end"),
      signal: (number: number) => void this.did.push(`signal ${number}`),
      resize: ({ rows, columns }: { rows: number; columns: number }) =>
        void this.did.push(`resize ${rows} ${columns}`),
    };
  }
}

/** Somebody who connects. */
class Caller {
  readonly #lines: AsyncGenerator<string, void, void>;
  constructor(readonly connection: LineConnection) {
    this.#lines = connection.lines();
  }
  async next(): Promise<ControlAnswer | undefined> {
    const { done, value } = await this.#lines.next();
    return done ? undefined : readAnswer(value);
  }
}

function withServer(
  body: (parts: {
    server: ControlServer;
    machine: Machine;
    call: (...lines: string[]) => Promise<Caller>;
  }) => Promise<void>,
): Promise<void> {
  return withFolder(async (folder) => {
    const path = `${folder}/socket`, machine = new Machine();
    const server = new ControlServer(path, () => machine.did.push("early"));
    try {
      await body({
        server,
        machine,
        call: async (...lines) => {
          const connection = new LineConnection(await Deno.connect({ transport: "unix", path }));
          for (const line of lines) await connection.send(line);
          return new Caller(connection);
        },
      });
    } finally {
      await server.end(0);
    }
  });
}

const execute = lineOf({
  do: "execute",
  execution: { words: ["/bin/sh"], env: {}, cwd: "/", uid: 0, gid: 0 },
});

Deno.test("a system boots, starts and is ready; who waits for that is told", () =>
  withServer(async ({ server, machine, call }) => {
    const describe = async () => {
      const caller = await call(lineOf({ do: "describe" })), answer = await caller.next();
      await caller.connection.close();
      return answer !== undefined && "state" in answer ? answer.state.state : answer;
    };
    assertEquals(await describe(), "booting");
    const refused = await call(execute);
    assertEquals(await refused.next(), { refused: "the system has not booted yet" });
    const waiting = await call(lineOf({ do: "await" }));
    server.attach(machine);
    assertEquals(await describe(), "starting");
    server.hear({ kind: "ready", ms: 12 });
    assertEquals(await waiting.next(), { ready: { ms: 12 } });
    assertEquals(await describe(), "ready");
    for (const { connection } of [refused, waiting]) await connection.close();
  }));

Deno.test("a program that is executed is told what was said, and its streams and end come back", () =>
  withServer(async ({ server, machine, call }) => {
    server.attach(machine);
    const caller = await call(
      execute,
      lineOf({ input: new Uint8Array(3) }),
      lineOf({ resize: { rows: 5, columns: 6 } }),
      lineOf({ signal: 2 }),
      lineOf({ endInput: true }),
    );
    while (!machine.did.includes("end")) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(machine.did, ["execute /bin/sh", "input 3", "resize 5 6", "signal 2", "end"]);
    await machine.take(new Uint8Array([1]), "stderr");
    assertEquals(await caller.next(), { output: new Uint8Array([1]), stream: "stderr" });
    machine.ended.resolve({ status: 4 });
    assertEquals(await caller.next(), { ended: { status: 4 } });
    assertEquals(await caller.next(), undefined);
    assertEquals(machine.did.length, 5);
    await caller.connection.close();
  }));

Deno.test("a fault is brought about where it is asked for; a place that there is not is refused", () =>
  withServer(async ({ server, machine, call }) => {
    const fault = (place: string) => lineOf({ do: "fault", place, fault: { kind: "crash" } });
    const early = await call(fault("storage"));
    assertEquals(await early.next(), { refused: "the system has not booted yet" });
    server.attach(machine);
    const right = await call(fault("storage")), wrong = await call(fault("sotrage"));
    assertEquals(await right.next(), { done: true });
    assertEquals(await wrong.next(), { refused: 'There is no service domain "sotrage"' });
    assertEquals(machine.did, ['inject storage {"kind":"crash"}']);
    for (const { connection } of [early, right, wrong]) await connection.close();
  }));

Deno.test("a trace comes in pieces, however long it is", () =>
  withServer(async ({ server, machine, call }) => {
    server.attach(machine);
    const caller = await call(lineOf({ do: "trace", ms: 5 }));
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    let answer = await caller.next();
    for (; answer !== undefined && "output" in answer; answer = await caller.next()) {
      pieces.push(answer.output as Uint8Array<ArrayBuffer>);
    }
    assertEquals(answer, { done: true });
    assertEquals(JSON.parse(await new Blob(pieces).text()), someTrace);
    assertEquals(machine.did, ["trace 5"]);
    await caller.connection.close();
  }));

Deno.test("a program whose caller is gone is ended", () =>
  withServer(async ({ server, machine, call }) => {
    server.attach(machine);
    const caller = await call(execute);
    while (machine.did.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await caller.connection.close();
    while (machine.did.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(machine.did, ["execute /bin/sh", "signal 1", "signal 9"]);
  }));

Deno.test("a trace ends when its caller is gone", () =>
  withServer(async ({ server, machine, call }) => {
    server.attach(machine);
    const caller = await call(lineOf({ do: "trace", ms: LONG_MS }));
    while (machine.did.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await caller.connection.close();
    while (machine.did.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(machine.did, [`trace ${LONG_MS}`, "trace aborted"]);
  }));

Deno.test("whoever does not keep to the protocol is refused, and nobody else notices", () =>
  withServer(async ({ server, machine, call }) => {
    server.attach(machine);
    const nonsense = await call("nonsense");
    assertEquals(await nonsense.next(), { refused: "Cannot understand a line that is not JSON" });
    const greedy = await call(execute);
    const piece = lineOf({ input: new Uint8Array(MAX_PIECE_BYTES) });
    for (let sent = 0; sent < 5; sent++) await greedy.connection.send(piece);
    assertEquals(await greedy.next(), { refused: "too much input" });
    const endless = await call();
    const sending = endless.connection.send("x".repeat(MAX_LINE_BYTES)).catch(() => {});
    assertEquals(await endless.next(), { refused: "Cannot read a line: it is too long" });
    await sending;
    const unknown = await call(lineOf({ do: "signal", programs: ["wbe"], number: 1 }));
    assertEquals(await unknown.next(), { refused: 'There is no program "wbe": known: web' });
    const all = await call(lineOf({ do: "signal", programs: [], number: 1 }));
    assertEquals(await all.next(), { done: true });
    assertEquals(machine.did.at(-1), "signal web 1");
    for (const { connection } of [nonsense, greedy, endless, unknown, all]) {
      await connection.close();
    }
  }));

Deno.test("stop waits for the end, also of a system that has not booted", () =>
  withServer(async ({ server, machine, call }) => {
    const stopping = await call(lineOf({ do: "stop", graceMs: 5 }));
    while (machine.did.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    server.attach(machine);
    assertEquals(machine.did, ["early", "stop 5"]);
    const waiting = await call(lineOf({ do: "await" })), told = waiting.next();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await server.end(143, "killed");
    assertEquals(await stopping.next(), { stopped: 143 });
    assertEquals(await told, { notReady: "killed" });
    await assertRejects(() => call());
    for (const { connection } of [stopping, waiting]) await connection.close();
  }));

Deno.test("a system that was not ready in time may be later, which is told then", () =>
  withServer(async ({ server, machine, call }) => {
    server.attach(machine);
    server.hear({ kind: "not-ready", reason: "slow" });
    const ask = async (question: "await" | "describe") => {
      const caller = await call(lineOf({ do: question })), answer = await caller.next();
      await caller.connection.close();
      return answer;
    };
    assertEquals(await ask("await"), { notReady: "slow" });
    assertEquals(await ask("describe"), {
      state: { state: "not-ready", reason: "slow", machine: state },
    });
    server.hear({ kind: "ready", ms: 7 });
    assertEquals(await ask("await"), { ready: { ms: 7 } });
    assertEquals(await ask("describe"), { state: { state: "ready", machine: state } });
  }));

Deno.test("a line without an end is a fault of whoever sends it, and one in pieces is whole", async () => {
  const parts = ['{"a', '":1}\n{"b":', "2}\n", "rest"].map((text) =>
    new TextEncoder().encode(text)
  );
  const connection = {
    read: (into: Uint8Array) => {
      const part = parts.shift();
      if (part === undefined) return Promise.resolve(null);
      into.set(part);
      return Promise.resolve(part.length);
    },
  } as unknown as Deno.Conn;
  assertEquals(await Array.fromAsync(new LineConnection(connection).lines()), [
    '{"a":1}',
    '{"b":2}',
  ]);
  const endless = {
    read: (into: Uint8Array) => Promise.resolve(into.fill(120).length),
  } as unknown as Deno.Conn;
  await assertRejects(() => Array.fromAsync(new LineConnection(endless).lines()), ProtocolError);
});
