// A machine on the host's network, whole: the host asks a server in the machine and gets its answers, the
// machine reaches what it may and nothing else, and the network's domain dies meanwhile.
import { assert, assertEquals } from "@std/assert";
import { boot, compile, load, type RunningMachine } from "../../mod.ts";
import { seededRandom } from "../../schemas/seeded_random.ts";
import { hostSockets } from "../../runtime/hardware/network/user/host_sockets.ts";
import { withFolder } from "../fixtures/boot_harness.ts";
import { freePort } from "./network_server.ts";
import { compilePrograms, lacksTools } from "../guest/cross_compiler.ts";
import { guestPlan } from "../guest/guest_machine.ts";

const sources = new URL("sockets/", import.meta.url);
const ignore = lacksTools("tests of machines on the network");
const LIMIT_MS = 60_000;

const manifest = (port: number, allowed: number, more: string) => `
kind: System
name: network
extends: guest.yaml
machine:
  devices:
    net0:
      model: virtio-net
      backend:
        user:
          forward:
            - { from: "127.0.0.1:${port}", to: 80 }
            - { from: "127.0.0.1:${port}", to: 7, protocol: udp }
          allow: ["127.0.0.1:${allowed}"]
${more}
slices:
  network: [sockets, tcpip, virtio-net]
domains:
  network:
    isolation: process
    memory: 64MiB
    slices: [network]
    devices: [net0]
    ring: { depth: 64, arena: 8MiB }
    recovery: { policy: restart, clients: retry, backoff: 1ms, restarts: 100, heartbeat: 1s }
`;

interface Served {
  machine: RunningMachine;
  port: number;
  /** a port of the host that the machine may connect to, and nobody listens at yet */
  allowed: number;
  folder: string;
  restarts(): number;
}

/** Waits for something as long as that is worth. */
async function within<T>(limitMs: number, work: Promise<T>, why: string): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(why)), limitMs);
  return await Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

/** Runs a body with a machine whose server is listening. */
function withServer(more: string, body: (served: Served) => Promise<void>): () => Promise<void> {
  return () =>
    withFolder(async (folder) => {
      await compilePrograms(sources, ["network_server"], `${folder}/root`);
      const disk = `rootfs: { folder: ${folder}/root }`;
      const { programs } = await guestPlan(folder, disk, { words: ["/network_server"] });
      const port = freePort(), allowed = freePort();
      const file = `${folder}/network.yaml`;
      await Deno.writeTextFile(file, manifest(port, allowed, more.replace("FOLDER", folder)));
      const { plan, diagnostics } = compile(await load(file));
      if (plan === undefined) throw new Error(diagnostics.map((each) => each.message).join("\n"));
      const listening = Promise.withResolvers<void>();
      let restarts = 0;
      const machine = await boot({ ...plan, programs }, {
        onOutput: () => listening.resolve(),
        onEvent: (event) => {
          if (event.kind === "domain-restarting" && event.domain === "network") restarts++;
        },
      });
      const over = setTimeout(() => void machine.stop(0), LIMIT_MS);
      try {
        await Promise.race([
          listening.promise,
          machine.wait().then(() => Promise.reject(new Error("The server does not listen"))),
        ]);
        await body({ machine, port, allowed, folder, restarts: () => restarts });
      } finally {
        clearTimeout(over);
        await within(LIMIT_MS, machine.stop(0), "The machine does not stop");
      }
    });
}

const PAGE = "a page of the machine\n";

async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
  return await response.text();
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

Deno.test({
  name: "the host fetches pages of a machine, sixteen at a time",
  ignore,
  fn: withServer("", async ({ port }) => {
    let left = 200;
    const client = async () => {
      while (left-- > 0) assertEquals(await fetchText(`http://127.0.0.1:${port}/`), PAGE);
    };
    await Promise.all(Array.from({ length: 16 }, client));
  }),
});

Deno.test({
  name: "50 MB go into a machine and back, and are the same",
  ignore,
  fn: withServer("", async ({ port }) => {
    const next = seededRandom(11);
    const words = new Uint32Array(12_500_000).map(() => next());
    const sent = new Uint8Array(words.buffer), back = new Uint8Array(sent.length);
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode("ECHO"));
    const write = async () => {
      for (let done = 0; done < sent.length;) {
        done += await connection.write(sent.subarray(done, done + (1 << 20)));
      }
      await connection.closeWrite();
    };
    const writing = write();
    let received = 0;
    for (;;) {
      const count = await connection.read(back.subarray(received, received + (1 << 20)));
      if (count === null || received === back.length) break;
      received += count;
    }
    await writing;
    connection.close();
    assertEquals(received, sent.length);
    assertEquals(await digest(back), await digest(sent));
  }),
});

Deno.test({
  name: "a machine reaches what it may, and is refused everything else",
  ignore,
  fn: withServer("", async ({ port, allowed }) => {
    const ask = (host: string, to: number) =>
      fetchText(`http://127.0.0.1:${port}/connect/${host}/${to}`);
    const ECONNREFUSED = "error 111";
    // Nobody listens there; another port of the host, and another host, are not on the list.
    assertEquals(await ask("10.0.2.2", allowed), ECONNREFUSED);
    assertEquals(await ask("10.0.2.2", port), ECONNREFUSED);
    assertEquals(await ask("192.0.2.1", allowed), ECONNREFUSED);
    const listener = Deno.listen({ hostname: "127.0.0.1", port: allowed });
    const answered = (async () => {
      const connection = await listener.accept();
      await connection.write(new TextEncoder().encode("said by the host"));
      connection.close();
    })();
    assertEquals(await ask("10.0.2.2", allowed), "said by the host");
    await answered;
    listener.close();
  }),
});

Deno.test({
  name: "datagrams go to a machine and back, and to the host as far as it is allowed",
  ignore,
  fn: withServer("", async ({ port, allowed }) => {
    const said: string[] = [];
    const client = await hostSockets.datagrams("127.0.0.1", 0, (bytes) => {
      said.push(new TextDecoder().decode(bytes));
    });
    for (let tries = 0; said.length === 0 && tries < 100; tries++) {
      client.send(new TextEncoder().encode("to the machine"), "127.0.0.1", port);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assertEquals(said[0], "to the machine");
    client.close();

    const server = await hostSockets.datagrams("127.0.0.1", allowed, (bytes, host, from) => {
      assertEquals(new TextDecoder().decode(bytes), "question");
      server.send(new TextEncoder().encode("answer"), host, from);
    });
    const ask = (to: number) => fetchText(`http://127.0.0.1:${port}/datagram/10.0.2.2/${to}`);
    assertEquals(await ask(allowed), "answer");
    // "Administratively prohibited" is EHOSTUNREACH for whoever asks.
    assertEquals(await ask(allowed === 9 ? 10 : 9), "lost 113");
    server.close();
  }),
});

Deno.test({
  name: "old and new connections work when the network's domain was killed",
  ignore,
  fn: withServer("", async ({ machine, port, restarts }) => {
    const url = `http://127.0.0.1:${port}/`;
    for (let kills = 1; kills <= 3; kills++) {
      const old = await Deno.connect({ hostname: "127.0.0.1", port });
      await old.write(new TextEncoder().encode("ECHO and so on"));
      await old.read(new Uint8Array(100));
      machine.kill("network");
      await old.write(new TextEncoder().encode(" again"));
      const more = new Uint8Array(6);
      assertEquals(await within(20_000, old.read(more), "The old connection is silent"), 6);
      assertEquals(new TextDecoder().decode(more), " again");
      old.close();
      // A connection that comes while the domain is away waits for it, or is told.
      let page = "";
      for (const begun = performance.now(); page === "" && performance.now() - begun < 10_000;) {
        page = await fetchText(url).catch(() => "");
      }
      assertEquals(page, PAGE);
      assert(restarts() >= kills, `${restarts()} restarts`);
    }
    for (let count = 0; count < 20; count++) assertEquals(await fetchText(url), PAGE);
  }),
});

Deno.test({
  name: "a port of the host that is in use is named, and the machine does not start",
  ignore,
  fn: withServer("", async ({ port, folder }) => {
    const { plan } = compile(await load(`${folder}/network.yaml`));
    const failure = await boot(plan!, {}).then((machine) => machine.stop(0).then(() => undefined))
      .catch((failure: Error) => failure.message);
    assertEquals(failure, `Cannot forward 127.0.0.1:${port}/tcp: the port is in use`);
  }),
});

Deno.test({
  name: "a capture has the frames of a connection",
  ignore,
  fn: withServer("      capture: FOLDER/net0.pcap", async ({ port, folder, machine }) => {
    assertEquals(await fetchText(`http://127.0.0.1:${port}/`), PAGE);
    await machine.stop(0);
    const bytes = await Deno.readFile(`${folder}/net0.pcap`), view = new DataView(bytes.buffer);
    assertEquals(view.getUint32(0, true), 0xa1b2_3c4d);
    const flags: number[] = [];
    let text = "";
    for (let at = 24; at < bytes.length;) {
      const length = view.getUint32(at + 8, true),
        frame = bytes.subarray(at + 16, at + 16 + length);
      assertEquals(view.getUint32(at + 12, true), length);
      if (frame[12] === 8 && frame[13] === 0 && frame[23] === 6) {
        flags.push(frame[47]);
        text += new TextDecoder().decode(frame.subarray(54));
      }
      at += 16 + length;
    }
    // SYN, its answer, and the ends of both sides.
    assertEquals(flags.slice(0, 2), [2, 18]);
    assert(flags.filter((each) => (each & 1) !== 0).length >= 2, String(flags));
    assert(text.includes(PAGE));
  }),
});
