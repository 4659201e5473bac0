// Connections of the host by the calls of Linux, against Deno's own at the other end: what is written comes, both
// ends and resets are told, who does not read holds the other up; and a bell beside them in one wait.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { openHostSockets } from "../runtime/hardware/network/user/host_sockets.ts";
import type { HostStream } from "../runtime/hardware/network/user/host_sockets.ts";
import { PolledStreams } from "../runtime/hardware/network/user/polled_streams.ts";
import { Poller } from "../runtime/hardware/poller.ts";
import { mappedMemoryAvailable } from "../runtime/hypervisor/memory/linux_memory.ts";
import { MemoryOpener } from "../runtime/hypervisor/memory/opener.ts";
import { seededRandom } from "./small_machine.ts";

const ignore = !Poller.available || !mappedMemoryAvailable();

/** Runs a body with both ends of a connection; the poller has its turn when there is something for it. */
function withConnection(
  body: (polled: HostStream, other: Deno.TcpConn, poller: Poller) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const poller = new Poller();
    const host = openHostSockets(new PolledStreams(poller));
    const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = probe.addr;
    probe.close();
    const came = Promise.withResolvers<HostStream>();
    const accepted = (stream: HostStream) => Promise.resolve(came.resolve(stream));
    const listener = await host.listen("127.0.0.1", port, accepted);
    const other = await Deno.connect({ hostname: "127.0.0.1", port });
    const polled = await came.promise;
    let over = false;
    const turning = (async () => {
      while (!over) if (await poller.waitElsewhere(20)) poller.poll();
    })();
    try {
      assert(!("readable" in polled), "it is Deno's own");
      await body(polled, other, poller);
    } finally {
      over = true;
      await turning;
      polled.close();
      listener.close();
      poller.close();
      try {
        other.close();
      } catch {
        // Where a test was about its end, it is closed.
      }
    }
  };
}

function polledTest(name: string, body: Parameters<typeof withConnection>[0]): void {
  Deno.test({ name: `polled streams: ${name}`, ignore, fn: withConnection(body) });
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
