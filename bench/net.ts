// Servers of Debian in a machine, reached over its network device from the host, beside the same files under
// `qemu-riscv64-static`, which uses the host's kernel; the network's domain isolated and not; bulk transfer.
// redis-benchmark and ab, on the host, ask them all in turns.
import { boot, type Plan } from "../mod.ts";
import { repeated, type Settings } from "./bench.ts";
import { answering, encode, freePort, GET, HTTP, receive } from "./clients.ts";
import { apacheBench, type LoadTool, redisBenchmark } from "./load_tools.ts";
import { rootTree } from "./root_tree.ts";
import { nginx, NGINX_PORT, programOf, redis, type Served, serverPlan } from "./servers.ts";
import { type Row, row } from "./statistics.ts";

const QEMU = "qemu-riscv64-static";
const BULK_BYTES = 256 << 20;
/** Few, and as many as redis-benchmark has. */
const CONNECTIONS = [16, 50];
/** Requests under way on each, where there are several. */
const PIPELINE = 16;
const WARM_UP_REQUESTS = 20_000;

/** Starts a server in a machine, which ends with its scope. */
async function startMachine(plan: Plan, words: string[]): Promise<AsyncDisposable> {
  const machine = await boot({ ...plan, programs: [programOf(plan, words)] });
  return { [Symbol.asyncDispose]: () => machine.stop(1000) };
}

/** Starts a server under QEMU, which ends with its scope. */
function startUnderQemu(root: string, words: string[]): AsyncDisposable {
  const [path, ...args] = words;
  const child = new Deno.Command(QEMU, {
    args: ["-L", root, "-0", path, Deno.realPathSync(`${root}${path}`), ...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

/** Has one client ask all in turns, so that what else the host does touches each of them. */
async function* compared(
  settings: Settings,
  { name, request, ask }: Asked,
  ports: { ours: number; peer: number; none: number },
): AsyncGenerator<Row> {
  const { quick, tell } = settings, seconds = quick ? 1 : 3;
  /** of each server: requests that take it about so many seconds */
  const requests: Record<string, number> = {};
  for (const [which, port] of Object.entries(ports)) {
    tell(`${name}, warming up`);
    await answering(port, encode(request));
    // The same for all: code that has run for a while.
    const rate = await ask(port, WARM_UP_REQUESTS);
    requests[which] = Math.ceil(seconds * await ask(port, Math.ceil(rate * seconds / 2)));
  }
  const measured = await repeated(settings, name, quick ? 3 : 7, async () => ({
    peer: await ask(ports.peer, requests.peer),
    ours: await ask(ports.ours, requests.ours),
    none: await ask(ports.none, requests.none),
  }));
  yield row(name, "/s", "QEMU", ">= 0.5", measured);
  const placements = measured.map(({ ours, none }) => ({ ours, peer: none }));
  yield row(name, "/s", "isolation none", ">= 0.9", placements);
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
    return await receive(port, BULK_BYTES);
  } finally {
    await child.status;
    Deno.removeSync(path);
  }
}

/** A server that is asked, and how. */
interface Asked {
  name: string;
  /** the bench's own request, by which a server shows that it is there */
  request: string;
  server: Served;
  ask: LoadTool;
}

function loadsOf(server: Served, connections: number): Asked[] {
  if (server === nginx) {
    return [{
      name: `nginx, ${connections}`,
      request: HTTP,
      server,
      ask: apacheBench(connections),
    }];
  }
  const redisOf = (test: "GET" | "SET", pipeline = 1): Asked => {
    const many = pipeline > 1 ? ` ${pipeline} at a time` : "";
    const ask = redisBenchmark(test, connections, pipeline);
    return { name: `redis ${test}${many}, ${connections}`, request: GET, server, ask };
  };
  return [redisOf("SET"), redisOf("GET"), redisOf("GET", PIPELINE)];
}

/** Requests a second, and bytes. */
export async function* net(settings: Settings): AsyncGenerator<Row> {
  const { folder, wants, tell } = settings;
  tell("making the image");
  const port = freePort(), barePort = freePort();
  const isolated = await serverPlan(folder, true, [{ port, to: NGINX_PORT }]);
  const bare = await serverPlan(folder, false, [{ port: barePort, to: NGINX_PORT }]);
  const root = await rootTree(isolated, folder);
  for (const server of [redis, nginx]) {
    const loads = CONNECTIONS.flatMap((connections) => loadsOf(server, connections))
      .filter(({ name }) => wants(name));
    if (loads.length === 0) continue;
    tell(`starting ${server.name} three times`);
    const inside = server.words("", NGINX_PORT), there = freePort();
    await using _peer = startUnderQemu(root, server.words(root, there));
    await using _ours = await startMachine(isolated, inside);
    await using _none = await startMachine(bare, inside);
    for (const load of loads) {
      yield* compared(settings, load, { ours: port, peer: there, none: barePort });
    }
  }
  const bulk = "bulk, from the machine";
  if (!wants(bulk)) return;
  const send = ["/bin/busybox", "nc", "-l", "-p", String(NGINX_PORT), "-e"];
  const zeros = ["/bin/busybox", "dd", "if=/dev/zero", "bs=65536", `count=${BULK_BYTES >> 16}`];
  const fromMachine = async () => {
    await using _machine = await startMachine(isolated, [...send, ...zeros]);
    return await receive(port, BULK_BYTES);
  };
  const pairs = await repeated(settings, bulk, settings.quick ? 1 : 3, async () => {
    const peer = await nativeBulk(), ours = await fromMachine();
    return { ours: ours / 2 ** 20, peer: peer / 2 ** 20 };
  });
  yield row(bulk, "MiB/s", "native", ">= 0.2", pairs);
}
