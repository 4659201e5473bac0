// Our TCP/IP against Linux's own: a tap device in a network namespace made for each test, our stack on one
// side and a program with Linux sockets on the other. The host's network is not touched.
import { assertEquals } from "@std/assert";
import type { TapPlan, TapResult } from "./tap/tap_host.ts";

/** What the tests need, each tried in the way they use it. */
const NEEDS = [
  ["python3", "--version"],
  ["unshare", "-rn", "ip", "tuntap", "add", "dev", "tap0", "mode", "tap"],
];

/** Why these tests cannot run here; undefined where they can. */
function missing(): string | undefined {
  for (const [program, ...args] of NEEDS) {
    try {
      const { success, stderr } = new Deno.Command(program, { args }).outputSync();
      if (!success) return `${program}: ${new TextDecoder().decode(stderr).trim()}`;
    } catch {
      return `there is no ${program}`;
    }
  }
  return undefined;
}

const why = missing();

function run(plan: Partial<TapPlan>): TapResult {
  const whole: TapPlan = {
    mtu: 1500,
    six: false,
    seed: 1,
    role: "connect",
    send: 0,
    peer: {},
    ...plan,
    faults: plan.faults ?? { loss: 0, duplication: 0, reordering: 0 },
  };
  const program = new URL("tap/tap_host.ts", import.meta.url).pathname;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const { success, stdout, stderr } = new Deno.Command("unshare", {
    args: [
      "-rn",
      Deno.execPath(),
      "run",
      "--quiet",
      "--no-check",
      "--config",
      config,
      "--allow-all",
      program,
      JSON.stringify(whole),
    ],
    stdout: "piped",
    stderr: "piped",
  }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Runs a plan in which both sides send, and holds that both got what was sent. */
function exchange(plan: Partial<TapPlan>): TapResult {
  const result = run(plan);
  const { ours, theirs } = result;
  const told = JSON.stringify(result);
  assertEquals([ours.error, theirs.error], ["", ""], told);
  assertEquals(ours.receivedHash, theirs.sentHash, told);
  assertEquals(theirs.receivedHash, ours.sentHash, told);
  assertEquals([ours.sent, theirs.sent], [plan.send, plan.peer?.send], told);
  return result;
}

function test(name: string, body: () => void): void {
  const skipped = why === undefined ? "" : ` (skipped, ${why})`;
  Deno.test({ name: `against Linux: ${name}${skipped}`, ignore: why !== undefined, fn: body });
}

const BYTES = 4_000_000;
const BAD = { loss: 0.01, duplication: 0.01, reordering: 0.02 };

for (const six of [false, true]) {
  const version = six ? "IPv6" : "IPv4";
  test(`bytes both ways, we connect, ${version}`, () => {
    exchange({ six, role: "connect", send: BYTES, peer: { send: BYTES } });
  });
  test(`bytes both ways, Linux connects, ${version}`, () => {
    exchange({ six, role: "listen", send: BYTES, peer: { send: BYTES } });
  });
  test(`bytes both ways over a bad link, ${version}`, () => {
    exchange({ six, role: "connect", faults: BAD, send: 1e6, peer: { send: 1e6 } });
    exchange({ six, role: "listen", faults: BAD, seed: 2, send: 1e6, peer: { send: 1e6 } });
  });
  test(`datagrams, also in fragments, ${version}`, () => {
    for (const role of ["connect", "listen"] as const) {
      for (const send of [10, 1472, 20_000]) {
        const { ours, theirs } = run({
          six,
          role,
          udp: true,
          count: 5,
          send,
          peer: { udp: true, count: 5, send },
        });
        assertEquals([ours.error, theirs.error], ["", ""], `${role} ${send}`);
        assertEquals([ours.received, theirs.received], [5 * send, 5 * send], `${role} ${send}`);
      }
    }
  });
  test(`a port where nobody listens, ${version}`, () => {
    for (const udp of [false, true]) {
      const refused = run({ six, role: "connect", udp, count: 1, alone: true, send: 10 });
      assertEquals(refused.ours.error, "ECONNREFUSED");
    }
  });
}

test("packets of all sizes", () => {
  for (const mtu of [576, 1280, 9000]) {
    exchange({ mtu, role: "connect", send: 500_000, peer: { send: 500_000 } });
    exchange({ mtu, role: "listen", send: 500_000, peer: { send: 500_000 } });
  }
});

test("many short connections at a time", () => {
  for (const six of [false, true]) {
    const faults = six ? { ...BAD, loss: 0.002 } : undefined;
    const { theirs } = run({
      six,
      faults,
      role: "listen",
      echo: true,
      peer: { storm: 8, count: 40 },
    });
    assertEquals([theirs.error, theirs.received], ["", 320]);
  }
});

test("one direction ends before the other begins", () => {
  exchange({ send: 300_000, peer: { send: 300_000, order: "receive first" } });
  exchange({ send: 300_000, order: "receive first", peer: { send: 300_000, order: "send first" } });
});

test("a program that does not read for a while closes the window", () => {
  exchange({ send: 3_000_000, peer: { send: 1000, pause: 1.5 } });
});

test("our program does not read for a while", () => {
  exchange({ send: 1000, pauseMs: 1500, peer: { send: 3_000_000 } });
});

test("keep-alives of Linux are answered", () => {
  // Linux asks every second, and would give up after two questions.
  const keepAlive = { idle: 1, interval: 1, count: 2 };
  exchange({ send: 1000, pauseMs: 5000, peer: { send: 1000, keepAlive } });
});

/** Whether the kernel can lose and delay packets by itself. */
function hasNetem(): boolean {
  const args = ["-rn", "tc", "qdisc", "add", "dev", "lo", "root", "netem", "loss", "1%"];
  try {
    return new Deno.Command("unshare", { args }).outputSync().success;
  } catch {
    return false;
  }
}

const netem = why === undefined && hasNetem();

Deno.test({
  name: `against Linux: delay, loss and reordering by netem${
    netem ? "" : " (skipped, the kernel has no netem)"
  }`,
  ignore: !netem,
  fn: () => {
    const line = ["delay", "10ms", "2ms", "loss", "1%", "reorder", "5%"];
    exchange({ netem: line, send: 1_000_000, peer: { send: 1_000_000 } });
    exchange({
      netem: line,
      six: true,
      role: "listen",
      send: 1_000_000,
      peer: { send: 1_000_000 },
    });
  },
});

test("a reset ends the connection on either side", () => {
  const theirs = run({
    send: 10,
    order: "receive first",
    peer: { end: "reset", order: "send first" },
  });
  assertEquals(theirs.ours.error, "ECONNRESET");
  const ours = run({ send: 10, end: "reset", peer: { send: 0 } });
  assertEquals(ours.theirs.error, "ConnectionResetError");
});
