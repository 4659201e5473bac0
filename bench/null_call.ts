// A call that does nothing, through a ring to a spinning domain: alone, and with 64 outstanding; beside
// the cheapest system call of the host, and beside what else could carry a call between two workers.
import { MemoryOpener } from "../runtime/hypervisor/memory/opener.ts";
import { RingClient } from "../runtime/hypervisor/ring/client.ts";
import { resetRing, ringBytes } from "../runtime/hypervisor/ring/layout.ts";
import { repeated, type Settings } from "./bench.ts";
import { STOP } from "./null_call_server.ts";
import { type Pair, type Row, row } from "./statistics.ts";

const DEPTH = 64;
const shape = { depth: DEPTH, arenaBytes: 1 << 20 };

const GETPPID = `
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
int main(void) {
  struct timespec a, b;
  int n = 2000000;
  clock_gettime(CLOCK_MONOTONIC, &a);
  for (int i = 0; i < n; i++) syscall(SYS_getppid);
  clock_gettime(CLOCK_MONOTONIC, &b);
  printf("%f", ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / n);
}`;

/** Nanoseconds of a native getppid. @throws Error where there is no C compiler */
function buildGetppid(folder: string): () => number {
  Deno.writeTextFileSync(`${folder}/getppid.c`, GETPPID);
  const built = new Deno.Command("gcc", {
    args: ["-O2", "-o", `${folder}/getppid`, `${folder}/getppid.c`],
  }).outputSync();
  if (!built.success) throw new Error("Cannot build the native peer: gcc failed");
  return () =>
    Number(new TextDecoder().decode(new Deno.Command(`${folder}/getppid`).outputSync().stdout));
}

/** A server in a process or worker of its own, and the client's end of the ring to it. */
function startServer(isolation: "process" | "worker"): RingClient {
  const memory = new MemoryOpener().create(
    "ring",
    ringBytes(shape),
    isolation === "process" ? "mapped" : "threads",
  );
  resetRing(memory.buffer, 1);
  if (isolation === "worker") {
    const module = new URL("./null_call_worker.ts", import.meta.url);
    const worker = new Worker(module, { type: "module", deno: { permissions: "none" } });
    worker.postMessage({ memory: memory.buffer, shape });
  } else {
    const module = new URL("./null_call_process.ts", import.meta.url).href;
    new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-config",
        "--allow-ffi",
        module,
        JSON.stringify({ ring: memory.grant, shape }),
      ],
    }).spawn();
  }
  // Timed as the machine times its calls: what that costs is part of a call.
  return new RingClient(
    memory.buffer,
    shape,
    1,
    { ring: () => false },
    () => performance.now() * 1e6,
  );
}

/** Waits for the messages that start a worker to be sent. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 100));

/** Nanoseconds a call: one after the other, and as many at once as the ring holds. */
class Caller {
  #answered = 0;
  readonly #counter = { complete: () => void this.#answered++ };

  constructor(private readonly client: RingClient) {}

  alone(calls: number): number {
    const start = performance.now();
    for (let call = 0; call < calls; call++) this.call(1);
    return (performance.now() - start) * 1e6 / calls;
  }

  call(number: number): void {
    const { client } = this;
    client.submit(client.acquire(), number, [], 0, 0, this.#counter);
    client.publish();
    while (client.poll() === 0);
  }

  together(calls: number): number {
    const { client } = this;
    const start = performance.now();
    const goal = this.#answered + calls;
    for (let sent = 0; this.#answered < goal;) {
      for (; client.room > 0 && sent < calls; sent++) {
        client.submit(client.acquire(), 1, [], 0, 0, this.#counter);
      }
      client.publish();
      client.poll();
    }
    return (performance.now() - start) * 1e6 / calls;
  }
}

/** Round trips to a worker by the two means of the platform, nanoseconds each. */
class Echo {
  readonly #worker = new Worker(new URL("./peers/echo_worker.ts", import.meta.url), {
    type: "module",
    deno: { permissions: "none" },
  });
  #words: Int32Array | undefined;
  #question = 0;

  async messages(count: number): Promise<number> {
    const start = performance.now();
    for (let sent = 0; sent < count; sent++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#worker.onmessage = () => resolve();
      this.#worker.postMessage(sent);
      await promise;
    }
    return (performance.now() - start) * 1e6 / count;
  }

  /** From here on the worker takes no messages. */
  async beginWaking(): Promise<void> {
    const memory = new SharedArrayBuffer(64);
    this.#words = new Int32Array(memory);
    this.#worker.postMessage(memory);
    await turn();
  }

  wakes(count: number): number {
    const words = this.#words!;
    const start = performance.now();
    for (let sent = 0; sent < count; sent++) this.#ask(words, ++this.#question);
    return (performance.now() - start) * 1e6 / count;
  }

  #ask(words: Int32Array, question: number): void {
    const before = Atomics.load(words, 1);
    Atomics.store(words, 0, question);
    Atomics.notify(words, 0);
    Atomics.wait(words, 1, before);
  }

  stop(): void {
    this.#ask(this.#words!, -1);
  }
}

/** Nanoseconds a call. */
export async function* nullCall(settings: Settings): AsyncGenerator<Row> {
  const { folder, quick } = settings;
  const getppid = buildGetppid(folder);
  const runs = quick ? 3 : 9;
  const echo = new Echo();
  await echo.messages(200);
  const message = await echo.messages(2000);
  await echo.beginWaking();
  for (const isolation of ["process", "worker"] as const) {
    const caller = new Caller(startServer(isolation));
    await turn();
    caller.alone(50_000);
    caller.together(200_000);
    const measured = await repeated(settings, `null calls to a ${isolation}`, runs, () => ({
      getppid: getppid(),
      alone: caller.alone(200_000),
      together: caller.together(1_000_000),
      wake: echo.wakes(1000),
    }));
    caller.call(STOP);
    const rowOf = (name: string, peer: string, goal: string, pairs: Pair[]) =>
      row(`null call to a ${isolation}, ${name}`, "ns", peer, goal, pairs);
    const ppid = measured.map((each) => each.getppid);
    yield rowOf(
      "1 caller",
      "getppid",
      "<= 12",
      measured.map(({ alone }, at) => ({ ours: alone, peer: ppid[at] })),
    );
    yield rowOf(
      `${DEPTH} outstanding`,
      "getppid",
      "<= 1",
      measured.map(({ together }, at) => ({ ours: together, peer: ppid[at] })),
    );
    yield rowOf(
      "1 caller",
      "Atomics.wait",
      "< 1",
      measured.map(({ alone, wake }) => ({ ours: alone, peer: wake })),
    );
    yield rowOf(
      "1 caller",
      "postMessage",
      "< 1",
      measured.map(({ alone }) => ({ ours: alone, peer: message })),
    );
  }
  echo.stop();
}
