// Ports of translated connections come again before the machine has forgotten who had them last.
import { assert, assertEquals } from "@std/assert";
import type { HostSockets, HostStream } from "../../runtime/hardware/network/user/host_sockets.ts";
import { UserNetwork } from "../../runtime/hardware/network/user/user_network.ts";
import type { UserNetworkPlan } from "../../schemas/machine_plan.ts";
import { parseIp } from "../../schemas/internet_address.ts";
import { seededRandom } from "../../schemas/seeded_random.ts";
import { IN, NetworkGuest } from "./network_guest.ts";

const plan: UserNetworkPlan = {
  kind: "user",
  guests: ["10.0.2.15"],
  gateways: ["10.0.2.2"],
  nameServers: ["10.0.2.3"],
  forward: [],
  allow: [],
  dns: {},
};
const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
/** More than there are ports; the machine remembers each for a minute. */
const CONNECTIONS = 17_000;

/** A connection of the host that says nothing, and ends when the machine's end does. */
function silent(): HostStream {
  const ended = Promise.withResolvers<null>();
  return {
    read: () => ended.promise,
    write: (bytes) => Promise.resolve(bytes.length),
    closeWrite: () => Promise.resolve(ended.resolve(null)),
    close: () => ended.resolve(null),
  };
}

Deno.test("user network: connections that come after each other have ports anew, and none waits", async () => {
  const next = seededRandom(9);
  let nowMs = 0;
  const timers: (() => void)[] = [];
  const host: HostSockets = {
    connect: () => Promise.reject(new Error("nobody listens")),
    listen: () => Promise.resolve({ close() {} }),
    datagrams: () => Promise.resolve({ port: 1, send() {}, close() {} }),
    peer: () => Promise.resolve({ send() {}, close() {} }),
    nowMs: () => nowMs,
    after: (_delay, call) => void timers.push(call),
  };
  const random = (into: Uint8Array) => into.forEach((_, at) => into[at] = next());
  const network = new UserNetwork(plan, MAC, host, random, () => {});
  const guest = new NetworkGuest(network, {
    mac: MAC,
    clock: () => nowMs * 1e6,
    tcpip: { addresses: ["10.0.2.15/24"], gateway: "10.0.2.2" },
  });
  const listener = guest.listen(80);
  const ends = { version: 4, guest: parseIp("10.0.2.15")!, remote: parseIp("10.0.2.2")! } as const;
  for (let count = 0; count < CONNECTIONS; count++) {
    // Three thousand a second: all of them within the minute.
    nowMs += 0.3;
    network.tcp.accepted(silent(), ends, 80);
    let turns = 0;
    for (; (listener.readiness & IN) === 0; turns++) {
      assert(turns < 20, `connection ${count} waits`);
      guest.turn();
    }
    listener.accept().close();
    for (turns = 0; network.tcp.count > 0; turns++) {
      assert(turns < 20, `connection ${count} does not end`);
      guest.turn();
      // What the host's end does, it does in microtasks.
      await undefined;
      for (const call of timers.splice(0)) call();
    }
  }
  assertEquals(network.tcp.count, 0);
});
