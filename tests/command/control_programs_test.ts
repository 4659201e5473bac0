// Programs of a running system: in which order they start and stop, whether they work, and when they start again.
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { withManifest } from "./controlled_system.ts";

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
