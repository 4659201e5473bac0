// Running systems as a user acts on them: in the background, from another terminal, by name and by manifest.
// The programs are a few instructions each, and their root file system is a folder.
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { composeArguments, composeCommand, withFolder } from "./boot_harness.ts";
import { writePrograms } from "./small_programs.ts";

const manifest = (programs: string, more = "") => `
kind: System
name: small
${more}
machine:
  memory: 128MiB
  devices:
    disk0: { model: virtio-blk, rootfs: { folder: root } }
    console0: { model: virtio-console }
    rng0: { model: virtio-rng }
slices:
  storage: [vfs, ext4, virtio-blk]
  terminal: [devfs, virtio-console, virtio-rng]
domains:
  primary:
    primary: true
    memory: 32MiB
    slices: [storage, terminal]
    components: [process, vfs]
    devices: [disk0, console0, rng0]
mounts:
  /: { filesystem: ext4 }
  /dev: { filesystem: devfs }
programs:
${programs}
`;

const decoder = new TextDecoder();

interface Ended {
  code: number;
  out: string;
  err: string;
}

/** Commands in a folder with a manifest and its programs. */
class Place {
  constructor(readonly folder: string) {}

  async compose(...args: string[]): Promise<Ended> {
    const { code, stdout, stderr } = await composeCommand(this.folder, args).output();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  }

  start(...args: string[]): Deno.ChildProcess {
    return composeCommand(this.folder, args, {}, "piped").spawn();
  }

  async systems() {
    const { code, out, err } = await this.compose("ps", "--json");
    assertEquals([code, err], [0, ""]);
    return JSON.parse(out).systems;
  }

  /** What is left of systems. */
  get entries(): string[] {
    return [...Deno.readDirSync(`${this.folder}/virtuos`)].map(({ name }) => name);
  }
}

/** Runs `body` beside a manifest with these programs; whatever runs afterwards is killed. */
function withManifest(
  programs: string,
  body: (place: Place) => Promise<void>,
  more?: string,
): Promise<void> {
  return withFolder(async (folder) => {
    await writePrograms(`${folder}/root`);
    await Deno.writeTextFile(`${folder}/small.yaml`, manifest(programs, more));
    const place = new Place(folder);
    try {
      await body(place);
    } finally {
      for (const { name, end } of await place.systems()) {
        if (end === undefined) await place.compose("stop", "--timeout", "0s", name);
      }
    }
  });
}

const WAIT = "  main: { run: /wait }";

Deno.test("up -d: returns when the system is ready; ps, logs, stop and down act on it", () =>
  withManifest(WAIT, async (place) => {
    const up = await place.compose("up", "-d", "small.yaml");
    assertEquals([up.code, up.err], [0, ""]);
    assertMatch(up.out, /^small is ready in \d+ ms, process \d+\n +compose ps small /);
    const [system] = await place.systems();
    assertEquals(
      [system.name, system.file, system.now.state],
      ["small", `${place.folder}/small.yaml`, "ready"],
    );
    assertEquals(system.now.machine.programs, [{ name: "main", state: "running", restarts: 0 }]);
    const [primary] = system.now.machine.domains;
    assertEquals(
      [primary.name, primary.state, primary.generation, primary.restarts],
      ["primary", "running", 1, 0],
    );
    const table = await place.compose("ps", "small.yaml");
    assertMatch(table.out, /^small +primary +none +running +1 +0 +\d+ MiB$/m);
    assertMatch(table.out, /^small +main +running +0$/m);

    assertEquals((await place.compose("completions", "complete", "system")).out, "small\n");

    const logs = await place.compose("logs", "small");
    // What the program says and what is said of it come by different ways.
    assertEquals(logs.out.replace(/\d+ ms/g, "TIME").trimEnd().split("\n").sort(), [
      "booted small in TIME",
      "main has started",
      "main | here",
      "ready in TIME",
    ]);
    assertEquals((await place.compose("logs", "--program", "main", "small")).out, "here\n");
    assertEquals((await place.compose("logs", "--since", "2001-01-01", "small")).out, logs.out);
    assertEquals((await place.compose("logs", "--since", "2101-01-01", "small")).out, "");

    const stopped = await place.compose("stop", "small");
    assertEquals(stopped, { code: 0, out: "small has stopped\n", err: "" });
    const [ended] = await place.systems();
    assertEquals([ended.end.status, ended.end.report.programs[0].signal], [143, "SIGTERM"]);
    assertStringIncludes((await place.compose("logs", "small")).out, "main ended with SIGTERM\n");
    assertEquals((await place.compose("down", "small")).out, "small had ended\n");
    assertEquals([await place.systems(), place.entries], [[], []]);
    const gone = await place.compose("stop", "small");
    assertEquals(gone, {
      code: 1,
      out: "",
      err: 'compose: no system "small" is running: none is\n',
    });
  }));

Deno.test("exec: output and errors apart, input, status, and what cannot be run", () =>
  withManifest(WAIT, async (place) => {
    await place.compose("up", "-d", "small.yaml");
    assertEquals(await place.compose("exec", "small", "--", "/complain"), {
      code: 3,
      out: "said\n",
      err: "complained\n",
    });
    assertEquals(
      (await place.compose("exec", "small", "--", "/argument", "a", "second")).out,
      "secon",
    );
    assertEquals((await place.compose("exec", "small", "--", "/fault")).code, 139);
    assertEquals(await place.compose("exec", "small", "--", "/nothing"), {
      code: 127,
      out: "",
      err: "compose: cannot start /nothing: ENOENT\n",
    });
    assertEquals((await place.compose("exec", "small", "--", "/words")).code, 126);
    assertEquals((await place.compose("exec", "small", "--", "./words")).code, 126);
    assertEquals((await place.compose("exec", "small", "--", "complain")).code, 127);
    const path = ["exec", "--env", "PATH=/nowhere:/", "small", "--", "complain"];
    assertEquals((await place.compose(...path)).out, "said\n");
    assertEquals(await place.compose("exec", "smal", "--", "/copy"), {
      code: 125,
      out: "",
      err: 'compose: no system "smal" is running: did you mean "small"?\n',
    });

    const all = new Uint8Array(3_000_000);
    for (let at = 0; at < all.length; at += 60_000) {
      crypto.getRandomValues(all.subarray(at, at + 60_000));
    }
    const child = place.start("exec", "small", "--", "/copy"), writer = child.stdin.getWriter();
    const writing = writer.write(all).then(() => writer.close());
    const { code, stdout } = await child.output();
    await writing;
    assertEquals([code, stdout.length], [0, all.length]);
    assertEquals(stdout.every((byte, at) => byte === all[at]), true);
    assertEquals((await place.systems())[0].now.state, "ready");
  }));

Deno.test("exec: signals reach the program, and a program whose output nobody reads gets SIGPIPE", () =>
  withManifest(WAIT, async (place) => {
    await place.compose("up", "-d", "small.yaml");
    for (const [signal, status] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
      const child = place.start("exec", "small", "--", "/wait"), reader = child.stdout.getReader();
      assertEquals(decoder.decode((await reader.read()).value), "here\n");
      child.kill(signal);
      assertEquals((await child.status).code, status);
      await Promise.all([
        reader.cancel(),
        child.stderr.cancel(),
        child.stdin.abort().catch(() => {}),
      ]);
    }
    const child = place.start("exec", "small", "--", "/chatter"), reader = child.stdout.getReader();
    await reader.read();
    await reader.cancel();
    assertEquals((await child.status).code, 141);
    await Promise.all([child.stderr.cancel(), child.stdin.abort().catch(() => {})]);
  }));

Deno.test("exec: on a terminal the program has one, with its keys and its size", () =>
  withManifest(WAIT, async (place) => {
    await place.compose("up", "-d", "small.yaml");
    const atTerminal = async (program: string, ...steps: object[]) => {
      const command = [Deno.execPath(), ...composeArguments("exec", "small", "--", program)];
      const { code, stdout, stderr } = await new Deno.Command("python3", {
        args: [
          new URL("./terminal_session.py", import.meta.url).pathname,
          JSON.stringify({ command, folder: place.folder, steps }),
        ],
        env: { NO_COLOR: "1", XDG_RUNTIME_DIR: place.folder, TERM: "vt100" },
      }).output();
      assertEquals(code, 0, decoder.decode(stderr));
      return JSON.parse(decoder.decode(stdout)) as {
        seen: string;
        code: number;
        restored: boolean;
      };
    };
    const interrupted = await atTerminal(
      "/greet",
      { await: "here\r\n", type: "line\r" },
      { await: "line\r\nline\r\n", type: "\x03" },
    );
    assertEquals([interrupted.code, interrupted.restored], [130, true]);
    const size = (rows: number, columns: number) =>
      String.fromCharCode(rows, 0, columns, 0).replaceAll("\0", "");
    const sized = await atTerminal(
      "/sizes",
      { await: size(30, 100), size: [50, 120], type: "go on\r" },
      { await: `go on\r\n${size(50, 120)}` },
    );
    assertEquals([sized.code, sized.restored], [0, true], sized.seen);
    const left = await atTerminal("/deaf", { await: "here", type: "\x03\x01x" });
    assertEquals([left.code, left.restored], [137, true]);
  }));

Deno.test("logs -f: goes on until the system ends", () =>
  withManifest(WAIT, async (place) => {
    await place.compose("up", "-d", "small.yaml");
    const follower = place.start("logs", "-f", "small"), reader = follower.stdout.getReader();
    let seen = "";
    while (!seen.includes("main | here\n")) seen += decoder.decode((await reader.read()).value);
    await place.compose("down", "small");
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      seen += decoder.decode(part.value);
    }
    assertStringIncludes(seen, "main ended with SIGTERM\n");
    assertEquals((await follower.status).code, 0);
    await Promise.all([follower.stderr.cancel(), follower.stdin.close()]);
  }));

Deno.test("up in the foreground answers other commands, and leaves nothing behind", () =>
  withManifest(WAIT, async (place) => {
    const up = place.start("up", "small.yaml"), reader = up.stdout.getReader();
    assertEquals(decoder.decode((await reader.read()).value), "main | here\n");
    assertEquals((await place.systems())[0].pid, up.pid);
    assertEquals((await place.compose("exec", "small", "--", "/complain")).out, "said\n");
    const second = await place.compose("up", "small.yaml");
    assertEquals(second.code, 1);
    assertMatch(
      second.err,
      /^compose: system "small" is running \(process \d+, .*small.yaml\); stop it, or say --name\n$/,
    );
    assertEquals((await place.compose("up", "-d", "small.yaml")).code, 1);
    const other = await place.compose("up", "-d", "--name", "other", "small.yaml");
    assertEquals([other.code, other.err], [0, ""]);
    assertEquals(
      (await place.systems()).map(({ name }: { name: string }) => name),
      ["other", "small"],
    );
    assertEquals((await place.compose("down", "small", "other")).code, 0);
    assertEquals((await up.status).code, 143);
    assertEquals(place.entries, []);
    await Promise.all([reader.cancel(), up.stderr.cancel(), up.stdin.close()]);
  }));

Deno.test("up: an image that another machine writes is refused", () =>
  withManifest(WAIT, async (place) => {
    const text = await Deno.readTextFile(`${place.folder}/small.yaml`);
    const image = text.replace("rootfs: { folder: root }", "rootfs: { folder: root, keep: kept }");
    await Deno.writeTextFile(`${place.folder}/small.yaml`, image);
    const first = await place.compose("up", "-d", "small.yaml");
    assertEquals([first.code, first.err], [0, ""]);
    const second = await place.compose("up", "--name", "second", "small.yaml");
    assertEquals(second.code, 1);
    assertMatch(second.err, /^compose: .*kept: another machine uses it\n$/);
    const third = await place.compose("up", "-d", "--name", "third", "small.yaml");
    assertEquals(third.code, 1);
    assertMatch(third.err, /third is not ready: .*kept: another machine uses it\n$/);
    assertEquals((await place.compose("down", "small", "third")).code, 0);
  }));

Deno.test("a process that died leaves a name that is free, and nothing else", () =>
  withManifest(WAIT, async (place) => {
    await place.compose("up", "-d", "small.yaml");
    const [{ pid }] = await place.systems();
    Deno.kill(pid, "SIGKILL");
    for (let left = await place.systems(); left.length > 0; left = await place.systems());
    assertEquals(place.entries, []);
    assertEquals((await place.compose("up", "-d", "small.yaml")).code, 0);
  }));

Deno.test("a process that died takes the processes of its domains with it", () =>
  withManifest(WAIT, async (place) => {
    const text = await Deno.readTextFile(`${place.folder}/small.yaml`);
    const apart = text.replace("slices: [storage, terminal]", "slices: [terminal]")
      .replace("devices: [disk0, console0, rng0]", "devices: [console0, rng0]")
      .replace(
        "mounts:",
        "  storage: { memory: 32MiB, slices: [storage], devices: [disk0] }\nmounts:",
      );
    await Deno.writeTextFile(`${place.folder}/small.yaml`, apart);
    const up = await place.compose("up", "-d", "small.yaml");
    assertEquals([up.code, up.err], [0, ""]);
    const [{ pid, now }] = await place.systems();
    assertEquals(now.machine.domains.map(({ name }: { name: string }) => name), [
      "primary",
      "storage",
    ]);
    const children = processFile(pid, `task/${pid}/children`).split(" ").map(Number);
    assertEquals(children.map(runs), [true]);
    Deno.kill(pid, "SIGKILL");
    while (runs(children[0]));
  }));

/** What the host tells of a process; empty where it is not there any more. */
function processFile(pid: number, name: string): string {
  const { stdout } = new Deno.Command("cat", { args: [`/proc/${pid}/${name}`], stderr: "null" })
    .outputSync();
  return decoder.decode(stdout).trim();
}

/** Whether a process runs: one that has ended and waits for its parent does not. */
function runs(pid: number): boolean {
  return /\) [^Z]/.test(processFile(pid, "stat"));
}

Deno.test("kill: a signal to a program that has one of its own", () =>
  withManifest("  main: { run: /deaf }\n  other: { run: /wait }", async (place) => {
    await place.compose("up", "-d", "small.yaml");
    assertEquals((await place.compose("kill", "small", "main")).code, 0);
    assertEquals((await place.compose("kill", "-s", "usr1", "small", "other")).code, 0);
    const statuses = async () =>
      (await place.systems())[0].now.machine.programs.map(({ signal }: { signal?: string }) =>
        signal
      );
    while ((await statuses())[1] !== "SIGUSR1");
    assertEquals((await statuses())[0], undefined);
    const nobody = await place.compose("kill", "small", "nobody");
    assertEquals([nobody.code, nobody.err], [1, 'compose: there is no program "nobody"\n']);
    assertEquals((await place.compose("kill", "-s", "SIGTREM", "small")).code, 2);
    assertEquals((await place.compose("kill", "-s", "9", "small")).code, 0);
    await place.compose("logs", "-f", "small");
    assertMatch((await place.compose("ps")).out, /^small +main +ended +SIGKILL +0$/m);
  }));

Deno.test("exec: a program ends with its system, and reads nothing where it is not to", () =>
  withManifest(WAIT, async (place) => {
    await place.compose("up", "-d", "small.yaml");
    const copy = place.start("exec", "--no-input", "small", "--", "/copy");
    assertEquals((await copy.status).code, 0);
    const child = place.start("exec", "small", "--", "/deaf"), reader = child.stdout.getReader();
    await reader.read();
    await place.compose("down", "small");
    // It is told that everybody leaves, and killed where it has not noticed by the end.
    assertEquals([129, 137].includes((await child.status).code), true);
    await reader.cancel();
    for (const { stdin, stderr } of [copy, child]) {
      await Promise.all([stderr.cancel(), stdin.abort().catch(() => {})]);
    }
    await copy.stdout.cancel();
  }));

Deno.test("stop: programs that do not end are killed after their time of grace", () =>
  withManifest("  main: { run: /deaf, stop_timeout: 600s }", async (place) => {
    await place.compose("up", "-d", "small.yaml");
    const beganMs = performance.now();
    assertEquals((await place.compose("stop", "--timeout", "300ms", "small")).code, 0);
    assertEquals(performance.now() - beganMs < 60_000, true);
    assertEquals((await place.systems())[0].end.report.programs[0].signal, "SIGKILL");
    assertEquals((await place.compose("stop", "--timeout", "soon", "small")).code, 2);
  }));

Deno.test("depends_on and health: programs start in order, and stop in the other", () =>
  withManifest(
    `
  client: { run: /wait, depends_on: { server: healthy, setup: finished } }
  server: { run: /wait, health: { run: /exists, args: [/notes], interval: 50ms } }
  setup: { run: /note, depends_on: { server: started } }
`,
    async (place) => {
      const up = await place.compose("up", "-d", "small.yaml");
      assertEquals([up.code, up.err], [0, ""]);
      assertMatch(up.out, /^small is ready in \d+ ms, process \d+\neverything runs\n/);
      const [{ now }] = await place.systems();
      assertEquals(now.machine.programs, [
        { name: "client", state: "running", restarts: 0 },
        { name: "server", state: "running", health: "healthy", restarts: 0 },
        { name: "setup", state: "ended", status: 0, restarts: 0 },
      ]);
      await place.compose("stop", "small");
      const { out } = await place.compose("logs", "small");
      const order = [...out.matchAll(/^(\w+) (has started|is healthy|ended)/gm)]
        .map(([, program, what]) => `${program} ${what}`)
        .filter((each) => each !== "server is healthy");
      assertEquals(order, [
        "server has started",
        "setup has started",
        "setup ended",
        "client has started",
        "client ended",
        "server ended",
      ]);
      assertEquals(out.indexOf("server is healthy") < out.indexOf("client has started"), true);
    },
    "ready: everything runs",
  ));

Deno.test("up --stay: goes on without programs, until it is stopped", () =>
  withManifest("  setup: { run: /note }", async (place) => {
    const up = await place.compose("up", "-d", "--stay", "small.yaml");
    assertEquals([up.code, up.err], [0, ""]);
    assertEquals((await place.compose("exec", "small", "--", "/note")).out, "noted\nnoted\n");
    const [{ now }] = await place.systems();
    assertEquals(now.state, "ready");
    assertEquals(now.machine.programs, [{ name: "setup", state: "ended", status: 0, restarts: 0 }]);
    assertEquals((await place.compose("down", "small")).out, "small has stopped\n");
  }));

Deno.test("health: a system with a program that does not work is not ready, and says why", () =>
  withManifest(
    "  server: { run: /wait, health: { run: /exists, args: [/never], interval: 20ms, retries: 2 } }",
    async (place) => {
      const up = await place.compose("up", "-d", "small.yaml");
      assertEquals([up.code, up.out], [1, ""]);
      const why = 'small is not ready: program "server" is unhealthy: /exists ended with 1';
      assertStringIncludes(up.err, `compose: ${why}; it runs, until \`compose down small\`\n`);
      const table = await place.compose("ps");
      assertMatch(table.out, /^small +server +running +unhealthy +0$/m);
      assertMatch(table.out, /^small +not ready: program "server" is unhealthy/m);
      assertEquals((await place.compose("down", "small")).code, 0);
    },
  ));

Deno.test("restart: a program that fails is started again, as often as its manifest says", () =>
  withManifest(
    `
  flaky: { run: /complain, restart: on-failure, restart_limit: 2, restart_backoff: 10ms }
  writer: { run: /note, restart: always, restart_limit: 1, restart_backoff: 10ms }
  done: { run: /note, restart: on-failure, depends_on: { writer: started, flaky: started } }
`,
    async (place) => {
      const up = await place.compose("up", "--json", "small.yaml");
      assertEquals(up.code, 3);
      const [flaky, writer, done] = JSON.parse(up.out).programs;
      assertEquals([flaky.status, flaky.restarts], [3, 2]);
      assertEquals([writer.status, writer.restarts], [0, 1]);
      assertEquals([done.status, done.restarts], [0, 0]);
      assertEquals(up.err.match(/^flaky \| said$/gm)?.length, 3);
    },
  ));

Deno.test("depends_on: whoever waits in vain is not started, and the system is not ready", () =>
  withManifest(
    `
  setup: { run: /complain }
  server: { run: /wait, depends_on: { setup: finished } }
`,
    async (place) => {
      const up = await place.compose("up", "-d", "small.yaml");
      assertEquals([up.code, up.out], [1, ""]);
      assertStringIncludes(
        up.err,
        'compose: small is not ready: program "server" is not started: "setup" ended with 3\n',
      );
      await place.compose("logs", "-f", "small");
      assertMatch((await place.compose("ps")).out, /^small +ended with 3 /m);
    },
  ));
