// The host's sockets by the calls of Linux, against Deno's own at the other end: what is written comes, both ends
// and resets are told, who does not read holds the other up; and a bell beside them in one wait.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { seededRandom } from "../../schemas/seeded_random.ts";
import type { HostStream } from "../../runtime/hardware/network/user/host_sockets.ts";
import { NamedSockets } from "../../runtime/hardware/network/user/named_sockets.ts";
import { PolledSockets } from "../../runtime/hardware/network/user/polled_sockets.ts";
import { Poller } from "../../runtime/hardware/poller.ts";
import { eventLoopTime } from "../../runtime/hardware/timers.ts";
import { mappedMemoryAvailable } from "../../runtime/hypervisor/memory/linux_memory.ts";
import { MemoryOpener } from "../../runtime/hypervisor/memory/opener.ts";
import { freePort } from "./network_server.ts";

const ignore = !Poller.available || !mappedMemoryAvailable();
const LOCAL = "127.0.0.1";

interface Host {
  sockets: PolledSockets;
  named: NamedSockets;
  poller: Poller;
}

/** Runs a body with the host's sockets; the poller has its turn when there is something for it. */
async function withHost(body: (host: Host) => Promise<void>): Promise<void> {
  const poller = new Poller(), named = new NamedSockets();
  const sockets = new PolledSockets(poller, eventLoopTime, named);
  let over = false;
  const turning = (async () => {
    while (!over) if (await poller.waitElsewhere(20)) poller.poll();
  })();
  try {
    await body({ sockets, named, poller });
  } finally {
    over = true;
    await turning;
    sockets.close();
    poller.close();
  }
}

function hostTest(name: string, body: (host: Host) => Promise<void>): void {
  Deno.test({ name: `polled sockets: ${name}`, ignore, fn: () => withHost(body) });
}

/** A test with both ends of a connection. */
function polledTest(
  name: string,
  body: (polled: HostStream, other: Deno.TcpConn, poller: Poller) => Promise<void>,
): void {
  hostTest(name, async ({ sockets, poller }) => {
    const port = freePort(), came = Promise.withResolvers<HostStream>();
    const accepted = (stream: HostStream) => Promise.resolve(came.resolve(stream));
    const listener = await sockets.listen(LOCAL, port, accepted);
    const other = await Deno.connect({ hostname: LOCAL, port });
    const polled = await came.promise;
    try {
      await body(polled, other, poller);
    } finally {
      polled.close();
      listener.close();
      try {
        other.close();
      } catch {
        // Where a test was about its end, it is closed.
      }
    }
  });
}

polledTest("bytes go both ways, and each end is told", async (polled, other) => {
  const seed = 5, next = seededRandom(seed);
  const data = Uint8Array.from({ length: 3 << 20 }, next);
  const back = new Uint8Array(data.length);
  const echo = other.readable.pipeTo(other.writable);
  const sending = (async () => {
    for (let sent = 0; sent < data.length;) {
      sent += await polled.write(data.subarray(sent, sent + 1 + next() % 100_000));
    }
    await polled.closeWrite();
  })();
  let got = 0;
  for (let count; (count = await polled.read(back.subarray(got, got + 65536))) !== null;) {
    got += count;
    if (got === data.length) assertEquals(await polled.read(new Uint8Array(1)), null);
    if (got === data.length) break;
  }
  await Promise.all([echo, sending]);
  assertEquals(got, data.length);
  assert(data.every((byte, at) => byte === back[at]), `seed ${seed}: other bytes came back`);
});

polledTest("an end that comes with the last bytes is not missed", async (polled, other) => {
  await other.write(Uint8Array.of(1, 2, 3));
  await other.closeWrite();
  // Both are there before anybody looks.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const bytes = new Uint8Array(100);
  assertEquals(await polled.read(bytes), 3);
  assertEquals(await polled.read(bytes), null);
});

polledTest("an end that comes later wakes who reads", async (polled, other) => {
  const reading = polled.read(new Uint8Array(100));
  await new Promise((resolve) => setTimeout(resolve, 20));
  other.close();
  assertEquals(await reading, null);
});

polledTest("who does not read holds the writer up", async (polled, other) => {
  const piece = new Uint8Array(1 << 16);
  let written = 0, held = false;
  const writing = (async () => {
    while (written < 24 << 20) written += await polled.write(piece);
  })();
  while (!held) {
    const before = written;
    await new Promise((resolve) => setTimeout(resolve, 50));
    held = written === before;
  }
  assert(written < 24 << 20, `${written} bytes written to nobody`);
  const into = new Uint8Array(1 << 20);
  for (let read = 0; read < 24 << 20;) read += (await other.read(into))!;
  await writing;
});

polledTest("what is written to one who is gone fails", async (polled, other) => {
  await polled.write(new Uint8Array(100));
  // Closed with bytes that were not read: the host resets the connection.
  other.close();
  const writing = async () => {
    for (;;) {
      await polled.write(new Uint8Array(100));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  await assertRejects(writing, Error, "Cannot write a connection of the host: error");
});

polledTest(
  "a poller waits for a connection and for a bell at once",
  async (polled, other, poller) => {
    const opener = new MemoryOpener();
    try {
      const memory = opener.createPolledBell("bell");
      const sleeper = opener.polledDoorbell(memory, poller), bell = opener.doorbell(memory);
      const begun = performance.now();
      for (let round = 0; round < 1000; round++) {
        sleeper.prepare();
        assertEquals(bell.ring(), true);
        assertEquals(bell.ring(), false);
        sleeper.sleep(5e9);
      }
      let came = 0;
      for (let round = 0; round < 100; round++) {
        const reading = polled.read(new Uint8Array(10)).then((count) => came += count!);
        const writing = other.write(Uint8Array.of(1));
        sleeper.prepare();
        sleeper.sleep(5e9);
        await Promise.all([reading, writing]);
      }
      assertEquals(came, 100);
      assert(performance.now() - begun < 4000, "sleeps ended by their time alone");
    } finally {
      opener.release();
    }
  },
);

hostTest("two hundred who come at once are all accepted, and answered", async ({ sockets }) => {
  const port = freePort(), open: HostStream[] = [];
  const echo = async (stream: HostStream) => {
    const bytes = new Uint8Array(100);
    for (let count; (count = await stream.read(bytes)) !== null;) {
      await stream.write(bytes.slice(0, count));
    }
    await stream.closeWrite();
  };
  const listener = await sockets.listen(LOCAL, port, async (stream) => {
    open.push(stream);
    echo(stream);
    // Who accepts may take its time: nobody is forgotten.
    if (open.length % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });
  const ask = async (said: number) => {
    const connection = await Deno.connect({ hostname: LOCAL, port });
    await connection.write(Uint8Array.of(said));
    await connection.closeWrite();
    const got = new Uint8Array(await new Response(connection.readable).arrayBuffer());
    assertEquals([...got], [said]);
  };
  await Promise.all(Array.from({ length: 200 }, (_, index) => ask(index)));
  assertEquals(open.length, 200);
  for (const stream of open) {
    stream.close();
    // Its descriptor may be another's: a second time says nothing.
    stream.close();
  }
  listener.close();
  await assertRejects(() => Deno.connect({ hostname: LOCAL, port }), Deno.errors.ConnectionRefused);
});

hostTest("a port in use is told by name", async ({ sockets }) => {
  const listener = Deno.listen({ hostname: LOCAL, port: 0 }), { port } = listener.addr;
  const listen = () => sockets.listen(LOCAL, port, () => Promise.resolve());
  await assertRejects(listen, Error, `Cannot forward ${LOCAL}:${port}/tcp: the port is in use`);
  listener.close();
  const socket = await sockets.datagrams(LOCAL, 0, () => {});
  await assertRejects(
    () => sockets.datagrams(LOCAL, socket.port, () => {}),
    Error,
    `Cannot forward ${LOCAL}:${socket.port}/udp: the port is in use`,
  );
  socket.close();
});

for (const hostname of [LOCAL, "::1"]) {
  hostTest(`connects to ${hostname}, and is told where nobody listens`, async ({ sockets }) => {
    const listener = Deno.listen({ hostname, port: 0 }), { port } = listener.addr;
    const [polled, other] = await Promise.all([sockets.connect(hostname, port), listener.accept()]);
    await polled.write(Uint8Array.of(7));
    const bytes = new Uint8Array(2);
    assertEquals(await other.read(bytes), 1);
    assertEquals(bytes[0], 7);
    other.close();
    assertEquals(await polled.read(bytes), null);
    polled.close();
    listener.close();
    await assertRejects(() => sockets.connect(hostname, port), Error, "Cannot connect to");
  });

  hostTest(`datagrams of ${hostname} go to and fro`, async ({ sockets }) => {
    const server = await sockets.datagrams(hostname, 0, (bytes, host, port) => {
      server.send(bytes.map((byte) => byte + 1), host, port);
    });
    const got: number[] = [], all = Promise.withResolvers<void>();
    const peer = await sockets.peer(hostname, server.port, (bytes) => {
      if (got.push(...bytes) === 100) all.resolve();
    });
    const stranger = await sockets.peer(hostname, server.port, () => {});
    for (let sent = 0; sent < 100; sent++) {
      peer.send(Uint8Array.of(sent));
      stranger.send(Uint8Array.of(0));
    }
    await all.promise;
    assertEquals(got, Array.from({ length: 100 }, (_, index) => index + 1));
    for (const socket of [server, peer, stranger]) socket.close();
  });
}

hostTest("datagrams that nobody takes are lost, and the next ones come", async ({ sockets }) => {
  const gone = await sockets.datagrams(LOCAL, 0, () => {}), { port } = gone;
  gone.close();
  const came = Promise.withResolvers<number>();
  const peer = await sockets.peer(LOCAL, port, (bytes) => came.resolve(bytes[0]));
  for (let sent = 0; sent < 3; sent++) {
    peer.send(Uint8Array.of(1));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const back = await sockets.datagrams(LOCAL, port, (bytes, host, from) => {
    back.send(bytes, host, from);
  });
  peer.send(Uint8Array.of(9));
  assertEquals(await came.promise, 9);
  peer.close();
  back.close();
});

hostTest("names are Deno's to look up, and are counted while they are in use", async (host) => {
  const { sockets, named } = host;
  const listener = Deno.listen({ hostname: LOCAL, port: 0 }), { port } = listener.addr;
  const [stream, other] = await Promise.all([
    sockets.connect("localhost", port),
    listener.accept(),
  ]);
  assertEquals(named.count, 1);
  await stream.write(Uint8Array.of(7));
  assertEquals(await other.read(new Uint8Array(2)), 1);
  stream.close();
  other.close();
  listener.close();
  await assertRejects(() => sockets.connect("localhost", port));
  assertEquals(named.count, 0);
});

hostTest("once sealed, none is opened, and those that come are served", async ({ sockets }) => {
  const port = freePort(), came = Promise.withResolvers<HostStream>();
  const listener = await sockets.listen(LOCAL, port, (stream) => {
    came.resolve(stream);
    return Promise.resolve();
  });
  sockets.seal();
  const other = await Deno.connect({ hostname: LOCAL, port });
  const polled = await came.promise;
  await other.write(Uint8Array.of(7));
  assertEquals(await polled.read(new Uint8Array(2)), 1);
  const ways: (() => Promise<unknown>)[] = [
    () => sockets.listen(LOCAL, freePort(), () => Promise.resolve()),
    () => sockets.connect(LOCAL, port),
    () => sockets.datagrams(LOCAL, 0, () => {}),
    () => sockets.peer(LOCAL, port, () => {}),
  ];
  for (const open of ways) await assertRejects(open, Error, "Cannot open sockets any more");
  for (const each of [other, polled, listener]) each.close();
});

Deno.test({
  name: "polled sockets: what Deno would refuse is refused",
  ignore,
  permissions: { ffi: "inherit", net: [`${LOCAL}:1`] },
  fn: () =>
    withHost(async ({ sockets }) => {
      const { NotCapable } = Deno.errors;
      const listen = () => sockets.listen(LOCAL, 2, () => Promise.resolve());
      await assertRejects(listen, NotCapable, `it needs --allow-net=${LOCAL}:2`);
      await assertRejects(() => sockets.connect(LOCAL, 2), NotCapable);
      await assertRejects(() => sockets.datagrams(LOCAL, 2, () => {}), NotCapable);
      await assertRejects(() => sockets.peer("::1", 1, () => {}), NotCapable);
      // What is allowed fails for a reason of the host's.
      await assertRejects(() => sockets.connect(LOCAL, 1), Error, "error 111");
    }),
});
