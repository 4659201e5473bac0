// Servers of Debian in a machine, reached over its network device from the host, beside the same files under
// `qemu-riscv64-static`, which uses the host's kernel; the network's domain isolated and not; bulk transfer.
// One client of the host asks them all.
import { boot, compile, load, type Plan, type RunningMachine } from "../mod.ts";
import { rootTree } from "./root_tree.ts";
import { type Pair, type Row, row } from "./statistics.ts";

const QEMU = "qemu-riscv64-static";
const BULK_BYTES = 256 << 20;

/** What a client asks over and over, on each of its connections. */
interface Load {
  request: Uint8Array;
  /** bytes of an answer */
  answerBytes: number;
  connections: number;
  /** requests that are under way on a connection */
  pipeline: number;
}

const encode = (text: string) => new TextEncoder().encode(text);

function redisLoad(command: string, answer: string, connections: number, pipeline: number): Load {
  return {
    request: encode(command.repeat(pipeline)),
    answerBytes: answer.length * pipeline,
    connections,
    pipeline,
  };
}

const SET = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n", GET = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
const HTTP = "GET / HTTP/1.1\r\nHost: machine\r\n\r\n";

/** Asks for so many seconds. @returns requests a second */
async function ask(port: number, load: Load, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000;
  let answered = 0;
  const client = async () => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    const buffer = new Uint8Array(65536);
    do {
      for (let sent = 0; sent < load.request.length;) {
        sent += await connection.write(load.request.subarray(sent));
      }
      for (let got = 0; got < load.answerBytes;) {
        const count = await connection.read(buffer);
        if (count === null) throw new Error("the server closed a connection");
        got += count;
      }
      answered += load.pipeline;
    } while (performance.now() < until);
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: load.connections }, client));
  return answered / ((performance.now() - started) / 1000);
}

/** How many bytes the answer to one request has. */
async function answerLength(port: number, request: string): Promise<number> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(encode(request));
  const buffer = new Uint8Array(65536);
  const text = new TextDecoder().decode(buffer.subarray(0, (await connection.read(buffer))!));
  const body = Number(/content-length: (\d+)/i.exec(text)?.[1]);
  return text.indexOf("\r\n\r\n") + 4 + body;
}

/** Waits until a request is answered: a forwarded port takes connections before there is a server. */
async function answering(port: number, request: Uint8Array): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    try {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      await connection.write(request);
      if (await connection.read(new Uint8Array(1)) !== null) return;
    } catch (failure) {
      const away = failure instanceof Deno.errors.ConnectionRefused ||
        failure instanceof Deno.errors.ConnectionReset;
      if (!away) throw failure;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the server does not answer");
}

function freePort(): number {
  using probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return probe.addr.port;
}

/** A server: how it is started on a port of its own, the same in the machine and under QEMU. */
interface Served {
  name: string;
  words(root: string, port: number): string[];
}

const redis: Served = {
  name: "redis",
  words: (_root, port) => {
    const settings = ["--port", String(port), "--save", "", "--protected-mode", "no"];
    return ["/usr/bin/redis-server", ...settings];
  },
};
const nginx: Served = {
  name: "nginx",
  words: (root, port) => [
    "/usr/sbin/nginx",
    "-p",
    `${root}/tmp`,
    "-g",
    `daemon off; master_process off; pid ${root}/tmp/pid; error_log ${root}/tmp/errors;`,
    "-c",
    writeConfiguration(root, port),
  ],
};

/** nginx with one page that it makes itself: what is measured is the network. */
function writeConfiguration(root: string, port: number): string {
  if (root === "") return "/nginx.conf";
  const path = `${root}/nginx-host.conf`;
  Deno.writeTextFileSync(path, configuration(root, port));
  return path;
}

function configuration(root: string, port: number): string {
  return `events {}
http {
  access_log off;
  client_body_temp_path ${root}/tmp/body; proxy_temp_path ${root}/tmp/proxy;
  fastcgi_temp_path ${root}/tmp/fcgi; uwsgi_temp_path ${root}/tmp/uwsgi;
  scgi_temp_path ${root}/tmp/scgi;
  keepalive_requests 1000000000;
  server { listen ${port}; location / { return 200 "${"a page ".repeat(80)}"; } }
}
`;
}

const GUEST_PORT = 7000;

async function planFor(folder: string, isolated: boolean, port: number): Promise<Plan> {
  const web = decodeURIComponent(new URL("../examples/web.yaml", import.meta.url).pathname);
  Deno.writeTextFileSync(`${folder}/nginx.conf`, configuration("", GUEST_PORT));
  const manifest = `kind: System
name: bench
extends: ${web}
machine:
  memory: 1GiB
  devices:
    disk0:
      rootfs:
        debian: { packages: [redis-server, nginx, libc-bin] }
        files: { /nginx.conf: ${folder}/nginx.conf }
    net0: { backend: { user: { forward: [{ from: "127.0.0.1:${port}", to: ${GUEST_PORT} }] } } }
${isolated ? "" : "domains:\n  network: { isolation: none, recovery: null, ring: null }\n"}
programs:
  pages: null
  server: { run: /bin/busybox }
`;
  const path = `${folder}/bench-${port}.yaml`;
  Deno.writeTextFileSync(path, manifest);
  const { plan, diagnostics } = compile(await load(path));
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  // The example's own port is not needed.
  for (const { network } of plan.machine.devices) {
    if (network?.backend.kind !== "user") continue;
    network.backend.forward = network.backend.forward.filter(({ to }) => to === GUEST_PORT);
  }
  return plan;
}

/** Runs a body with a server in a machine. */
async function inMachine<T>(plan: Plan, words: string[], body: () => Promise<T>): Promise<T> {
  const [path, ...args] = words;
  const program = { ...plan.programs[0], path, argv0: path, args, health: undefined };
  const machine: RunningMachine = await boot({ ...plan, programs: [program] });
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

/** Reads until the end. @returns bytes a second */
async function receive(port: number): Promise<number> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const buffer = new Uint8Array(1 << 20);
  const started = performance.now();
  let bytes = 0;
  for (let count; (count = await connection.read(buffer)) !== null;) bytes += count;
  if (bytes !== BULK_BYTES) throw new Error(`${bytes} bytes came`);
  return bytes / ((performance.now() - started) / 1000);
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
        return await receive(port);
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

/** Requests a second, and bytes. */
export async function net(folder: string, quick: boolean): Promise<Row[]> {
  const port = freePort(), barePort = freePort();
  const isolated = await planFor(folder, true, port);
  const bare = await planFor(folder, false, barePort);
  const root = await rootTree(isolated, folder);
  const runs = quick ? 1 : 3, seconds = quick ? 2 : 5;
  const goal = ">= 0.5";
  const rows: Row[] = [];
  const loads: { name: string; server: Served; load: Load; http?: boolean }[] = [
    { name: "redis SET, 16", server: redis, load: redisLoad(SET, "+OK\r\n", 16, 1) },
    { name: "redis GET, 16", server: redis, load: redisLoad(GET, "$5\r\nvalue\r\n", 16, 1) },
    { name: "redis GET, 16 by 16", server: redis, load: redisLoad(GET, "$5\r\nvalue\r\n", 16, 16) },
    {
      name: "nginx, 16",
      server: nginx,
      load: { request: encode(HTTP), answerBytes: 0, connections: 16, pipeline: 1 },
      http: true,
    },
  ];
  for (const { name, server, load, http } of loads) {
    const pairs: Pair[] = [], placements: Pair[] = [];
    const measure = async (at: number) => {
      await answering(at, load.request);
      const complete = http ? { ...load, answerBytes: await answerLength(at, HTTP) } : load;
      if (server === redis) await ask(at, redisLoad(SET, "+OK\r\n", 1, 1), 0);
      // The same for both: code that has run for a while.
      await ask(at, complete, seconds);
      return await ask(at, complete, seconds);
    };
    for (let run = 0; run < runs; run++) {
      const there = freePort();
      const peer = await underQemu(root, server.words(root, there), () => measure(there));
      const inside = server.words("", GUEST_PORT);
      const ours = await inMachine(isolated, inside, () => measure(port));
      const none = await inMachine(bare, inside, () => measure(barePort));
      pairs.push({ ours, peer });
      placements.push({ ours, peer: none });
    }
    rows.push(row(name, "/s", "QEMU", goal, pairs));
    rows.push(row(name, "/s", "isolation none", ">= 0.9", placements));
  }
  const bulk: Pair[] = [];
  const send = ["/bin/busybox", "nc", "-l", "-p", String(GUEST_PORT), "-e"];
  const zeros = ["/bin/busybox", "dd", "if=/dev/zero", "bs=65536", `count=${BULK_BYTES >> 16}`];
  for (let run = 0; run < runs; run++) {
    const peer = await nativeBulk();
    const ours = await inMachine(isolated, [...send, ...zeros], async () => {
      for (let tries = 0;; tries++) {
        try {
          return await receive(port);
        } catch (failure) {
          if (tries === 100) throw failure;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    });
    bulk.push({ ours: ours / 2 ** 20, peer: peer / 2 ** 20 });
  }
  rows.push(row("bulk, from the machine", "MiB/s", "native", ">= 0.2", bulk));
  return rows;
}
