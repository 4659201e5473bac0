// The machine on which domains are killed: two storage domains with a disk each, one to be killed and one beside
// it whose reader is not to notice, and a network domain.
import { compile, load, type Plan } from "../mod.ts";

const manifest = `
kind: System
name: recovery
machine:
  memory: 512MiB
  devices:
    disk0: { model: virtio-blk, image: disk0.img, create: { format: ext4, size: 64MiB } }
    disk1: { model: virtio-blk, image: disk1.img, create: { format: ext4, size: 64MiB } }
    console0: { model: virtio-console }
    rng0: { model: virtio-rng }
slices:
  storage: [vfs, ext4, virtio-blk]
  beside: [vfs, ext4, virtio-blk]
  network: [sockets, tcpip]
  terminal: [devfs, virtio-console, virtio-rng]
domains:
  primary:
    primary: true
    memory: 32MiB
    slices: [terminal]
    components: [process, vfs]
    devices: [console0, rng0]
  storage:
    memory: 64MiB
    slices: [storage]
    devices: [disk0]
    recovery: { policy: restart, clients: retry, backoff: 0ms, restarts: 1000, heartbeat: 5s }
  beside:
    memory: 64MiB
    slices: [beside]
    devices: [disk1]
    # Its reader is to notice how this domain does: all of its reads cross.
    ring: { clientCache: false }
    recovery: { policy: restart, clients: retry }
  network:
    memory: 64MiB
    slices: [network]
    recovery: { policy: restart, clients: retry, backoff: 0ms, restarts: 1000, heartbeat: 5s }
mounts:
  /: { filesystem: ext4, slice: storage }
  /beside: { filesystem: ext4, slice: beside }
  /dev: { filesystem: devfs }
programs:
`;

/** A program of this folder, and its arguments. */
export interface BenchProgram {
  module: string;
  args: string[];
}

/** Makes records durable. */
export const writer: BenchProgram = { module: "./recovery_writer.ts", args: ["/log"] };
/** Sends records to itself over TCP. */
export const echo: BenchProgram = { module: "./recovery_echo.ts", args: ["80"] };
/** Reads a page of the storage domain that is not killed. */
export const reader: BenchProgram = { module: "./recovery_neighbour.ts", args: ["/beside/page"] };

/** The plan of the machine with some programs; its disks are in the folder. */
export async function recoveryPlan(
  folder: string,
  programs: Record<string, BenchProgram>,
): Promise<Plan> {
  const lines = Object.entries(programs).map(([name, { module, args }]) =>
    `  ${name}: { run: "${new URL(module, import.meta.url)}", args: ${JSON.stringify(args)} }\n`
  );
  const file = `${folder}/recovery.yaml`;
  await Deno.writeTextFile(file, manifest + lines.join(""));
  const { plan, diagnostics } = compile(await load(file));
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return plan;
}
