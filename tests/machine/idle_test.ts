// A machine whose programs all sleep costs its host little: its threads sleep too, and their event loops turn only
// when they are told something.
import { assert } from "@std/assert";
import { boot, compile, load, type RunningMachine } from "../../mod.ts";
import { withFolder } from "../fixtures/boot_harness.ts";

const manifest = (isolation: string, port: number) => `
kind: System
name: idle
machine:
  devices:
    disk0: { model: virtio-blk, image: disk.img, create: { format: ext4, size: 64MiB } }
    net0: { model: virtio-net, backend: { user: { forward: [{ from: "127.0.0.1:${port}", to: 80 }] } } }
    console0: { model: virtio-console }
    rng0: { model: virtio-rng }
slices:
  storage: [vfs, ext4, virtio-blk]
  network: [sockets, tcpip, virtio-net]
  terminal: [devfs, virtio-console, virtio-rng]
domains:
  primary:
    primary: true
    slices: [terminal]
    components: [process, vfs]
    devices: [console0, rng0]
  storage: { isolation: ${isolation}, slices: [storage], devices: [disk0] }
  network: { isolation: ${isolation}, slices: [network], devices: [net0] }
mounts:
  /: { filesystem: ext4, slice: storage }
  /dev: { filesystem: devfs }
programs:
  sleeper: { run: ${new URL("./sleeper.ts", import.meta.url)} }
`;

/** What a boot leaves behind is done by then: code that is compiled, memory that is collected. */
const SETTLED_MS = 1500;
const WATCHED_MS = 2000;
/** A thread that never sleeps has a whole processor, or what others leave of one. */
const MOST_SHARE = 0.2;
/** One to answer each look, and some for what comes late. */
const MOST_TURNS = 10;
/** A hart and domains wake 50 times a second, and may look around for 50 µs each time. */
const MOST_SPINS_PER_SECOND = 20_000;
const TICK_MS = 10;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Processor time of each thread of this process and of those it started, in milliseconds. */
function threadTimes(): Map<string, number> {
  // Deno lets nobody look at other processes who may not do everything.
  const { stdout } = new Deno.Command("sh", {
    args: ["-c", "grep -s '' /proc/[0-9]*/task/[0-9]*/stat; true"],
  }).outputSync();
  const times = new Map<string, number>();
  for (const line of new TextDecoder().decode(stdout).trimEnd().split("\n")) {
    const [, process, thread, rest] = /^.proc.(\d+).task.(\d+).stat:.*\) (.*)$/.exec(line)!;
    // The fields of proc_pid_stat(5) from the state on.
    const fields = rest.split(" ");
    if (Number(process) !== Deno.pid && Number(fields[1]) !== Deno.pid) continue;
    times.set(`${process}/${thread}`, (Number(fields[11]) + Number(fields[12])) * TICK_MS);
  }
  return times;
}

async function watch(machine: RunningMachine): Promise<void> {
  await sleep(SETTLED_MS);
  const before = await machine.look(), timesBefore = threadTimes(), startMs = performance.now();
  await sleep(WATCHED_MS);
  const times = threadTimes(), elapsedMs = performance.now() - startMs;
  const after = await machine.look();
  for (const thread of ["hart", "devices"] as const) {
    const turns = after.eventLoopTurns[thread] - before.eventLoopTurns[thread];
    assert(turns <= MOST_TURNS, `the event loop of ${thread} turned ${turns} times`);
  }
  after.domains.forEach(({ name, spins }, index) => {
    const rate = (spins - before.domains[index].spins) / elapsedMs * 1000;
    assert(rate <= MOST_SPINS_PER_SECOND, `${name} looked for work ${rate} times a second`);
  });
  for (const [thread, ms] of times) {
    const share = (ms - (timesBefore.get(thread) ?? 0)) / elapsedMs;
    assert(share <= MOST_SHARE, `thread ${thread} took ${share.toFixed(2)} of a processor`);
  }
}

for (const isolation of ["process", "worker", "none"]) {
  Deno.test({
    name: `a machine whose programs sleep costs little: isolation ${isolation}`,
    ignore: Deno.build.os !== "linux",
    fn: () =>
      withFolder(async (folder) => {
        const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
        const { port } = listener.addr as Deno.NetAddr;
        listener.close();
        Deno.writeTextFileSync(`${folder}/idle.yaml`, manifest(isolation, port));
        const { plan, diagnostics } = compile(await load(`${folder}/idle.yaml`));
        if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join());
        const ready = Promise.withResolvers<void>();
        const machine = await boot(plan, {
          onEvent: (event) => {
            if (event.kind === "ready") ready.resolve();
            if (event.kind === "not-ready") ready.reject(new Error(event.reason));
          },
        });
        try {
          await ready.promise;
          await watch(machine);
        } finally {
          await machine.stop(0);
        }
      }),
  });
}
