// Plans to export: those of the examples, and some with what no example has.
import { compile, load } from "../../compose/mod.ts";
import { calls, disk } from "../../compose/disk.ts";
import type { Plan } from "../../schemas/plan.ts";

const root = new URL("../../", import.meta.url);

async function compiled(name: string, text: string): Promise<Plan> {
  const path = new URL(name, root).pathname;
  const { plan, diagnostics } = compile(await load(path, disk, text), calls);
  if (plan === undefined) throw new Error(diagnostics.map((one) => one.message).join("\n"));
  return plan;
}

/** The plan of a manifest in the folder of examples, by its path in the project. */
export const examplePlan = (name: string): Promise<Plan> =>
  compiled(name, Deno.readTextFileSync(new URL(name, root)));

/** Names that differ in what identifiers lack, more memory than 32 bits address, and a disk that has to be quoted. */
const manifest = (backend: string) => `
kind: System
name: odd-system
machine:
  memory: 6GiB
  devices:
    disk-0: { model: virtio-blk, image: "it's, a \\"disk\\" -- <here>.img", create: { size: 64MiB }, readOnly: true }
    net0: { model: virtio-net, capture: "all, frames.pcap", backend: { ${backend} } }
    tty_0: { model: virtio-console }
    rng-0: { model: virtio-rng }
slices:
  storage: [vfs, ext4, virtio-blk]
  network: [sockets, tcpip, virtio-net]
  terminal: [devfs, virtio-console, virtio-rng]
domains:
  primary:
    primary: true
    memory: 32MiB
    slices: [terminal]
    components: [process, vfs, tmpfs]
    devices: [tty_0, rng-0]
  a-b:
    memory: 4GiB
    slices: [storage]
    ring: { style: trap, depth: 2, arena: 64KiB }
    recovery: { policy: restart, clients: error, backoff: 3ms, restarts: 2, heartbeat: 70ms }
  a_b:
    memory: 5000KiB
    components: [virtio-blk]
    devices: [disk-0]
    recovery: { policy: fail }
  supervisor: { memory: 64MiB, slices: [network], devices: [net0], recovery: { policy: fail } }
mounts:
  /: { filesystem: ext4, slice: storage }
  "/a -- b*": { filesystem: tmpfs }
  /dev: { filesystem: devfs }
programs:
  first: { run: /bin/sh }
  reader: { run: /bin/sh, stdin: console }
faults:
  - { domain: a-b, kind: crash, at: 1s }
`;

const backends = {
  closed: 'user: { allow: ["example.org:443"], dns: { example.org: 192.0.2.1 }, ' +
    'forward: [{ from: "127.0.0.1:8081", to: 80 }, { from: "[::1]:8081", to: 80, protocol: udp }] }',
  open: 'user: { allow: ["*:*"] }',
  tap: "tap: tap7",
  loop: "loop: { segment: a-segment-with-a-long-name, loss: 5, delay: 3ms }",
};

/** All of them, by what tests call them. */
export async function exportedPlans(): Promise<Map<string, Plan>> {
  const plans = new Map<string, Plan>();
  for (const folder of ["examples", "examples/architectures"]) {
    for (const { name } of Deno.readDirSync(new URL(folder, root))) {
      if (!name.endsWith(".yaml") || name === "base.yaml") continue;
      plans.set(`${folder}/${name}`, await examplePlan(`${folder}/${name}`));
    }
  }
  for (const [name, backend] of Object.entries(backends)) {
    plans.set(`odd, ${name}`, await compiled("examples/odd.yaml", manifest(backend)));
  }
  return new Map([...plans].sort(([left], [right]) => left < right ? -1 : 1));
}
