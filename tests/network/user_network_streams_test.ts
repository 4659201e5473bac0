// Address translation of connections against real sockets of the host: our own TCP/IP on the machine's side,
// over the driver and the device.
import { assert, assertEquals } from "@std/assert";
import type { HostSockets } from "../../runtime/hardware/network/user/host_sockets.ts";
import { MAX_BROUGHT_FLOWS } from "../../runtime/hardware/network/user/tcp_flows.ts";
import { SHUT } from "../../runtime/kernel/network/constants.ts";
import { echoServer, IN, OUT } from "./network_guest.ts";
import { allowing, echo, Guest, pattern, silentHost, withServer } from "./user_network_guest.ts";

for (const [host, gateway] of [["127.0.0.1", "10.0.2.2"], ["::1", "fd00::2"]]) {
  Deno.test(
    `user network: bytes to a server of the host and back, and both ends, ${host}`,
    withServer(allowing, echo, async (guest, port) => {
      const endpoint = await guest.connect(gateway, port);
      assert(typeof endpoint !== "number", `error ${endpoint}`);
      const data = pattern(16 << 20, 3), back = new Uint8Array(data.length);
      let sent = 0, received = 0, ended = false;
      const step = () => {
        while (sent < data.length && (endpoint.readiness & OUT) !== 0) {
          sent += endpoint.send(data.subarray(sent, sent + 65536), 0);
          if (sent === data.length) endpoint.shutdown(SHUT.WR);
        }
        while (!ended && (endpoint.readiness & IN) !== 0) {
          const { count } = endpoint.receive(back.subarray(received, received + 65536), 0);
          received += count;
          ended = count === 0;
        }
        return ended;
      };
      await guest.until(step, "all bytes back");
      assertEquals([sent, received], [data.length, data.length]);
      assert(data.every((byte, at) => byte === back[at]), "other bytes came back");
      endpoint.close();
      await guest.until(() => guest.network.tcp.count === 0, "no connection left");
    }, host),
  );
}

Deno.test("user network: what is not allowed, and where nobody listens, is refused at once", async () => {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr;
  free.close();
  const guest = await Guest.start({ allow: [{ host: "127.0.0.1", port }] });
  const refused = 111;
  for (
    const [ip, to] of [["10.0.2.2", port], ["10.0.2.2", 9], ["8.8.8.8", 53], ["fd00::2", port]]
  ) {
    assertEquals(await guest.connect(ip as string, to as number), refused, `${ip} ${to}`);
  }
  assertEquals(guest.network.tcp.count, 0);
  guest.network.close();
});

Deno.test("user network: an address that names the host is not a way around the list", async () => {
  const guest = await Guest.start({ allow: [{ host: "*" }] });
  assertEquals(await guest.connect("10.0.2.2", 9), 111);
  guest.network.close();
});

Deno.test("user network: more connections of the host than there is room for wait for it", async () => {
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  const guest = await Guest.start({
    forward: [{ protocol: "tcp", host: "127.0.0.1", port, to: 80 }],
  });
  const serve = echoServer(guest.listen(80));
  const COUNT = MAX_BROUGHT_FLOWS + 60;
  const connections = await Promise.all(
    Array.from({ length: COUNT }, () => Deno.connect({ hostname: "127.0.0.1", port })),
  );
  const answered: Deno.TcpConn[] = [];
  const ask = async (connection: Deno.TcpConn) => {
    const bytes = new Uint8Array(4);
    await connection.write(bytes.fill(7));
    assertEquals([await connection.read(bytes), bytes[3]], [4, 7]);
    answered.push(connection);
  };
  const asked = connections.map(ask);
  await guest.until(() => {
    serve();
    return answered.length === MAX_BROUGHT_FLOWS;
  }, "answers for all that there is room for");
  assertEquals(guest.network.tcp.count, MAX_BROUGHT_FLOWS);
  const gone = answered.slice(0, 60);
  gone.forEach((each) => each.close());
  await guest.until(() => {
    serve();
    return answered.length === COUNT;
  }, "answers for those that waited");
  await Promise.all(asked);
  connections.filter((each) => !gone.includes(each)).forEach((each) => each.close());
  guest.network.close();
});

Deno.test("user network: connections of the host reach the machine, many at a time", async () => {
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  const guest = await Guest.start({
    forward: [{ protocol: "tcp", host: "127.0.0.1", port, to: 80 }],
  });
  const listener = guest.listen(80);
  const serve = echoServer(listener);
  let done = 0;
  const client = async (index: number) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const bytes = new Uint8Array(100);
    await connection.write(new TextEncoder().encode(`question ${index}`));
    const count = await connection.read(bytes);
    assertEquals(new TextDecoder().decode(bytes.subarray(0, count ?? 0)), `question ${index}`);
    await connection.closeWrite();
    assertEquals(await connection.read(bytes), null);
    connection.close();
    done++;
  };
  const clients = Array.from({ length: 64 }, (_, index) => client(index));
  await guest.until(() => {
    serve();
    return done === 64;
  }, "64 answers");
  await Promise.all(clients);
  await guest.until(() => guest.network.tcp.count === 0, "no connection left");
  // A port that leads nowhere ends the connection.
  listener.close();
  const last = await Deno.connect({ hostname: "127.0.0.1", port });
  let over = false;
  last.read(new Uint8Array(1)).then((count) => over = count === null, () => over = true);
  await guest.until(() => over, "an end");
  last.close();
  // The port is in use as long as the network is there, and a second one says so.
  const second = await Guest.start({
    forward: [{ protocol: "tcp", host: "127.0.0.1", port, to: 80 }],
  }).catch((failure: Error) => failure.message);
  assertEquals(second, `Cannot forward 127.0.0.1:${port}/tcp: the port is in use`);
  guest.network.close();
});

Deno.test(
  "user network: who does not read holds the other up, and nothing is kept without a bound",
  withServer(allowing, async (connection) => {
    // Nothing is read; much is sent.
    const piece = new Uint8Array(65536);
    for (let count = 0; count < 2000; count++) {
      for (let done = 0; done < piece.length;) done += await connection.write(piece.subarray(done));
    }
  }, async (guest, port) => {
    const endpoint = await guest.connect("10.0.2.2", port);
    assert(typeof endpoint !== "number");
    let sent = 0;
    const piece = new Uint8Array(65536);
    const before = performance.now();
    await guest.until(() => {
      while (sent < 100 << 20 && (endpoint.readiness & OUT) !== 0) sent += endpoint.send(piece, 0);
      return performance.now() - before > 500;
    }, "half a second");
    // Buffers of both kernels and of the translation: far less than was on offer.
    assert(sent < 24 << 20, `${sent} bytes taken`);
    assert(endpoint.queuedIn < 8 << 20, `${endpoint.queuedIn} bytes waiting`);
    endpoint.close();
  }),
);

Deno.test(
  "user network: a reset of the host reaches the machine, and one of the machine the host",
  withServer(allowing, async (connection) => {
    const first = new Uint8Array(1);
    await connection.read(first);
    if (first[0] === 1) connection.close();
    else if (await connection.read(first) === null) resets++;
  }, async (guest, port) => {
    const closed = await guest.connect("10.0.2.2", port);
    assert(typeof closed !== "number");
    closed.send(Uint8Array.of(1), 0);
    assertEquals(await guest.read(closed, new Uint8Array(1)), 0);
    closed.close();
    const open = await guest.connect("10.0.2.2", port);
    assert(typeof open !== "number");
    open.send(Uint8Array.of(2), 0);
    await guest.until(() => open.queuedOut === 0, "an acknowledgement");
    const before = resets;
    guest.network.reset();
    await guest.until(() => resets > before, "the host's end of the connection");
  }),
);
let resets = 0;

Deno.test("user network: an acknowledgement goes with an answer, or by itself after a while", async () => {
  const timers: (() => void)[] = [];
  let answers: PromiseWithResolvers<number | null>[] = [], silent = false;
  const host: HostSockets = {
    ...silentHost(),
    connect: () =>
      Promise.resolve({
        read: () => (answers.push(Promise.withResolvers()), answers.at(-1)!.promise),
        write: (bytes) => {
          if (!silent) answers.shift()!.resolve(1);
          return Promise.resolve(bytes.length);
        },
        closeWrite: () => Promise.resolve(),
        close: () => {},
      }),
    after: (_delay, call) => void timers.push(call),
  };
  const guest = await Guest.start({ allow: [{ host: "127.0.0.1", port: 7 }] }, host);
  const { network } = guest, receive = network.receive.bind(network);
  let empty = 0;
  network.receive = () => {
    const frame = receive();
    if (frame?.body.length === 0) empty++;
    return frame;
  };
  const endpoint = await guest.connect("10.0.2.2", 7);
  assert(typeof endpoint !== "number");
  await guest.until(() => answers.length === 1, "somebody who reads");
  const before = empty;
  for (let round = 0; round < 50; round++) {
    endpoint.send(Uint8Array.of(1, 2, 3), 0);
    assertEquals(await guest.read(endpoint, new Uint8Array(10)), 1);
  }
  assertEquals([empty - before, endpoint.queuedOut], [0, 0]);
  silent = true;
  endpoint.send(Uint8Array.of(1, 2, 3), 0);
  guest.turn();
  assertEquals([empty - before, endpoint.queuedOut], [0, 3]);
  // All that wait have their time: of those for an answer, and of those to go with something else.
  for (let times = 0; times < 4; times++) timers.splice(0).forEach((call) => call());
  guest.turn();
  assertEquals([empty - before, endpoint.queuedOut], [1, 0]);
  // More than two segments are acknowledged at once.
  endpoint.send(new Uint8Array(4000), 0);
  await guest.until(() => endpoint.queuedOut === 0, "an acknowledgement");
  answers = [];
  network.close();
});
