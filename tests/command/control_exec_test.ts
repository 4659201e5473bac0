// Further programs on a running system, and signals to those that it has.
import { assertEquals, assertMatch } from "@std/assert";
import { composeArguments } from "../fixtures/boot_harness.ts";
import { decoder, WAIT, withManifest } from "./controlled_system.ts";

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
      err: "compose: cannot start /nothing: no such file or directory (ENOENT)\n",
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

Deno.test("kill: a signal to a program that has one of its own", () =>
  withManifest("  main: { run: /deaf }\n  other: { run: /wait }", async (place) => {
    await place.compose("up", "-d", "small.yaml");
    assertEquals((await place.compose("kill", "small", "main")).code, 0);
    const usr1 = await place.compose("kill", "-s", "usr1", "--json", "small", "other");
    assertEquals([usr1.code, JSON.parse(usr1.out)], [0, {
      system: "small",
      signal: 10,
      programs: ["other"],
    }]);
    const statuses = async () =>
      (await place.systems())[0].now.machine.programs.map(({ signal }: { signal?: string }) =>
        signal
      );
    while ((await statuses())[1] !== "SIGUSR1");
    assertEquals((await statuses())[0], undefined);
    const nobody = await place.compose("kill", "small", "nobody");
    assertEquals([nobody.code, nobody.err], [
      1,
      'compose: There is no program "nobody": known: main, other\n',
    ]);
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
