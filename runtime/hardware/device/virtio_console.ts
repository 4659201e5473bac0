// virtio-console with several ports (virtio 1.2, 5.3, VIRTIO_CONSOLE_F_MULTIPORT): one port a program.
// Output goes to a callback; input waits here until the driver offers a buffer for it.
import type { Chain } from "./split_queue.ts";
import type { DeviceModel, VirtioDevice } from "./virtio_device.ts";
import { Console, DeviceId, portQueues } from "./virtio.ts";

const CONTROL_RECEIVE = 2;
const CONTROL_TRANSMIT = 3;
/** Input that a program does not read: beyond it the host's terminal is not read on. */
const MAX_INPUT_BYTES = 1 << 20;

export class VirtioConsole implements DeviceModel {
  readonly deviceId = DeviceId.CONSOLE;
  readonly queues: number;
  readonly queueSize = 64;
  readonly features = Console.FEATURE_MULTIPORT;
  readonly config = new Uint8Array(12);
  #control: Uint8Array[] = [];
  readonly #input: Uint8Array[][];
  readonly #closed: boolean[];

  /** @param output gets what a program wrote to its port; the bytes are its own */
  constructor(
    private readonly ports: number,
    private readonly output: (port: number, bytes: Uint8Array) => void,
  ) {
    this.queues = 2 + 2 * Math.max(1, ports);
    this.#input = Array.from({ length: ports }, () => []);
    this.#closed = new Array(ports).fill(false);
    new DataView(this.config.buffer).setUint32(4, ports, true);
  }

  /** Characters typed for a port. @returns false when the port holds too much already */
  input(port: number, bytes: Uint8Array): boolean {
    const waiting = this.#input[port];
    if (
      waiting === undefined || waiting.reduce((sum, part) => sum + part.length, 0) > MAX_INPUT_BYTES
    ) return false;
    waiting.push(bytes);
    return true;
  }

  /** No more input will come for a port: the driver is told that the host closed it. */
  endInput(port: number): void {
    if (this.#closed[port] !== false) return;
    this.#closed[port] = true;
    if (this.#input[port].length === 0) this.#send(port, Console.PORT_OPEN, 0);
  }

  reset(): void {
    this.#control = [];
  }

  request(queue: number, chain: Chain): number {
    if (queue === CONTROL_TRANSMIT) {
      this.#serveControl(chain.readable);
      return 0;
    }
    const port = queue === 1 ? 0 : (queue - 3) / 2;
    if (port < this.ports) { for (const view of chain.readable) this.output(port, view.slice()); }
    return 0;
  }

  /** Buffers of receive queues, which are the even ones, wait for input: see poll. */
  keeps(queue: number): boolean {
    return queue % 2 === 0;
  }

  poll(device: VirtioDevice): boolean {
    let worked = false;
    while (this.#control.length > 0 && this.#deliver(device, CONTROL_RECEIVE, this.#control)) {
      worked = true;
    }
    for (let port = 0; port < this.ports; port++) {
      const input = this.#input[port];
      while (input.length > 0 && this.#deliver(device, portQueues(port).receive, input)) {
        worked = true;
        if (input.length === 0 && this.#closed[port]) this.#send(port, Console.PORT_OPEN, 0);
      }
    }
    return worked;
  }

  /** Puts the front of `waiting` into a buffer that the driver offered. */
  #deliver(device: VirtioDevice, queue: number, waiting: Uint8Array[]): boolean {
    const chain = device.take(queue);
    if (chain === undefined) return false;
    let written = 0;
    for (const view of chain.writable) {
      const part = waiting[0].subarray(0, view.length);
      view.set(part);
      written += part.length;
      if (part.length === waiting[0].length) {
        waiting.shift();
        break;
      }
      waiting[0] = waiting[0].subarray(part.length);
    }
    device.complete(queue, chain.head, written);
    return true;
  }

  #serveControl(readable: Uint8Array[]): void {
    const bytes = readable[0];
    if (bytes === undefined || bytes.length < Console.CONTROL_BYTES) return;
    const message = new DataView(bytes.slice(0, Console.CONTROL_BYTES).buffer);
    const port = message.getUint32(0, true),
      event = message.getUint16(4, true),
      value = message.getUint16(6, true);
    if (event === Console.DEVICE_READY && value === 1) {
      for (let each = 0; each < this.ports; each++) this.#send(each, Console.DEVICE_ADD, 1);
    } else if (event === Console.PORT_READY && value === 1 && port < this.ports) {
      this.#send(port, Console.CONSOLE_PORT, 1);
      const over = this.#closed[port] && this.#input[port].length === 0;
      this.#send(port, Console.PORT_OPEN, over ? 0 : 1);
    }
  }

  #send(port: number, event: number, value: number): void {
    const message = new DataView(new ArrayBuffer(Console.CONTROL_BYTES));
    message.setUint32(0, port, true);
    message.setUint16(4, event, true);
    message.setUint16(6, value, true);
    this.#control.push(new Uint8Array(message.buffer));
  }
}
