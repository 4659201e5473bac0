// A network whose driver is a domain of its own, apart from TCP/IP: it carries what it should, over deaths of the
// driver and of the stack; and a driver that never comes leaves a machine with its loopback interface.
import { assert, assertEquals } from "@std/assert";
import { compile, type FaultPlan, load, type RunningMachine } from "../../mod.ts";
import { withFolder } from "../fixtures/boot_harness.ts";
import { beside, echoed, freePort } from "./network_server.ts";

const manifest = (port: number, stack: string, isolation: string) => `
kind: System
name: isolated-driver
machine:
  memory: 512MiB
  devices:
    console0: { model: virtio-console }
    rng0: { model: virtio-rng }
    net0: { model: virtio-net, backend: { user: { forward: [{ from: "127.0.0.1:${port}", to: 80 }] } } }
slices:
  network: [sockets, tcpip, virtio-net]
  terminal: [devfs, virtio-console, virtio-rng]
domains:
  primary:
    primary: true
    memory: 96MiB
    slices: [terminal${stack === "primary" ? ", network" : ""}]
    components: [process, vfs, tmpfs]
    devices: [console0, rng0]
${
  stack === "primary" ? "" : `
  network:
    isolation: ${isolation}
    memory: 64MiB
    slices: [network]
    ring: { depth: 64, arena: 8MiB }
    recovery: { policy: restart, clients: retry, backoff: 1ms, restarts: 100 }
`
}
  nic:
    isolation: ${isolation}
    memory: 32MiB
    components: [virtio-net]
    devices: [net0]
    ring: { depth: 64, arena: 8MiB }
    recovery: { policy: restart, clients: retry, backoff: 1ms, restarts: 100 }
mounts:
  /: { filesystem: tmpfs }
  /dev: { filesystem: devfs }
programs:
  main: { run: "${new URL("./network_program.ts", import.meta.url)}", args: ["serve", "80"] }
`;

const BYTES = 2_000_000;

/** Runs a body with a machine whose server listens at a port of the host. */
function withServer(
  stack: string,
  isolation: string,
  body: (port: number, machine: RunningMachine) => Promise<void>,
  faults: FaultPlan[] = [],
): Promise<void> {
  return withFolder(async (folder) => {
    const port = freePort();
    await Deno.writeTextFile(`${folder}/system.yaml`, manifest(port, stack, isolation));
    const { plan, diagnostics } = compile(await load(`${folder}/system.yaml`));
    if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
    await beside({ ...plan, faults }, (machine) => body(port, machine));
  });
}

/** Has everything echoed, and does something each time that a part has come back. */
async function echo(port: number, parts: number, between: () => void): Promise<void> {
  const sent = new Uint8Array(BYTES).map((_, at) => at * 7 ^ at >> 9);
  let passed = 0;
  const back = await echoed(port, sent, (received) => {
    if (received <= BYTES * passed / parts) return;
    passed++;
    between();
  });
  assertEquals(back.length, BYTES);
  assert(sent.every((byte, at) => byte === back[at]), "other bytes came back");
}

for (const [stack, isolation] of [["primary", "process"], ["primary", "worker"]]) {
  Deno.test(`a driver apart from a stack in the ${stack} (${isolation}) dies under a connection`, () =>
    withServer(stack, isolation, async (port, machine) => {
      await echo(port, 5, () => machine.kill("nic"));
      await echo(port, 1, () => {});
      await machine.stop(0);
      const { recoveries } = await machine.wait();
      assertEquals(recoveries.map(({ domain }) => domain), Array(5).fill("nic"));
    }));
}

Deno.test("a driver apart from a stack in a domain: each dies in turn under a connection", () =>
  withServer("network", "process", async (port, machine) => {
    let kills = 0;
    await echo(port, 6, () => machine.kill(kills++ % 2 === 0 ? "nic" : "network"));
    await echo(port, 1, () => {});
    assertEquals(kills, 6);
  }));

for (const kind of ["crash", "hang", "wild-dma", "corrupt-ring"] as const) {
  const fault: FaultPlan = {
    place: "nic",
    at: "domain",
    kind,
    requests: { call: "frames-sent", numbers: { frames: 2065 }, counts: [60, 90] },
  };
  Deno.test(`a driver apart from its stack: ${kind} instead of a batch of frames`, () =>
    withServer("primary", "process", async (port, machine) => {
      await echo(port, 1, () => {});
      await machine.stop(0);
      const { recoveries } = await machine.wait();
      assertEquals(recoveries.map(({ domain }) => domain), ["nic", "nic"]);
    }, [fault]));
}
