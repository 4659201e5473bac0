// Running systems as a user acts on them: in the background, from another terminal, by name and by manifest.
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decoder, WAIT, withManifest } from "./controlled_system.ts";

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
    const unknown = await place.compose("logs", "--program", "mian", "small");
    assertEquals([unknown.code, unknown.err], [
      1,
      'compose: system "small" has no program "mian": did you mean "main"?\n',
    ]);
    assertEquals((await place.compose("logs", "--since", "2001-01-01", "small")).out, logs.out);
    const traced = await place.compose("trace", "--out", "missing/x.json", "small");
    assertEquals([traced.code, traced.err], [
      2,
      "compose: Cannot write the trace to missing/x.json: No such file or directory\n",
    ]);
    assertEquals((await place.compose("top", "--once", "--serve", ":0", "small")).code, 2);
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

Deno.test("stop: programs that do not end are killed after their time of grace", () =>
  withManifest("  main: { run: /deaf, stop_timeout: 600s }", async (place) => {
    await place.compose("up", "-d", "small.yaml");
    const beganMs = performance.now();
    assertEquals((await place.compose("stop", "--timeout", "300ms", "small")).code, 0);
    assertEquals(performance.now() - beganMs < 60_000, true);
    assertEquals((await place.systems())[0].end.report.programs[0].signal, "SIGKILL");
    assertEquals((await place.compose("stop", "--timeout", "soon", "small")).code, 2);
  }));

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
