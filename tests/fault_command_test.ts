// `compose fault` on a system that runs: what is asked for happens, and what cannot is refused with a hint.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { composeCommand, withFolder } from "./boot_harness.ts";

/** A storage domain, and a program that writes to it for as long as anybody looks. */
const manifest = `kind: System
name: small
machine:
  devices:
    disk0: { model: virtio-blk, image: disk.img, create: { format: ext4, size: 64MiB } }
    console0: { model: virtio-console }
    rng0: { model: virtio-rng }
slices:
  storage: [vfs, ext4, virtio-blk]
  terminal: [devfs, virtio-console, virtio-rng]
domains:
  primary:
    primary: true
    slices: [terminal]
    components: [process, vfs]
    devices: [console0, rng0]
  storage:
    slices: [storage]
    devices: [disk0]
    recovery: { policy: restart, clients: retry, backoff: 1ms }
mounts:
  /: { filesystem: ext4, slice: storage }
  /dev: { filesystem: devfs }
programs:
  writer: { run: ${new URL(
  "../examples/programs/record_writer.ts",
  import.meta.url,
)}, args: [/records, "100000000"] }
`;

/** Long enough for a host that does much else. */
const LIMIT_MS = 30_000;

Deno.test("fault: domains and devices of a running system go wrong as they are told, and it goes on", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/small.yaml`, manifest);
    const compose = async (...args: string[]) => {
      const { code, stdout, stderr } = await composeCommand(folder, args).output();
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      return { code, out: text(stdout), err: text(stderr) };
    };
    const restarts = async () => {
      const { out } = await compose("ps", "--json");
      return JSON.parse(out).systems[0].now.machine.restarts as number;
    };
    try {
      const up = await compose("up", "-d", "small.yaml");
      assertEquals(up.code, 0, up.err);
      for (const [index, kind] of ["crash", "corrupt-ring"].entries()) {
        const done = await compose("fault", "small", "storage", kind, "--json");
        assertEquals([done.code, done.err], [0, ""]);
        assertEquals(JSON.parse(done.out), { system: "small", place: "storage", kind });
        const deadline = performance.now() + LIMIT_MS;
        while (await restarts() <= index) assert(performance.now() < deadline, `no ${kind}`);
      }
      const slow = ["--by", "5ms", "--for", "1s"];
      assertEquals((await compose("fault", "small", "storage", "slow", ...slow)).code, 0);

      const refused: [args: string[], code: number, said: string][] = [
        [["sotrage", "crash"], 1, 'There is no service domain "sotrage"'],
        [["storage", "crahs"], 2, 'There is no fault "crahs": did you mean "crash"?'],
        [["storage", "slow"], 2, "Say by how much: --by 5ms"],
        [["storage", "crash", "--by", "5ms"], 2, '--by means nothing to "crash"'],
        [["disk0", "packet-loss", "--rate", "10"], 1, "does not happen in a virtio-blk"],
        [["disk1", "disk-full"], 1, 'There is no device "disk1"'],
      ];
      for (const [args, code, said] of refused) {
        const answer = await compose("fault", "small", ...args);
        assertEquals(answer.code, code, answer.err);
        assertStringIncludes(answer.err, said);
      }

      const { out } = await compose("logs", "small");
      assertMatch(out, /domain "storage" failed: crashed by command/);
      assertMatch(out, /domain "storage" failed: wrote nonsense into its ring/);
      assertMatch(out, /domain "storage" answered its first call after \d+ ms/);
    } finally {
      await compose("stop", "--timeout", "0s", "small");
    }
  }));
