// Runs inside a network namespace of its own: our stack on a tap device, Linux on the other side. Does what
// the JSON object in the first argument says, and prints what came of it as JSON.
import { createHash } from "node:crypto";
import { Tasks } from "../../../runtime/kernel/coroutine.ts";
import type { Environment } from "../../../runtime/kernel/environment.ts";
import { Errno, errnoName } from "../../../runtime/kernel/errno.ts";
import { AF, SHUT, SO, SOCK, SOL } from "../../../runtime/kernel/network/constants.ts";
import type {
  Endpoint,
  StreamEndpoint,
  Transport,
} from "../../../runtime/kernel/network/endpoint.ts";
import { createTcpip } from "../../../runtime/kernel/network/tcpip/tcpip.ts";
import { at, seededRandom } from "../../../runtime/kernel/network/tcpip/testing/world.ts";
import { TapDevice, type TapFaults } from "./tap_device.ts";

/** What is to be done; `peer` is for the program on the other side. */
export interface TapPlan {
  mtu: number;
  six: boolean;
  faults: TapFaults;
  seed: number;
  /** what our side does */
  role: "listen" | "connect";
  udp?: boolean;
  send: number;
  count?: number;
  end?: "reset";
  order?: "receive first";
  /** our program waits so long before it reads */
  pauseMs?: number;
  /** what tc(8) is to do with what Linux sends */
  netem?: string[];
  peer: Record<string, unknown>;
  /** we answer every connection with what it sends */
  echo?: boolean;
  /** nobody is to answer there */
  alone?: boolean;
}

export interface TapResult {
  ours: { sent: number; sentHash: string; received: number; receivedHash: string; error: string };
  theirs: {
    sent: number;
    sentHash?: string;
    received: number;
    receivedHash?: string;
    error: string;
  };
  seconds: number;
}

const NAME = "tap0", PORT = 7000;
const OUR_4 = "10.9.0.2", THEIR_4 = "10.9.0.1", OUR_6 = "fd09::2", THEIR_6 = "fd09::1";
const LIMIT_MS = 60_000;

class TapHost {
  readonly transport: Transport;
  readonly #tasks: Tasks;
  readonly #device: TapDevice;
  readonly #startMs = performance.now();
  result: TapResult["ours"] = {
    sent: 0,
    sentHash: "",
    received: 0,
    receivedHash: "",
    error: "",
  };

  constructor(private readonly plan: TapPlan) {
    const nowNs = () => performance.now() * 1e6;
    this.#tasks = new Tasks(nowNs);
    this.#device = new TapDevice(NAME, plan.mtu, plan.faults, seededRandom(plan.seed));
    const environment: Environment = {
      nowNs,
      realtimeNs: () => BigInt(Date.now()) * 1_000_000n,
      random: (into) => crypto.getRandomValues(into as Uint8Array<ArrayBuffer>),
      tasks: this.#tasks,
      memory: undefined as never,
      log: console.error,
    };
    const settings = { addresses: [`${OUR_4}/24`, `${OUR_6}/64`] };
    const component = createTcpip(environment, { frames: [this.#device] }, settings);
    this.transport = component.provides.transport as Transport;
  }

  /** Lets time pass until `done`. */
  async until(done: () => boolean): Promise<void> {
    for (let turn = 0; !done(); turn++) {
      if (performance.now() - this.#startMs > LIMIT_MS) throw new Error("it takes too long");
      const frames = this.#device.drain();
      this.#tasks.run();
      if (frames > 0 && turn % 32 !== 0) continue;
      const idleMs = (this.#tasks.nextDeadlineNs - performance.now() * 1e6) / 1e6;
      await this.#device.wait(this.#tasks.idle && frames === 0 ? Math.min(10, idleMs) : 0);
    }
  }

  async stream(): Promise<void> {
    const { plan } = this;
    const endpoint = this.#open(SOCK.STREAM) as StreamEndpoint;
    const connection = plan.role === "connect"
      ? await this.#connect(endpoint)
      : await this.#accept(endpoint);
    const data = new Uint8Array(plan.send);
    const random = seededRandom(plan.seed);
    for (let index = 0; index < data.length; index++) data[index] = random() * 256;
    this.result.sentHash = createHash("sha256").update(data).digest("hex");
    const digest = createHash("sha256");
    const buffer = new Uint8Array(65_536);
    let over = false, finished = false;
    const readFromMs = performance.now() + (plan.pauseMs ?? 0);
    await this.until(() => {
      if (performance.now() < readFromMs) return false;
      while (!over && (connection.readiness & 1) !== 0) {
        const { count } = connection.receive(buffer, 0);
        digest.update(buffer.subarray(0, count));
        this.result.received += count;
        over = count === 0;
      }
      if (plan.order === "receive first" && !over) return false;
      while (this.result.sent < data.length && (connection.readiness & 4) !== 0) {
        this.result.sent += connection.send(data.subarray(this.result.sent), 0);
      }
      if (this.result.sent === data.length && !finished) {
        finished = true;
        if (plan.end === "reset") {
          connection.setOption(SOL.SOCKET, SO.LINGER, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
          connection.close();
          over = true;
        } else connection.shutdown(SHUT.WR);
      }
      return over && finished && (plan.end === "reset" || connection.queuedOut === 0);
    });
    this.result.receivedHash = digest.digest("hex");
    connection.close();
  }

  async #connect(endpoint: StreamEndpoint): Promise<StreamEndpoint> {
    endpoint.connect(at(this.plan.six ? THEIR_6 : THEIR_4, PORT));
    await this.until(() => !endpoint.connecting);
    const errno = endpoint.takeError();
    if (errno !== 0) throw new Errno(errno);
    return endpoint;
  }

  async #accept(endpoint: StreamEndpoint): Promise<StreamEndpoint> {
    endpoint.bind(at(this.plan.six ? "::" : "0.0.0.0", PORT));
    endpoint.listen(8);
    await this.until(() => (endpoint.readiness & 1) !== 0);
    return endpoint.accept();
  }

  #open(type: number): Endpoint {
    return this.transport.open(this.plan.six ? AF.INET6 : AF.INET, type, 0);
  }

  async datagrams(): Promise<void> {
    const { plan } = this;
    const endpoint = this.#open(SOCK.DGRAM);
    const buffer = new Uint8Array(65_536);
    if (plan.role === "listen") endpoint.bind(at(plan.six ? "::" : "0.0.0.0", PORT));
    else endpoint.connect(at(plan.six ? THEIR_6 : THEIR_4, PORT));
    for (let index = 0; index < plan.count!; index++) {
      if (plan.role === "connect") {
        this.result.sent += endpoint.send(new Uint8Array(plan.send).fill(index), 0);
      }
      await this.until(() => (endpoint.readiness & 1) !== 0 || (endpoint.readiness & 8) !== 0);
      const { count, from } = endpoint.receive(buffer, 0);
      this.result.received += count;
      if (plan.role === "listen") endpoint.send(buffer.subarray(0, count), 0, from);
      else if (buffer.subarray(0, count).some((byte) => byte !== index)) {
        throw new Error("the answer is different");
      }
    }
  }

  /** Sends back what comes on any connection, until the peer has done what it wanted. */
  async echo(peer: Promise<unknown>): Promise<void> {
    const listener = this.#open(SOCK.STREAM) as StreamEndpoint;
    listener.bind(at(this.plan.six ? "::" : "0.0.0.0", PORT));
    listener.listen(64);
    const open = new Set<StreamEndpoint>();
    const buffer = new Uint8Array(65_536);
    let over = false;
    peer.finally(() => over = true);
    await this.until(() => {
      while ((listener.readiness & 1) !== 0) open.add(listener.accept());
      for (const each of open) {
        while ((each.readiness & 1) !== 0) {
          const { count } = each.receive(buffer, 0);
          if (count > 0) this.result.sent += each.send(buffer.subarray(0, count), 0);
          else {
            each.close();
            open.delete(each);
            break;
          }
        }
      }
      return over;
    });
  }

  /** Lets the peer finish and the last segments go out. */
  async finish(peer: Promise<unknown>): Promise<void> {
    let over = false;
    peer.finally(() => over = true);
    await this.until(() => over);
  }
}

/** @throws Error with what the command said */
function command(...line: string[]): void {
  const { success, stderr } = new Deno.Command(line[0], { args: line.slice(1) }).outputSync();
  if (!success) throw new Error(`${line.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

if (import.meta.main) {
  const plan: TapPlan = JSON.parse(Deno.args[0]);
  const host = new TapHost(plan);
  // Duplicate address detection would delay the first packet by a second.
  const nodad = `/proc/sys/net/ipv6/conf/${NAME}/accept_dad`;
  Deno.writeTextFileSync(nodad, "0");
  command("ip", "link", "set", "lo", "up");
  command("ip", "link", "set", NAME, "mtu", String(plan.mtu), "up");
  command("ip", "addr", "add", `${THEIR_4}/24`, "dev", NAME);
  if (plan.mtu >= 1280) command("ip", "-6", "addr", "add", `${THEIR_6}/64`, "dev", NAME, "nodad");
  if (plan.netem) command("tc", "qdisc", "add", "dev", NAME, "root", "netem", ...plan.netem);
  const listens = plan.role === "connect";
  const address = listens ? (plan.six ? THEIR_6 : THEIR_4) : (plan.six ? OUR_6 : OUR_4);
  const program = new URL("peer.py", import.meta.url).pathname;
  const order = { role: listens ? "listen" : "connect", address, port: PORT, ...plan.peer };
  const child = plan.alone ? undefined : new Deno.Command("python3", {
    args: [program, JSON.stringify(order)],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child?.stdout.pipeThrough(new TextDecoderStream()).getReader();
  // It says when it listens; one that connects finds us listening a little later by trying again.
  let said = "";
  while (reader !== undefined && !said.includes("\n")) said += (await reader.read()).value ?? "\n";
  const rest = (async () => {
    if (reader === undefined) return;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      said += value;
    }
  })();
  const begin = performance.now();
  try {
    if (plan.echo) await host.echo(rest);
    else await (plan.udp ? host.datagrams() : host.stream());
  } catch (failure) {
    if (!(failure instanceof Errno)) throw failure;
    host.result.error = errnoName(failure.errno);
  }
  await host.finish(rest);
  const seconds = (performance.now() - begin) / 1000;
  const theirs = child === undefined ? {} : JSON.parse(said.slice(said.indexOf("\n") + 1));
  console.log(JSON.stringify({ ours: host.result, theirs, seconds }));
  Deno.exit(0);
}
