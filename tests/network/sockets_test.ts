// Sockets as programs see them: the same programs on a machine and under QEMU's user mode, which passes
// their calls to the host's kernel, say the same; with the network slice in a domain of its own and in the
// primary. A listening socket outlives its server.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { compile, load, type Plan } from "../../mod.ts";
import { withFolder } from "../fixtures/boot_harness.ts";
import { compilePrograms, lacksTools, QEMU } from "../guest/cross_compiler.ts";
import { guestPlan, runGuest } from "../guest/guest_machine.ts";

const sources = new URL("sockets/", import.meta.url);
const ignore = lacksTools("tests of sockets");

const network = (isolation: string) => `
kind: System
name: sockets
extends: guest.yaml
slices:
  network: [sockets, tcpip]
domains:
  network:
    isolation: ${isolation}
    memory: 64MiB
    slices: [network]
    ring: { depth: 64, arena: 8MiB }
${
  isolation === "none"
    ? ""
    : "    recovery: { policy: restart, clients: retry, backoff: 1ms, restarts: 100, heartbeat: 1s }"
}
`;

/** A plan for one of the programs, on a machine with a network slice. */
async function socketPlan(folder: string, program: string, isolation: string): Promise<Plan> {
  await compilePrograms(sources, [program], `${folder}/root`);
  const disk = `rootfs: { folder: ${folder}/root }`;
  const { programs } = await guestPlan(folder, disk, { words: [`/${program}`] });
  await Deno.writeTextFile(`${folder}/sockets.yaml`, network(isolation));
  const { plan, diagnostics } = compile(await load(`${folder}/sockets.yaml`));
  if (plan === undefined) throw new Error(diagnostics.map((each) => each.message).join("\n"));
  return { ...plan, programs };
}

const asOnLinux = {
  ancillary: "what goes with datagrams is what Linux says, of which QEMU knows less",
  errors: "what became of datagrams is in their sockets' error queues, as Linux has it",
};

for (const [program, name] of Object.entries(asOnLinux)) {
  Deno.test({
    name,
    ignore,
    fn: () =>
      withFolder(async (folder) => {
        const { status, out, err } = await runGuest(await socketPlan(folder, program, "process"));
        assertEquals(err, "");
        // The same program's, on Linux.
        assertEquals(out, await Deno.readTextFile(new URL(`${program}.txt`, sources)));
        assertEquals(status, 0);
      }),
  });
}

for (const program of ["unix_sockets", "internet_sockets"]) {
  for (const isolation of ["process", "none"]) {
    Deno.test({
      name: `${program}: as under QEMU, with isolation ${isolation}`,
      ignore,
      fn: () =>
        withFolder(async (folder) => {
          const plan = await socketPlan(folder, program, isolation);
          const { code, stdout } = await new Deno.Command(QEMU, {
            args: [`${folder}/root/${program}`],
          }).output();
          const { status, out, err } = await runGuest(plan);
          assertEquals(err, "");
          assertEquals(out, new TextDecoder().decode(stdout));
          assertEquals(status, code);
        }),
    });
  }
}

Deno.test({
  name: "recvmmsg gives up after its timeout",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const { out } = await runGuest(await socketPlan(folder, "several_messages", "process"));
      assertEquals(
        out,
        "no time: 1 messages, left 0\nenough: 3 messages, left 1\nthe rest: 2 messages, left 1\n" +
          "no moment: -1 Invalid argument, left 0\n",
      );
    }),
});

Deno.test({
  name: "/proc/net and sock_diag tell of sockets",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const { out } = await runGuest(await socketPlan(folder, "network_files", "process"));
      const lines = out.trimEnd().split("\n");
      assertMatch(lines[0], /^\/proc\/net\/tcp: +0: 0100007F:1F40 00000000:0000 0A /);
      assertMatch(
        lines[1],
        /^\/proc\/self\/net\/unix: 0{16}: 00000002 0{8} 00010000 0001 01 +\d+ @hidden$/,
      );
      assertMatch(lines[2], /^\/proc\/net\/dev: +lo: /);
      assertEquals(lines.slice(3), [
        // Both of them, one of TCP.
        "/proc/net/sockstat: sockets: used 2",
        "/proc/net/sockstat: TCP: inuse 1 orphan 0 tw 0",
        "/proc/net/sockstat: UDP: inuse 0",
        "inode: the same, as its link",
        "family 2, state 10, port 8000",
        "done, 7",
        "inode: the same, as its link",
        "done, 7",
        "done, 7",
        "error",
      ]);
    }),
});

Deno.test({
  name: "a listening socket is there again when the network's domain was killed",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const plan = await socketPlan(folder, "survives", "process");
      let kills = 0, restarts = 0;
      const { status, out } = await runGuest(plan, (event, machine) => {
        if (event.kind === "domain-restarting" && event.domain === "network") restarts++;
        if (event.kind !== "program-started") return;
        const again = () => {
          machine().kill("network");
          if (++kills < 3) setTimeout(again, 300);
        };
        // The first comes about while the server begins to listen.
        setTimeout(again, 100);
      });
      assertEquals(status, 0);
      assertEquals(out, "most answered, 0 wrong, last 1\n");
      assertEquals(kills, 3);
      assert(restarts >= 3, `${restarts} restarts`);
    }),
});
