// Servers of Debian in a machine, reached over its network device from the host, beside the same files under
// `qemu-riscv64-static`, which uses the host's kernel; the network's domain isolated and not; bulk transfer.
// One client of the host asks them all.
import { boot, type Plan, type RunningMachine } from "../mod.ts";
import { repeated, type Settings } from "./bench.ts";
import {
  answering,
  answerLength,
  ask,
  encode,
  freePort,
  GET,
  HTTP,
  type Load,
  receive,
  redisLoad,
  SET,
} from "./clients.ts";
import { rootTree } from "./root_tree.ts";
import { nginx, NGINX_PORT, programOf, redis, type Served, serverPlan } from "./servers.ts";
import { type Row, row } from "./statistics.ts";

const QEMU = "qemu-riscv64-static";
const BULK_BYTES = 256 << 20;
/** Few, and as many as redis-benchmark has. */
const CONNECTIONS = [16, 50];
/** Requests under way on each, where there are several. */
const PIPELINE = 16;

/** Runs a body with a server in a machine. */
async function inMachine<T>(plan: Plan, words: string[], body: () => Promise<T>): Promise<T> {
  const machine: RunningMachine = await boot({ ...plan, programs: [programOf(plan, words)] });
  try {
    return await body();
  } finally {
    await machine.stop(1000);
  }
}

/** Runs a body with a server under QEMU. */
async function underQemu<T>(root: string, words: string[], body: () => Promise<T>): Promise<T> {
  const [path, ...args] = words;
  const child = new Deno.Command(QEMU, {
    args: ["-L", root, "-0", path, Deno.realPathSync(`${root}${path}`), ...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    return await body();
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
}

/** A process of the host that sends what the machine's does. */
async function nativeBulk(): Promise<number> {
  const port = freePort();
  const program = `const s = Deno.listen({ hostname: "127.0.0.1", port: ${port} });
    const c = await s.accept(); const b = new Uint8Array(65536);
    for (let n = 0; n < ${BULK_BYTES}; )
      n += await c.write(b.subarray(0, Math.min(b.length, ${BULK_BYTES} - n)));
    c.close();`;
  const path = Deno.makeTempFileSync({ suffix: ".js" });
  Deno.writeTextFileSync(path, program);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-config", "--allow-net=127.0.0.1", path],
    stdin: "null",
  }).spawn();
  try {
    for (let tries = 0;; tries++) {
      try {
        return await receive(port, BULK_BYTES);
      } catch (failure) {
        if (!(failure instanceof Deno.errors.ConnectionRefused) || tries === 100) throw failure;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  } finally {
    await child.status;
    Deno.removeSync(path);
  }
}

/** A server that is asked, and how. */
interface Asked {
  name: string;
  server: Served;
  load: Load;
  /** whether the length of its answers has to be found out */
  http?: boolean;
}

function loadsOf(connections: number): Asked[] {
  const redisOf = (name: string, request: string, answer: string, pipeline = 1): Asked => {
    const load = redisLoad(request, answer, connections, pipeline);
    return { name: `redis ${name}, ${connections}`, server: redis, load };
  };
  const http = { request: encode(HTTP), answerBytes: 0, connections, pipeline: 1 };
  return [
    redisOf("SET", SET, "+OK\r\n"),
    redisOf("GET", GET, "$5\r\nvalue\r\n"),
    redisOf(`GET ${PIPELINE} at a time`, GET, "$5\r\nvalue\r\n", PIPELINE),
    { name: `nginx, ${connections}`, server: nginx, load: http, http: true },
  ];
}

/** Requests a second, and bytes. */
export async function* net(settings: Settings): AsyncGenerator<Row> {
  const { folder, quick, wants, tell } = settings;
  tell("making the image");
  const port = freePort(), barePort = freePort();
  const isolated = await serverPlan(folder, true, [{ port, to: NGINX_PORT }]);
  const bare = await serverPlan(folder, false, [{ port: barePort, to: NGINX_PORT }]);
  const root = await rootTree(isolated, folder);
  const runs = quick ? 1 : 3, seconds = quick ? 2 : 5;
  for (const { name, server, load, http } of CONNECTIONS.flatMap(loadsOf)) {
    if (!wants(name)) continue;
    const measure = async (at: number) => {
      await answering(at, load.request);
      const complete = http ? { ...load, answerBytes: await answerLength(at, HTTP) } : load;
      if (server === redis) await ask(at, redisLoad(SET, "+OK\r\n", 1, 1), 0);
      // The same for both: code that has run for a while.
      await ask(at, complete, seconds);
      return await ask(at, complete, seconds);
    };
    const measured = await repeated(settings, name, runs, async () => {
      const there = freePort();
      const peer = await underQemu(root, server.words(root, there), () => measure(there));
      const inside = server.words("", NGINX_PORT);
      const ours = await inMachine(isolated, inside, () => measure(port));
      const none = await inMachine(bare, inside, () => measure(barePort));
      return { ours, peer, none };
    });
    yield row(name, "/s", "QEMU", ">= 0.5", measured);
    const placements = measured.map(({ ours, none }) => ({ ours, peer: none }));
    yield row(name, "/s", "isolation none", ">= 0.9", placements);
  }
  const bulk = "bulk, from the machine";
  if (!wants(bulk)) return;
  const send = ["/bin/busybox", "nc", "-l", "-p", String(NGINX_PORT), "-e"];
  const zeros = ["/bin/busybox", "dd", "if=/dev/zero", "bs=65536", `count=${BULK_BYTES >> 16}`];
  const pairs = await repeated(settings, bulk, runs, async () => {
    const peer = await nativeBulk();
    const ours = await inMachine(isolated, [...send, ...zeros], async () => {
      for (let tries = 0;; tries++) {
        try {
          return await receive(port, BULK_BYTES);
        } catch (failure) {
          if (tries === 100) throw failure;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    });
    return { ours: ours / 2 ** 20, peer: peer / 2 ** 20 };
  });
  yield row(bulk, "MiB/s", "native", ">= 0.2", pairs);
}
