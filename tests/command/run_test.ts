// `compose run` as a user meets it: input, output, status, signals, what is kept, and what goes wrong.
// The programs are a few instructions each, and their root file system is a folder.
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { composeArguments, composeCommand, withFolder } from "../fixtures/boot_harness.ts";
import { smallManifest } from "../fixtures/small_manifest.ts";
import { writePrograms } from "./small_programs.ts";

const manifest = (rootfs: string) => smallManifest({ disk: `rootfs: ${rootfs}` });

/** Runs `body` in a folder with a manifest whose root file system has the small programs. */
function withMachine(
  body: (folder: string) => Promise<void>,
  rootfs = "{ folder: root }",
): Promise<void> {
  return withFolder(async (folder) => {
    await writePrograms(`${folder}/root`);
    await Deno.writeTextFile(`${folder}/small.yaml`, manifest(rootfs));
    await body(folder);
  });
}

interface Ended {
  code: number;
  out: string;
  err: string;
}

const decoder = new TextDecoder();

async function run(folder: string, options: string[], ...words: string[]): Promise<Ended> {
  const command = composeCommand(folder, ["run", "small.yaml", ...options, "--", ...words]);
  const { code, stdout, stderr } = await command.output();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** Starts a program and waits for its first word. */
async function started(folder: string, ...words: string[]) {
  const child = composeCommand(folder, ["run", "small.yaml", "--", ...words], {}, "piped").spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return { child, reader, first: decoder.decode(value) };
}

Deno.test("run: output and errors are apart, the status is the program's", () =>
  withMachine(async (folder) => {
    const ended = await run(folder, [], "/complain");
    assertEquals(ended, { code: 3, out: "said\n", err: "complained\n" });
  }));

Deno.test("run: input goes through byte for byte", () =>
  withMachine(async (folder) => {
    const sent = crypto.getRandomValues(new Uint8Array(60_000));
    const all = new Uint8Array(sent.length * 40);
    for (let at = 0; at < all.length; at += sent.length) all.set(sent, at);
    const args = ["run", "small.yaml", "--", "/copy"];
    const child = composeCommand(folder, args, {}, "piped").spawn();
    const writer = child.stdin.getWriter();
    const writing = writer.write(all).then(() => writer.close());
    const { code, stdout, stderr } = await child.output();
    await writing;
    assertEquals([code, decoder.decode(stderr)], [0, ""]);
    assertEquals(stdout.length, all.length);
    assertEquals(stdout.every((byte, at) => byte === all[at]), true);
  }));

Deno.test("run: arguments reach the program, and the report is on standard error with --json", () =>
  withMachine(async (folder) => {
    const ended = await run(folder, ["--json"], "/argument", "first", "second");
    assertEquals([ended.code, ended.out], [0, "secon"]);
    const [{ name, status }] = JSON.parse(ended.err).programs;
    assertEquals({ name, status }, { name: "program", status: 0 });
  }));

Deno.test("run: 128 and the signal's number, for a fault of its own and for signals to compose", () =>
  withMachine(async (folder) => {
    const fault = await run(folder, ["--json"], "/fault");
    assertEquals(fault.code, 139);
    assertEquals(JSON.parse(fault.err).programs[0].signal, "SIGSEGV");
    for (const [signal, status] of [["SIGTERM", 143], ["SIGINT", 130], ["SIGHUP", 129]] as const) {
      const { child, reader, first } = await started(folder, "/wait");
      assertEquals(first, "here\n");
      child.kill(signal);
      assertEquals((await child.status).code, status);
      await Promise.all([
        reader.cancel(),
        child.stderr.cancel(),
        child.stdin.abort().catch(() => {}),
      ]);
    }
  }));

Deno.test("run: a program whose output nobody reads any more gets SIGPIPE", () =>
  withMachine(async (folder) => {
    const { child, reader, first } = await started(folder, "/chatter");
    assertStringIncludes(first, "again\n");
    await reader.cancel();
    assertEquals((await child.status).code, 141);
    await Promise.all([child.stderr.cancel(), child.stdin.abort().catch(() => {})]);
  }));

Deno.test("run: 127 for a program that is not there, 126 for what is none, 125 for the machine's fault", () =>
  withMachine(async (folder) => {
    assertEquals(await run(folder, [], "/nothing"), {
      code: 127,
      out: "",
      err: "compose: cannot start /nothing: no such file or directory (ENOENT)\n",
    });
    assertEquals((await run(folder, [], "/words")).code, 126);
    await Deno.writeTextFile(`${folder}/small.yaml`, manifest("{ tar: root/words }"));
    const broken = await run(folder, [], "/complain");
    assertEquals([broken.code, broken.out], [125, ""]);
    assertMatch(broken.err, /^compose: .*words/);
    await Deno.writeTextFile(`${folder}/small.yaml`, manifest("{ folder: nowhere }"));
    assertEquals((await run(folder, [], "/complain")).code, 125);
  }));

Deno.test("run: a program is found by its name along PATH, and by a path from its directory", () =>
  withMachine(async (folder) => {
    const { out } = await run(folder, [], "/note");
    assertEquals((await run(folder, ["--env", "PATH=/nowhere:/"], "note")).out, out);
    assertEquals((await run(folder, ["--cwd", "/"], "./note")).out, out);
    const missed = await run(folder, [], "note");
    assertEquals([missed.code, missed.err], [
      127,
      "compose: cannot start note: no such file or directory (ENOENT)\n",
    ]);
  }));

Deno.test("run: wrong use is 2, and says how", () =>
  withMachine(async (folder) => {
    for (
      const [options, words, message] of [
        [[], [], "which program"],
        [["--env", "x"], ["/complain"], "NAME=VALUE"],
        [["--user", "root"], ["/complain"], "numbers"],
      ] as const
    ) {
      const ended = await run(folder, [...options], ...words);
      assertEquals(ended.code, 2);
      assertStringIncludes(ended.err, message);
    }
  }));

Deno.test("run: changes are gone at the end, unless there is a file that keeps them", () =>
  withMachine(async (folder) => {
    for (const _time of [1, 2]) assertEquals((await run(folder, [], "/note")).out, "noted\n");
    const kept = manifest("{ folder: root, keep: changes }");
    await Deno.writeTextFile(`${folder}/small.yaml`, kept);
    for (const times of [1, 2, 3]) {
      assertEquals((await run(folder, [], "/note")).out, "noted\n".repeat(times));
    }
    // Another base is not what the changes were made to.
    await Deno.writeTextFile(`${folder}/root/more`, "");
    const other = await run(folder, [], "/note");
    assertEquals(other.code, 125);
    assertStringIncludes(other.err, "changes");
  }));

Deno.test("run: an archive that cannot be had is named, and the cache it was looked for in", () =>
  withMachine(async (folder) => {
    // Nothing listens on the port of a listener that was closed.
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const address = `http://127.0.0.1:${port}/debian`;
    const packages = manifest(`{ debian: { packages: [dash], mirror: "${address}" } }`);
    await Deno.writeTextFile(`${folder}/small.yaml`, packages);
    const { code, err } = await run(folder, [], "/bin/sh");
    assertEquals(code, 125);
    assertStringIncludes(err, `${address}/dists/trixie/InRelease`);
    assertStringIncludes(err, "cache");
  }));

Deno.test("run: interrupted while it waits for an archive, it leaves nothing half made", () =>
  withMachine(async (folder) => {
    const asked = Promise.withResolvers<void>(), answer = Promise.withResolvers<Response>();
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
      asked.resolve();
      return answer.promise;
    });
    const address = `http://127.0.0.1:${server.addr.port}/debian`;
    const packages = manifest(`{ debian: { packages: [dash], mirror: "${address}" } }`);
    await Deno.writeTextFile(`${folder}/small.yaml`, packages);
    const child = composeCommand(folder, ["run", "small.yaml", "--", "/bin/sh"]).spawn();
    await asked.promise;
    child.kill("SIGINT");
    const { code, stderr } = await child.output();
    assertEquals([code, decoder.decode(stderr)], [130, "compose: interrupted\n"]);
    assertEquals(filesBelow(folder).filter((name) => name.endsWith(".unfinished")), []);
    answer.resolve(new Response());
    await server.shutdown();
  }));

function filesBelow(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) =>
    entry.isDirectory ? filesBelow(`${folder}/${entry.name}`) : [entry.name]
  );
}

interface Step {
  await: string;
  type?: string;
  size?: [rows: number, columns: number];
}

/** A person at a terminal runs a program. */
async function atTerminal(folder: string, words: string[], ...steps: Step[]) {
  const script = new URL("./terminal_session.py", import.meta.url).pathname;
  const command = [Deno.execPath(), ...composeArguments("run", "small.yaml", "--", ...words)];
  const { code, stdout, stderr } = await new Deno.Command("python3", {
    args: [script, JSON.stringify({ command, folder, steps })],
    env: { NO_COLOR: "1", VIRTUOS_CACHE: `${folder}/cache`, TERM: "vt100" },
  }).output();
  assertEquals(code, 0, decoder.decode(stderr));
  return JSON.parse(decoder.decode(stdout)) as { seen: string; code: number; restored: boolean };
}

Deno.test("run: a program at a terminal has one, with echo and the size that it has now", () =>
  withMachine(async (folder) => {
    const size = (rows: number, columns: number) =>
      String.fromCharCode(rows, 0, columns, 0).replaceAll("\0", "");
    const { seen, code, restored } = await atTerminal(
      folder,
      ["/sizes"],
      { await: size(30, 100), size: [50, 120], type: "go on\r" },
      { await: `go on\r\n${size(50, 120)}` },
    );
    assertEquals([code, restored], [0, true], seen);
  }));

Deno.test("run: Ctrl-C at a terminal is the program's, Ctrl-D its end, and lines end as they should", () =>
  withMachine(async (folder) => {
    const copied = await atTerminal(folder, ["/greet"], { await: "here\r\n", type: "line\r" }, {
      await: "line\r\nline\r\n",
      type: "\x04",
    });
    assertEquals([copied.code, copied.restored], [0, true]);
    assertEquals(copied.seen.endsWith("here\r\nline\r\nline\r\n"), true, copied.seen);
    const interrupted = await atTerminal(folder, ["/wait"], { await: "here", type: "\x03" });
    assertEquals([interrupted.code, interrupted.restored], [130, true]);
  }));

Deno.test("run: Ctrl-A x leaves a program that hears nothing", () =>
  withMachine(async (folder) => {
    const left = await atTerminal(folder, ["/deaf"], { await: "here", type: "\x03\x1c\x01x" });
    assertEquals([left.code, left.restored], [137, true]);
  }));

Deno.test("run: whoever asks three times does not wait for the program", () =>
  withMachine(async (folder) => {
    const { child, reader, first } = await started(folder, "/deaf");
    assertEquals(first, "here\n");
    for (let times = 1; times <= 3; times++) {
      child.kill("SIGINT");
      // Signals of one kind that come together are one.
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    assertEquals((await child.status).code, 125);
    await Promise.all([
      reader.cancel(),
      child.stderr.cancel(),
      child.stdin.abort().catch(() => {}),
    ]);
  }));

/** A root file system whose shell is one of the small programs, and what its preparation says. */
async function prepare(folder: string, shell: string, commands: string[]): Promise<Ended> {
  await Deno.mkdir(`${folder}/root/bin`, { recursive: true });
  await Deno.copyFile(`${folder}/root/${shell}`, `${folder}/root/bin/sh`);
  const rootfs = `{ folder: root, prepare: ${JSON.stringify(commands)} }`;
  await Deno.writeTextFile(`${folder}/small.yaml`, manifest(rootfs));
  return await run(folder, [], "/note");
}

Deno.test("run: what a root file system is prepared with is there in every run, and made once", () =>
  withMachine(async (folder) => {
    const noted = (times: number) => ({ code: 0, out: "noted\n".repeat(times), err: "" });
    assertEquals(await prepare(folder, "note", ["one", "two"]), noted(3));
    assertEquals(await run(folder, [], "/note"), noted(3));
    assertEquals(await prepare(folder, "note", ["one"]), noted(2));
  }));

Deno.test("run: a preparation that fails says what failed and how, and leaves nothing", () =>
  withMachine(async (folder) => {
    const { code, out, err } = await prepare(folder, "complain", ["set it up"]);
    assertEquals([code, out], [125, ""]);
    assertStringIncludes(err, 'Cannot prepare disk0: "set it up" ended with 3');
    assertStringIncludes(err, "said\ncomplained");
    const left = [...Deno.readDirSync(`${folder}/cache/images`)].map(({ name }) => name);
    assertEquals(left.filter((name) => name.includes("part") || name.includes("prepared")), []);
  }));
