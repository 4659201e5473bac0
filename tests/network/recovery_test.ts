// The network's domain dies under connections. With the contract `retry` they go on as if nothing had been:
// every byte comes once and in its place. With `error` they are reset. Listening sockets come back.
import { assert, assertEquals } from "@std/assert";
import { compile, type FaultPlan, load, type Plan, type RunningMachine } from "../../mod.ts";
import { type Run, runMachine, withFolder } from "../fixtures/boot_harness.ts";
import { beside, echoed, freePort } from "./network_server.ts";

const manifest = (isolation: string, contract: string, program: string, device: string) => `
kind: System
name: network
machine:
  memory: 512MiB
  devices:
    console0: { model: virtio-console }
    rng0: { model: virtio-rng }
${device === "" ? "" : `    net0: ${device}\n`}
slices:
  network: [sockets, tcpip${device === "" ? "" : ", virtio-net"}]
  terminal: [devfs, virtio-console, virtio-rng]
domains:
  primary:
    primary: true
    slices: [terminal]
    components: [process, vfs, tmpfs]
    devices: [console0, rng0]
  network:
    isolation: ${isolation}
    memory: 64MiB
    slices: [network]
    devices: [${device === "" ? "" : "net0"}]
    ring: { depth: 64, arena: 8MiB }
    recovery: { policy: restart, clients: ${contract}, backoff: 1ms, restarts: 100 }
mounts:
  /: { filesystem: tmpfs }
  /dev: { filesystem: devfs }
programs:
  main: { run: "${new URL("./network_program.ts", import.meta.url)}", args: ${program} }
`;

async function planWith(
  folder: string,
  text: string,
  faults: FaultPlan[] = [],
): Promise<Plan> {
  await Deno.writeTextFile(`${folder}/network.yaml`, text);
  const { plan, diagnostics } = compile(await load(`${folder}/network.yaml`));
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return { ...plan, faults };
}

const BYTES = 3_000_000;
const story = ({ events, output }: Run) =>
  [...output, ...events.map((event) => JSON.stringify(event))].join("\n");

/** The domain crashes instead of so many requests of any kind, again and again. */
const crashes: FaultPlan = {
  place: "network",
  at: "domain",
  kind: "crash",
  requests: { numbers: {}, counts: [90, 130, 170, 110, 150, 210] },
};

for (const isolation of ["process", "worker"]) {
  Deno.test(`${isolation}, retry: a connection goes on over six crashes, and no byte is lost or comes twice`, () =>
    withFolder(async (folder) => {
      const program = `["exchange", "80", "${BYTES}"]`;
      const plan = await planWith(folder, manifest(isolation, "retry", program, ""), [crashes]);
      const run = await runMachine(plan);
      assertEquals(run.output.get("main"), `listening\n${BYTES} bytes came back\n`, story(run));
      assertEquals(run.report.programs.map(({ status }) => status), [0]);
      assertEquals(run.report.recoveries.length, 6, story(run));
    }));
}

for (const kind of ["hang", "corrupt-ring", "slow"] as const) {
  Deno.test(`retry: a connection goes on over ${kind}`, () =>
    withFolder(async (folder) => {
      const program = `["exchange", "80", "${BYTES}"]`;
      const fault: FaultPlan = {
        place: "network",
        at: "domain",
        kind,
        requests: { call: "sendto", numbers: { sockets: 206 }, counts: [60, 90] },
        ...(kind === "slow" ? { byMs: 3, forMs: 200 } : {}),
      };
      const plan = await planWith(folder, manifest("process", "retry", program, ""), [fault]);
      plan.domains.find(({ name }) => name === "network")!.recovery.heartbeatMs = 200;
      const run = await runMachine(plan);
      assertEquals(run.output.get("main"), `listening\n${BYTES} bytes came back\n`, story(run));
      assertEquals(run.report.recoveries.length, kind === "slow" ? 0 : 2, story(run));
    }));
}

Deno.test("error: a connection is reset", () =>
  withFolder(async (folder) => {
    const program = `["exchange", "80", "${BYTES}"]`;
    const plan = await planWith(folder, manifest("process", "error", program, ""), [crashes]);
    const run = await runMachine(plan);
    assertEquals(run.output.get("main"), "listening\nECONNRESET\n", story(run));
  }));

/** What a new connection is answered; undefined where there is no answer. */
async function ask(port: number): Promise<number[] | undefined> {
  try {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(Uint8Array.of(1, 2, 3));
    const answer = new Uint8Array(3);
    const count = await connection.read(answer);
    return count === null ? undefined : [...answer.subarray(0, count)];
  } catch {
    return undefined;
  }
}

/** Asks until there is an answer, for as long as that is worth. */
async function within<T>(
  limitMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T | undefined> {
  for (const begun = performance.now(); performance.now() - begun < limitMs;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
}

const wild: FaultPlan = {
  place: "network",
  at: "domain",
  kind: "wild-dma",
  requests: { call: "sendto", numbers: { sockets: 206 }, counts: [20, 30] },
};
const lossy: FaultPlan = {
  place: "net0",
  at: "device",
  kind: "packet-loss",
  rate: 0.02,
  seed: 5,
  atMs: [0],
};

for (const [fault, bytes] of [[wild, 2_000_000], [lossy, 400_000]] as const) {
  Deno.test(`retry: what the host sends comes back as it was, over ${fault.kind}`, () =>
    withServer("retry", [fault], async (port, machine) => {
      const sent = new Uint8Array(bytes).map((_, at) => at * 7 ^ at >> 9);
      const back = await echoed(port, sent);
      assertEquals(back.length, sent.length);
      assert(back.every((byte, at) => byte === sent[at]), "bytes differ");
      await machine.stop(0);
      const { recoveries, domains } = await machine.wait();
      assertEquals(recoveries.length, fault === wild ? 2 : 0);
      const { faults } = domains.find(({ name }) => name === "network")!;
      assert(fault === wild ? faults >= 2 : faults === 0, `${faults} faults`);
    }));
}

/** Runs a body with a machine whose server listens at a port of the host. */
function withServer(
  contract: string,
  faults: FaultPlan[],
  body: (port: number, machine: RunningMachine) => Promise<void>,
): Promise<void> {
  return withFolder(async (folder) => {
    const port = freePort();
    const device =
      `{ model: virtio-net, backend: { user: { forward: [{ from: "127.0.0.1:${port}", to: 80 }] } } }`;
    const text = manifest("process", contract, `["serve", "80"]`, device);
    const plan = await planWith(folder, text, faults);
    await beside(plan, (machine) => body(port, machine));
  });
}

for (const contract of ["retry", "error"]) {
  Deno.test(`${contract}: a connection of the host to a machine whose network is killed`, () =>
    withServer(contract, [], async (port, machine) => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      const sent = new Uint8Array(2_000_000).map((_, at) => at * 7 ^ at >> 9);
      const back = new Uint8Array(sent.length);
      const write = async () => {
        for (let done = 0; done < sent.length;) {
          done += await connection.write(sent.subarray(done, done + 50_000));
        }
        await connection.closeWrite();
      };
      const writing = write().then(() => "sent", () => "reset");
      let received = 0, kills = 0;
      for (;;) {
        const count = await connection.read(back.subarray(received)).catch(() => null);
        if (count === null || count === 0) break;
        received += count;
        if (received > kills * 500_000 && kills < 3) {
          machine.kill("network");
          kills++;
        }
      }
      connection.close();
      if (contract === "retry") {
        assertEquals([await writing, received, kills], ["sent", sent.length, 3]);
        assert(back.every((byte, at) => byte === sent[at]), "bytes differ");
      } else {
        await writing;
        assert(received < sent.length);
      }
      // Who connects now is answered, whatever became of the others.
      const answers = await within(10_000, () => ask(port));
      assertEquals(answers, [1, 2, 3]);
    }));
}
