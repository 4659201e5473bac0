// Sessions with Debian's servers on a machine, and with the same files under QEMU's user mode, which passes their calls
// to the host's kernel: clients get the same answers.
import { assert, assertEquals } from "@std/assert";
import { answering, encode, freePort } from "../../bench/clients.ts";
import { rootTree } from "../../bench/root_tree.ts";
import { boot, compile, load, type Plan } from "../../mod.ts";
import { withFolder } from "../fixtures/boot_harness.ts";
import { QEMU } from "../guest/cross_compiler.ts";
import { DATABASE_SESSION } from "./database_session.ts";
import { type SessionServer, sessionServers } from "./sessions.ts";

const web = new URL("../../examples/web.yaml", import.meta.url).pathname;
const ignore = Deno.env.get("VIRTUOS_TEST_MIRROR") === undefined;
/** Both kinds of servers answer it, if only to say that it makes no sense. */
const QUESTION = encode("PING\r\n\r\n");
const GUEST_PORT = 7000;

/** Writes files under a folder of the host. */
function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    Deno.mkdirSync(`${folder}${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    Deno.writeTextFileSync(`${folder}${path}`, text);
  }
}

async function planFor(folder: string, port: number): Promise<Plan> {
  const files: Record<string, string> = {};
  for (const server of sessionServers) Object.assign(files, server.files("", GUEST_PORT));
  writeFiles(`${folder}/inside`, files);
  const listed = Object.keys(files).map((path) => `${path}: ${folder}/inside${path}`);
  Deno.writeTextFileSync(
    `${folder}/sessions.yaml`,
    `kind: System
name: sessions
extends: ${web}
machine:
  memory: 1GiB
  devices:
    disk0:
      rootfs:
        debian: { packages: [redis-server, nginx, apache2, libc-bin] }
        files: { ${listed.join(", ")} }
    net0: { backend: { user: { forward: [{ from: "127.0.0.1:${port}", to: ${GUEST_PORT} }] } } }
programs: { pages: { run: /bin/busybox } }
`,
  );
  const { plan, diagnostics } = compile(await load(`${folder}/sessions.yaml`));
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  for (const { network } of plan.machine.devices) {
    if (network?.backend.kind !== "user") continue;
    network.backend.forward = network.backend.forward.filter(({ to }) => to === GUEST_PORT);
  }
  return plan;
}

async function onMachine(plan: Plan, server: SessionServer, port: number): Promise<string[]> {
  const [path, ...args] = server.words("", GUEST_PORT);
  const program = { ...plan.programs[0], path, argv0: path, args, health: undefined };
  const machine = await boot({ ...plan, programs: [program] });
  try {
    await answering(port, QUESTION);
    return await server.session(port);
  } finally {
    await machine.stop(2000);
  }
}

async function underQemu(root: string, server: SessionServer): Promise<string[]> {
  const port = freePort();
  writeFiles("", server.files(root, port));
  const [path, ...args] = server.words(root, port);
  // In a group of its own: Apache, when it is ended, ends its whole group.
  const child = new Deno.Command("setsid", {
    args: [QEMU, "-L", root, "-0", path, Deno.realPathSync(`${root}${path}`), ...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await answering(port, QUESTION);
    return await server.session(port);
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
}

Deno.test({
  name: "sessions with servers are the same as under QEMU",
  ignore,
  fn: async (test) =>
    await withFolder(async (folder) => {
      const port = freePort();
      const plan = await planFor(folder, port);
      const root = await rootTree(plan, folder);
      // Servers that give up root's rights read pages in it.
      Deno.chmodSync(folder, 0o755);
      for (const server of sessionServers) {
        await test.step(server.name, async () => {
          const ours = await onMachine(plan, server, port);
          assert(ours.some((answer) => answer.length > 0));
          assertEquals(ours, await underQemu(root, server));
        });
      }
    }),
});

const CLIENT = ["--no-defaults", "--user=root", "--force", "--batch"];
/** What is left of a server's start: it is asked until it answers. */
const TRIES = 150, PAUSE_MS = 200;

/** The session by a client that may have to wait. @param client gets its input, and says what it printed */
async function databaseSession(client: (text: string) => Promise<string>): Promise<string> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (/^1$/m.test(await client("select 1"))) return await client(DATABASE_SESSION);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw new Error("the database does not answer");
}

async function databaseOnMachine(plan: Plan): Promise<string> {
  const booted = Promise.withResolvers<void>();
  const machine = await boot(plan, {
    onEvent: (event) => {
      if (event.kind === "booted") booted.resolve();
    },
  });
  try {
    await booted.promise;
    return await databaseSession(async (input) => {
      const decoder = new TextDecoder();
      const text = { stdout: "", stderr: "" };
      const words = ["/usr/bin/mariadb", ...CLIENT];
      const program = machine.execute(
        { words, env: {}, cwd: "/", uid: 0, gid: 0 },
        (bytes, stream) => void (text[stream] += decoder.decode(bytes)),
      );
      await program.input(encode(input));
      program.endInput();
      await program.ended;
      return text.stdout + text.stderr;
    });
  } finally {
    await machine.stop(20_000);
  }
}

/**
 * In a root of its own: Aria opens paths step by step, where QEMU's prefix for them does not follow. The server takes
 * as much of the address space as its buffers may grow to, which QEMU cannot give.
 */
async function databaseUnderQemu(root: string): Promise<string> {
  const { stdout } = await new Deno.Command("which", { args: [QEMU] }).output();
  Deno.copyFileSync(new TextDecoder().decode(stdout).trim(), `${root}/qemu`);
  const qemu = (path: string, ...args: string[]) =>
    new Deno.Command("chroot", {
      args: [root, "/qemu", "-0", path, path, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  const server = qemu(
    "/usr/sbin/mariadbd",
    ...["--no-defaults", "--user=root", "--socket=/tmp/socket", "--skip-networking"],
    ...["--innodb-use-native-aio=0", "--innodb-buffer-pool-size-max=256M"],
  );
  const over = server.output();
  try {
    return await databaseSession(async (input) => {
      const client = qemu("/usr/bin/mariadb", ...CLIENT, "--socket=/tmp/socket");
      const writer = client.stdin.getWriter();
      const written = writer.write(encode(input)).then(() => writer.close()).catch(() => {});
      const { stdout, stderr } = await client.output();
      await written;
      return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    });
  } finally {
    server.kill("SIGKILL");
    await over;
  }
}

/** Whether this may change its root: QEMU's side needs it. */
function isRoot(): boolean {
  const { stdout } = new Deno.Command("id", { args: ["-u"] }).outputSync();
  return new TextDecoder().decode(stdout).trim() === "0";
}

Deno.test({
  name: "a session with MariaDB is the same as under QEMU",
  ignore: ignore || !isRoot(),
  fn: () =>
    withFolder(async (folder) => {
      const example = new URL("../../examples/mariadb.yaml", import.meta.url).pathname;
      const { plan } = compile(await load(example));
      for (const { network } of plan!.machine.devices) {
        if (network?.backend.kind === "user") network.backend.forward = [];
      }
      const ours = await databaseOnMachine(plan!);
      assertEquals([...ours.matchAll(/^ERROR/gm)].length, 4);
      assertEquals(
        ours.split("\n"),
        (await databaseUnderQemu(await rootTree(plan!, folder))).split("\n"),
      );
    }),
});
