// Address translation of datagrams, names and pings, and what the list of a manifest lets through.
import { assert, assertEquals } from "@std/assert";
import { ipText, parseIp } from "../../schemas/internet_address.ts";
import { Access } from "../../runtime/hardware/network/user/access.ts";
import { hostSockets } from "../../runtime/hardware/network/user/host_sockets.ts";
import { Errno } from "../../runtime/kernel/errno.ts";
import { AF, IPPROTO, SOCK } from "../../runtime/kernel/network/constants.ts";
import { ERR, IN } from "./network_guest.ts";
import { Guest, pattern, plan } from "./user_network_guest.ts";

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
