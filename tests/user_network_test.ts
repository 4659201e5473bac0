// Address translation in user space against real sockets of the host: our own TCP/IP on the machine's side,
// over the driver and the device; and garbage from a machine that is not ours.
import { assert, assertEquals } from "@std/assert";
import { finishFrame, type Frame, NO_BYTES } from "../runtime/hardware/network/frame.ts";
import { ipText, parseIp } from "../schemas/internet_address.ts";
import { Access } from "../runtime/hardware/network/user/access.ts";
import { type HostSockets, hostSockets } from "../runtime/hardware/network/user/host_sockets.ts";
import { MAX_BROUGHT_FLOWS, MAX_TCP_FLOWS } from "../runtime/hardware/network/user/tcp_flows.ts";
import { UserNetwork } from "../runtime/hardware/network/user/user_network.ts";
import { Errno } from "../runtime/kernel/errno.ts";
import { AF, IPPROTO, SHUT, SOCK } from "../runtime/kernel/network/constants.ts";
import type { UserNetworkPlan } from "../schemas/plan.ts";
import { echoServer, ERR, IN, NetworkGuest, OUT } from "./network_guest.ts";
import { seededRandom } from "./small_machine.ts";

const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);

const plan: UserNetworkPlan = {
  kind: "user",
  guests: ["10.0.2.15", "fd00::15"],
  gateways: ["10.0.2.2", "fd00::2"],
  nameServers: ["10.0.2.3", "fd00::3"],
  forward: [],
  allow: [],
  dns: {},
};

/** A machine on a translated segment. */
class Guest extends NetworkGuest {
  private constructor(readonly network: UserNetwork) {
    super(network, {
      mac: MAC,
      clock: () => performance.now() * 1e6,
      tcpip: {
        addresses: ["10.0.2.15/24", "fd00::15/64"],
        gateway: "10.0.2.2",
        gateway6: "fd00::2",
      },
    });
  }

  static async start(changes: Partial<UserNetworkPlan>, host = hostSockets): Promise<Guest> {
    const random = (into: Uint8Array) => crypto.getRandomValues(into as Uint8Array<ArrayBuffer>);
    const network = new UserNetwork({ ...plan, ...changes }, MAC, host, random, () => {});
    await network.listen();
    return new Guest(network);
  }
}

/** Runs a body with a guest and a server of the host; both are gone afterwards. */
function withServer(
  changes: (port: number) => Partial<UserNetworkPlan>,
  serve: (connection: Deno.TcpConn) => Promise<void>,
  body: (guest: Guest, port: number) => Promise<void>,
  hostname = "127.0.0.1",
): () => Promise<void> {
  return async () => {
    const listener = Deno.listen({ hostname, port: 0 });
    const served = (async () => {
      for await (const connection of listener) serve(connection).catch(() => {});
    })();
    const guest = await Guest.start(changes(listener.addr.port));
    try {
      await body(guest, listener.addr.port);
    } finally {
      guest.network.close();
      listener.close();
      await served;
    }
  };
}

const allowing = (port: number) => ({
  allow: [{ host: "127.0.0.1", port }, { host: "::1", port }],
});

async function echo(connection: Deno.TcpConn): Promise<void> {
  await connection.readable.pipeTo(connection.writable);
}

function pattern(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const next = seededRandom(seed);
  const words = new Uint32Array(length / 4);
  for (let at = 0; at < words.length; at++) words[at] = next();
  return new Uint8Array(words.buffer);
}

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

Deno.test("user network: datagrams go both ways, names are answered, pings too", async () => {
  const socket = await hostSockets.datagrams(
    "127.0.0.1",
    0,
    (bytes, host, from) => socket.send(bytes, host, from),
  );
  const probe = await hostSockets.datagrams("127.0.0.1", 0, () => {});
  const forwarded = probe.port;
  probe.close();
  // It is closed some turns of the event loop later.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const guest = await Guest.start({
    allow: [{ host: "127.0.0.1", port: socket.port }, { host: "example.test", port: 80 }],
    dns: { "db.test": "127.0.0.1", "other.test": "192.0.2.7" },
    forward: [{ protocol: "udp", host: "127.0.0.1", port: forwarded, to: 7 }],
  });
  const bytes = new Uint8Array(2000);
  const udp = (port: number) => {
    const endpoint = guest.transport.open(AF.INET, SOCK.DGRAM, 0);
    endpoint.bind({ ip: parseIp("0.0.0.0")!, port, scope: 0 });
    return endpoint;
  };
  const ask = async (to: string, port: number, data: Uint8Array) => {
    const endpoint = udp(0);
    endpoint.connect({ ip: parseIp(to)!, port, scope: 0 });
    endpoint.send(data, 0);
    await guest.until(() => (endpoint.readiness & (IN | ERR)) !== 0, `an answer of ${to}`);
    try {
      return bytes.slice(0, endpoint.receive(bytes, 0).count);
    } catch (failure) {
      if (!(failure instanceof Errno)) throw failure;
      return failure;
    } finally {
      endpoint.close();
    }
  };
  const data = pattern(1400, 5);
  assertEquals(await ask("10.0.2.2", socket.port, data), data);
  assert(await ask("10.0.2.2", 9, data) instanceof Errno);
  assert(await ask("192.0.2.1", 53, data) instanceof Errno);
  const question = (name: string) =>
    Uint8Array.from([
      ...[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
      ...name.split(".").flatMap((label) => [label.length, ...new TextEncoder().encode(label)]),
      ...[0, 0, 1, 0, 1],
    ]);
  for (
    const [name, ip] of [
      ["db.test", "10.0.2.2"],
      ["other.test", "192.0.2.7"],
      ["example.test", "10.0.2.128"],
    ]
  ) {
    const answer = await ask("10.0.2.3", 53, question(name));
    assert(answer instanceof Uint8Array);
    assertEquals([answer[3] & 15, ...answer.slice(-4)], [0, ...parseIp(ip)!], name);
  }
  const unknown = await ask("10.0.2.3", 53, question("nobody.test"));
  assert(unknown instanceof Uint8Array);
  assertEquals([unknown[3] & 15, unknown[7]], [3, 0]);

  const server = udp(7);
  let answer = "";
  const client = await hostSockets.datagrams(
    "127.0.0.1",
    0,
    (received) => answer = new TextDecoder().decode(received),
  );
  client.send(new TextEncoder().encode("hello"), "127.0.0.1", forwarded);
  await guest.until(() => (server.readiness & IN) !== 0, "a forwarded datagram");
  const { count, from } = server.receive(bytes, 0);
  server.send(bytes.slice(0, count), 0, from);
  await guest.until(() => answer === "hello", "its answer");

  const ping = guest.transport.open(AF.INET, SOCK.DGRAM, IPPROTO.ICMP);
  ping.send(Uint8Array.of(8, 0, 0, 0, 0, 1, 0, 1, 42), 0, {
    ip: parseIp("10.0.2.2")!,
    port: 0,
    scope: 0,
  });
  await guest.until(() => (ping.readiness & IN) !== 0, "an echo");
  assertEquals(ping.receive(bytes, 0).count, 9);
  assertEquals([bytes[0], bytes[8]], [0, 42]);
  client.close();
  guest.network.close();
  socket.close();
});

Deno.test("user network: names and addresses of the list, and nothing beside it", () => {
  const access = new Access({
    ...plan,
    allow: [
      { host: "Example.org", port: 443 },
      { host: "mirror.test" },
      { host: "192.0.2.1", port: 80 },
      { host: "2001:DB8::0:1", port: 80 },
      { host: "localhost", port: 5432 },
      { host: "*", port: 53 },
    ],
    dns: { "db": "127.0.0.1", "six": "2001:db8::9" },
  });
  const reach = (text: string, port: number) => access.target(parseIp(text)!, port)?.host;
  const address = (name: string) => {
    const ip = access.resolve(name);
    return ip && ipText(ip);
  };
  assertEquals(
    ["EXAMPLE.org", "mirror.test", "localhost", "db", "six", "other.test"].map(address),
    ["10.0.2.128", "10.0.2.129", "10.0.2.2", "10.0.2.2", "2001:db8::9", undefined],
  );
  assertEquals([reach("10.0.2.128", 443), reach("10.0.2.128", 80)], ["example.org", undefined]);
  assertEquals([reach("10.0.2.129", 1), reach("10.0.2.129", 65535)], [
    "mirror.test",
    "mirror.test",
  ]);
  assertEquals([reach("192.0.2.1", 80), reach("192.0.2.1", 81)], ["192.0.2.1", undefined]);
  assertEquals(reach("2001:db8::1", 80), "2001:db8::1");
  assertEquals([reach("10.0.2.2", 5432), reach("fd00::2", 5432)], ["127.0.0.1", "::1"]);
  // Any address is one of other hosts: neither the gateway, which is the host, nor a loopback address.
  assertEquals([reach("198.51.100.7", 53), reach("10.0.2.2", 53), reach("127.0.0.1", 53)], [
    "198.51.100.7",
    undefined,
    undefined,
  ]);
});

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

/** A host whose connections take everything and say nothing. */
function silentHost(): HostSockets & { open: number } {
  let now = 0;
  const host = {
    open: 0,
    connect() {
      host.open++;
      let ended = () => {};
      return Promise.resolve({
        read: () => new Promise<null>((resolve) => ended = () => resolve(null)),
        write: (bytes: Uint8Array) => Promise.resolve(bytes.length),
        closeWrite: () => Promise.resolve(),
        close: () => {
          host.open--;
          ended();
        },
      });
    },
    listen: () => Promise.resolve({ close() {} }),
    datagrams: () => Promise.resolve({ port: 1, send() {}, close() {} }),
    peer: () => Promise.resolve({ send() {}, close() {} }),
    nowMs: () => now += 1,
    after: (_delay: number, call: () => void) => void setTimeout(call, 0),
  };
  return host;
}

Deno.test("user network: garbage in frames harms nobody, and tables have a bound", async () => {
  const seed = 17;
  const next = seededRandom(seed);
  const host = silentHost();
  const random = (into: Uint8Array) => into.forEach((_, at) => into[at] = next());
  const network = new UserNetwork({ ...plan, allow: [{ host: "*" }] }, MAC, host, random, () => {});
  const kept: Uint8Array[] = [];
  const numbers = (count: number) => Array.from({ length: count }, () => next() & 0xff);
  let answers = 0;
  for (let attempt = 0; attempt < 40_000; attempt++) {
    let head: Uint8Array;
    if (kept.length > 0 && next() % 3 === 0) {
      head = kept[next() % kept.length].slice();
      for (let flips = next() % 6; flips > 0; flips--) head[next() % head.length] = next();
    } else {
      // A packet that is nearly right: its lengths and its header's sum are.
      const protocol = [1, 6, 17, 6][next() % 4];
      const payload = Uint8Array.from(numbers(next() % 100));
      if (protocol === 6 && payload.length > 20) {
        payload[12] = 0x50 + (next() % 8 << 4);
        payload[13] = [2, 16, 17, 18, 24, 4][next() % 6];
        payload[0] = payload[2] = 0;
      }
      head = Uint8Array.from([
        ...numbers(12),
        ...[8, 0, 0x45, 0, 0, 20 + payload.length, 0, 0, 0, 0, 64, protocol, 0, 0],
        ...[10, 0, 2, 15, 10, 0, 2, next() % 8],
        ...payload,
      ]);
      let sum = 0;
      for (let at = 14; at < 34; at += 2) sum += head[at] << 8 | head[at + 1];
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
      head.set([~sum >> 8, ~sum], 24);
      if (kept.length < 500) kept.push(head);
      else kept[attempt % 500] = head;
    }
    try {
      network.send({ head, body: NO_BYTES });
      for (let frame: Frame | undefined, count = 0; count < 8; count++) {
        frame = network.receive();
        if (frame === undefined) break;
        finishFrame(frame);
        answers++;
      }
    } catch (failure) {
      throw new Error(`seed ${seed}, attempt ${attempt}: ${(failure as Error).stack}`);
    }
    if (attempt % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    assert(network.tcp.count <= MAX_TCP_FLOWS);
  }
  assert(answers > 9_000, `${answers} answers`);
  network.reset();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([network.tcp.count, host.open], [0, 0]);
});
