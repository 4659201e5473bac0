// virtio-console with several ports (virtio 1.2, 5.3, VIRTIO_CONSOLE_F_MULTIPORT): two ports a program.
// Output goes to a callback; input waits here until the driver offers a buffer for it. Both are bounded:
// what cannot be taken is left with whoever has it.
import type { Chain } from "./split_queue.ts";
import type { DeviceModel, VirtioDevice } from "./virtio_device.ts";
import { Console, DeviceId, portQueues, type TerminalSize } from "./virtio.ts";

const CONTROL_RECEIVE = 2;
const CONTROL_TRANSMIT = 3;
/** Input that a program does not read: beyond it the host's terminal is not read on. */
const MAX_INPUT_BYTES = 1 << 20;
/** Output that the host has not written: beyond it programs wait. */
export const MAX_OUTPUT_BYTES = 1 << 20;

/** One port, as the host sees it. */
class Port {
  readonly input: Uint8Array[] = [];
  inputBytes = 0;
  /** no more input will come */
  closed = false;
  /** set where it is a terminal */
  size: TerminalSize | undefined;
  /** handed to the host and not yet written */
  outputBytes = 0;
  /** that is too much: nothing more is taken from the driver */
  held = false;

  /** whether everything was read that will ever come */
  get over(): boolean {
    return this.closed && this.input.length === 0;
  }
}

export class VirtioConsole implements DeviceModel {
  readonly deviceId = DeviceId.CONSOLE;
  readonly queues: number;
  readonly queueSize = 64;
  readonly features = Console.FEATURE_MULTIPORT | Console.FEATURE_SIZE;
  readonly config = new Uint8Array(12);
  #control: Uint8Array[] = [];
  readonly #ports: Port[];

  /** @param output gets what a program wrote to its port; the bytes are its own */
  constructor(
    ports: number,
    private readonly output: (port: number, bytes: Uint8Array) => void,
  ) {
    this.queues = 2 + 2 * Math.max(1, ports);
    this.#ports = Array.from({ length: ports }, () => new Port());
    new DataView(this.config.buffer).setUint32(4, ports, true);
  }

  /** Characters typed for a port. @returns false when the port holds too much already */
  input(port: number, bytes: Uint8Array): boolean {
    const to = this.#ports[port];
    if (to === undefined || to.inputBytes > MAX_INPUT_BYTES) return false;
    if (bytes.length > 0) to.input.push(bytes);
    to.inputBytes += bytes.length;
    return true;
  }

  /** No more input will come for a port: the driver is told that the host closed it. */
  endInput(index: number): void {
    const port = this.#ports[index];
    if (port === undefined || port.closed) return;
    port.closed = true;
    if (port.over) this.#send(index, Console.PORT_OPEN, 0);
  }

  /** A port is a terminal of this size from now on. */
  resize(index: number, size: TerminalSize): void {
    const port = this.#ports[index];
    if (port === undefined) return;
    const known = port.size !== undefined;
    port.size = size;
    if (index === 0) {
      const config = new DataView(this.config.buffer);
      config.setUint16(0, size.columns, true);
      config.setUint16(2, size.rows, true);
    }
    if (!known) this.#send(index, Console.CONSOLE_PORT, 1);
    this.#sendSize(index);
  }

  /** The host has written that much of what a port gave out. */
  written(index: number, bytes: number): void {
    const port = this.#ports[index];
    if (port !== undefined) port.outputBytes = Math.max(0, port.outputBytes - bytes);
  }

  reset(): void {
    this.#control = [];
  }

  request(queue: number, chain: Chain): number {
    if (queue === CONTROL_TRANSMIT) {
      this.#serveControl(chain.readable);
      return 0;
    }
    const index = queue === 1 ? 0 : (queue - 3) / 2, port = this.#ports[index];
    if (port === undefined) return 0;
    for (const view of chain.readable) {
      port.outputBytes += view.length;
      this.output(index, view.slice());
    }
    port.held = port.outputBytes > MAX_OUTPUT_BYTES;
    return 0;
  }

  /**
   * Buffers of receive queues, which are the even ones, wait for input, and those of transmit queues for
   * the host to get on: see poll.
   */
  keeps(queue: number): boolean {
    if (queue % 2 === 0) return true;
    if (queue === CONTROL_TRANSMIT) return false;
    return this.#ports[queue === 1 ? 0 : (queue - 3) / 2]?.held ?? false;
  }

  poll(device: VirtioDevice): boolean {
    let worked = false;
    while (this.#control.length > 0 && this.#deliver(device, CONTROL_RECEIVE, this.#control) > 0) {
      worked = true;
    }
    for (let index = 0; index < this.#ports.length; index++) {
      const port = this.#ports[index];
      if (port.input.length === 0 && !port.held) continue;
      const { receive, transmit } = portQueues(index);
      while (port.input.length > 0) {
        const given = this.#deliver(device, receive, port.input);
        if (given === 0) break;
        worked = true;
        port.inputBytes -= given;
        if (port.over) this.#send(index, Console.PORT_OPEN, 0);
      }
      if (!port.held || port.outputBytes > MAX_OUTPUT_BYTES / 2) continue;
      port.held = false;
      worked = true;
      // What came meanwhile was notified then, and is not again.
      while (!port.held) {
        const chain = device.take(transmit);
        if (chain === undefined) break;
        device.complete(transmit, chain.head, this.request(transmit, chain));
      }
    }
    return worked;
  }

  /** Puts the front of `waiting` into a buffer that the driver offered. @returns bytes; 0 without a buffer */
  #deliver(device: VirtioDevice, queue: number, waiting: Uint8Array[]): number {
    const chain = device.take(queue);
    if (chain === undefined) return 0;
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
    return written;
  }

  #serveControl(readable: Uint8Array[]): void {
    const bytes = readable[0];
    if (bytes === undefined || bytes.length < Console.CONTROL_BYTES) return;
    const message = new DataView(bytes.slice(0, Console.CONTROL_BYTES).buffer);
    const index = message.getUint32(0, true),
      event = message.getUint16(4, true),
      value = message.getUint16(6, true);
    if (event === Console.DEVICE_READY && value === 1) {
      for (let each = 0; each < this.#ports.length; each++) this.#send(each, Console.DEVICE_ADD, 1);
    } else if (event === Console.PORT_READY && value === 1 && index < this.#ports.length) {
      const { size, over } = this.#ports[index];
      if (size !== undefined) {
        this.#send(index, Console.CONSOLE_PORT, 1);
        this.#sendSize(index);
      }
      this.#send(index, Console.PORT_OPEN, over ? 0 : 1);
    }
  }

  #sendSize(index: number): void {
    const { columns, rows } = this.#ports[index].size!;
    const size = new DataView(new ArrayBuffer(Console.RESIZE_BYTES));
    size.setUint16(0, columns, true);
    size.setUint16(2, rows, true);
    this.#send(index, Console.RESIZE, 0, new Uint8Array(size.buffer));
  }

  #send(port: number, event: number, value: number, more = new Uint8Array()): void {
    const message = new DataView(new ArrayBuffer(Console.CONTROL_BYTES + more.length));
    message.setUint32(0, port, true);
    message.setUint16(4, event, true);
    message.setUint16(6, value, true);
    const bytes = new Uint8Array(message.buffer);
    bytes.set(more, Console.CONTROL_BYTES);
    this.#control.push(bytes);
  }
}
