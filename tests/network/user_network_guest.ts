// A machine on a translated segment, servers of the host for it to reach, and a host that never answers: for tests.
import { type HostSockets, hostSockets } from "../../runtime/hardware/network/user/host_sockets.ts";
import { UserNetwork } from "../../runtime/hardware/network/user/user_network.ts";
import type { UserNetworkPlan } from "../../schemas/machine_plan.ts";
import { seededRandom } from "../../schemas/seeded_random.ts";
import { NetworkGuest } from "./network_guest.ts";

export const MAC = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);

export const plan: UserNetworkPlan = {
  kind: "user",
  guests: ["10.0.2.15", "fd00::15"],
  gateways: ["10.0.2.2", "fd00::2"],
  nameServers: ["10.0.2.3", "fd00::3"],
  forward: [],
  allow: [],
  dns: {},
};

/** A machine on a translated segment. */
export class Guest extends NetworkGuest {
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
export function withServer(
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

export const allowing = (port: number) => ({
  allow: [{ host: "127.0.0.1", port }, { host: "::1", port }],
});

export async function echo(connection: Deno.TcpConn): Promise<void> {
  await connection.readable.pipeTo(connection.writable);
}

export function pattern(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const next = seededRandom(seed);
  const words = new Uint32Array(length / 4);
  for (let at = 0; at < words.length; at++) words[at] = next();
  return new Uint8Array(words.buffer);
}

/** A host whose connections take everything and say nothing. */
export function silentHost(): HostSockets & { open: number } {
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
