// A machine's network in one thread, for tests: TCP/IP over the driver, the device and a backend.
import { VirtioNet } from "../../runtime/hardware/device/virtio_net.ts";
import type { NetworkBackend } from "../../runtime/hardware/network/backend.ts";
import { createVirtioNet } from "../../runtime/kernel/drivers/virtio_net_driver.ts";
import { AF, SOCK } from "../../runtime/kernel/network/constants.ts";
import type { StreamEndpoint, Transport } from "../../runtime/kernel/network/endpoint.ts";
import { createTcpip } from "../../runtime/kernel/network/tcpip/tcpip.ts";
import { parseIp } from "../../schemas/internet_address.ts";
import { smallMachine } from "../fixtures/small_machine.ts";

const LIMIT_MS = 20_000;
/** Readiness, as poll(2) has it. */
export const IN = 1, OUT = 4, ERR = 8;

export interface GuestSettings {
  mac: Uint8Array;
  /** of the component `tcpip` */
  tcpip: Record<string, unknown>;
  /** nanoseconds */
  clock: () => number;
}

export class NetworkGuest {
  readonly transport: Transport;
  readonly #machine;

  constructor(backend: NetworkBackend, settings: GuestSettings) {
    const model = new VirtioNet(backend, settings.mac);
    this.#machine = smallMachine(4 << 20, [model], settings.clock);
    const { environment, attachments } = this.#machine;
    const { frames } = createVirtioNet(environment, {}, { attachment: attachments[0] }).provides;
    this.transport = createTcpip(environment, { frames }, settings.tcpip).provides
      .transport as Transport;
  }

  /** Goes on until there is nothing to do but to wait. */
  turn(): void {
    this.#machine.settle();
  }

  /** When it has something to do by itself, in nanoseconds. */
  get nextDeadlineNs(): number {
    return this.#machine.environment.tasks.nextDeadlineNs;
  }

  /** Lets machine and host go on until something is so. */
  async until(condition: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + LIMIT_MS;
    for (;;) {
      this.turn();
      if (condition()) return;
      if (performance.now() > deadline) throw new Error(`It did not come to: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  open(ip: string, port: number): StreamEndpoint {
    const family = ip.includes(":") ? AF.INET6 : AF.INET;
    const endpoint = this.transport.open(family, SOCK.STREAM, 0) as StreamEndpoint;
    endpoint.connect({ ip: parseIp(ip)!, port, scope: 0 });
    return endpoint;
  }

  listen(port: number): StreamEndpoint {
    const listener = this.transport.open(AF.INET, SOCK.STREAM, 0) as StreamEndpoint;
    listener.bind({ ip: parseIp("0.0.0.0")!, port, scope: 0 });
    listener.listen(128);
    return listener;
  }

  /** A connection; the error number where there is none. */
  async connect(ip: string, port: number): Promise<StreamEndpoint | number> {
    const endpoint = this.open(ip, port);
    await this.until(() => (endpoint.readiness & OUT) !== 0, `a connection to ${ip}:${port}`);
    const error = endpoint.takeError();
    return error === 0 ? endpoint : error;
  }

  async read(endpoint: StreamEndpoint, into: Uint8Array): Promise<number> {
    await this.until(() => (endpoint.readiness & IN) !== 0, "something to read");
    return endpoint.receive(into, 0).count;
  }
}

/** Answers every connection with what it sends, step by step: call the result again and again. */
export function echoServer(listener: StreamEndpoint): () => void {
  const open = new Map<StreamEndpoint, Uint8Array>();
  const buffer = new Uint8Array(65536);
  return () => {
    while ((listener.readiness & IN) !== 0) open.set(listener.accept(), new Uint8Array(0));
    for (let [each, rest] of open) {
      for (;;) {
        while (rest.length > 0 && (each.readiness & OUT) !== 0) {
          rest = rest.subarray(each.send(rest, 0));
        }
        if (rest.length > 0 || (each.readiness & IN) === 0) break;
        const { count } = each.receive(buffer, 0);
        if (count === 0) {
          each.close();
          open.delete(each);
          break;
        }
        rest = buffer.slice(0, count);
      }
      if (open.has(each)) open.set(each, rest);
    }
  };
}
