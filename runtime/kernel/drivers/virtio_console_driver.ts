// The console driver (virtio 1.2, 5.3, with several ports). Each port has one page to receive into and
// one to send from; what is received waits in the page until a program reads it.
import { Console, DeviceId, portQueues, type TerminalSize } from "../../hardware/device/virtio.ts";
import type { Component } from "../component.ts";
import { type Coroutine, Mutex, WaitQueue } from "../coroutine.ts";
import type { DmaBuffer, Environment } from "../environment.ts";
import type { DeviceAttachment } from "./device_attachment.ts";
import type { Terminal } from "./terminal.ts";
import { queueRanges, VirtioProbe } from "./virtio_probe.ts";
import { Virtqueue } from "./virtqueue.ts";

const QUEUE_SIZE = 8;
const CONTROL_QUEUE_SIZE = 64;
const CONTROL_RECEIVE = 2;
const CONTROL_TRANSMIT = 3;
/** Room for one control message, with what follows it. */
const CONTROL_SLOT_BYTES = 16;
const POLLIN = 1, POLLOUT = 4, POLLHUP = 16;

/** One port: a program's standard input and output. */
class Port {
  readonly receiveQueue: Virtqueue<"receive">;
  readonly transmitQueue: Virtqueue<"transmit">;
  readonly receivePage: DmaBuffer;
  readonly transmitPage: DmaBuffer;
  readonly turn = new Mutex();
  /** bytes of the receive page that were received and not yet read */
  from = 0;
  to = 0;
  receiving = false;
  sending = false;
  closed = false;
  size: TerminalSize | undefined;

  constructor(environment: Environment) {
    this.receiveQueue = new Virtqueue(environment.memory, QUEUE_SIZE, 1);
    this.transmitQueue = new Virtqueue(environment.memory, QUEUE_SIZE, 1);
    this.receivePage = environment.memory.allocate(4096);
    this.transmitPage = environment.memory.allocate(4096);
  }
}

class VirtioConsoleDriver implements Terminal {
  readonly ports: number;
  readonly readiness = new WaitQueue();
  readonly resized = new WaitQueue();
  readonly #ports: Port[];
  readonly #controlReceive: Virtqueue<number>;
  readonly #controlTransmit: Virtqueue<number>;
  readonly #controlPage: DmaBuffer;

  constructor(environment: Environment, private readonly attachment: DeviceAttachment) {
    const probe = new VirtioProbe(
      attachment.registers,
      environment.memory,
      DeviceId.CONSOLE,
      Console.FEATURE_MULTIPORT | Console.FEATURE_SIZE,
    );
    this.ports = (probe.features & Console.FEATURE_MULTIPORT) === 0 ? 1 : probe.config32(4);
    this.#ports = Array.from({ length: this.ports }, () => new Port(environment));
    this.#controlReceive = new Virtqueue(environment.memory, CONTROL_QUEUE_SIZE, 1);
    this.#controlTransmit = new Virtqueue(environment.memory, CONTROL_QUEUE_SIZE, 1);
    this.#controlPage = environment.memory.allocate(2 * CONTROL_QUEUE_SIZE * CONTROL_SLOT_BYTES);
    attachment.onInterrupt = () => this.#takeAll();

    const buffers = [this.#controlPage];
    const queues = [this.#controlReceive, this.#controlTransmit] as Virtqueue<unknown>[];
    probe.setQueue(CONTROL_RECEIVE, this.#controlReceive);
    probe.setQueue(CONTROL_TRANSMIT, this.#controlTransmit);
    this.#ports.forEach((port, index) => {
      const { receive, transmit } = portQueues(index);
      probe.setQueue(receive, port.receiveQueue);
      probe.setQueue(transmit, port.transmitQueue);
      buffers.push(port.receivePage, port.transmitPage);
      queues.push(
        port.receiveQueue as Virtqueue<unknown>,
        port.transmitQueue as Virtqueue<unknown>,
      );
    });
    probe.begin([
      ...queues.flatMap(queueRanges),
      ...buffers.map((buffer) => ({ address: buffer.address, sizeBytes: buffer.bytes.length })),
    ]);
    for (let slot = 0; slot < CONTROL_QUEUE_SIZE; slot++) this.#offerControl(slot);
    this.#control(0xffff_ffff, Console.DEVICE_READY);
    this.#ports.forEach((port, index) => {
      this.#control(index, Console.PORT_READY);
      this.#receive(port, index);
    });
  }

  #offerControl(slot: number): void {
    const address = this.#controlPage.address + slot * CONTROL_SLOT_BYTES;
    this.#controlReceive.add(slot, [], [{ address, length: CONTROL_SLOT_BYTES }]);
    this.attachment.registers.notify(CONTROL_RECEIVE);
  }

  #control(port: number, event: number): void {
    this.#controlTransmit.takeUsed(() => {});
    const slot = CONTROL_QUEUE_SIZE +
      (port === 0xffff_ffff ? 0 : 1 + port % (CONTROL_QUEUE_SIZE - 1));
    const at = slot * CONTROL_SLOT_BYTES;
    const message = new DataView(
      this.#controlPage.bytes.buffer,
      this.#controlPage.bytes.byteOffset + at,
      Console.CONTROL_BYTES,
    );
    message.setUint32(0, port, true);
    message.setUint16(4, event, true);
    message.setUint16(6, 1, true);
    this.#controlTransmit.add(slot, [{
      address: this.#controlPage.address + at,
      length: Console.CONTROL_BYTES,
    }], []);
    this.attachment.registers.notify(CONTROL_TRANSMIT);
  }

  #receive(port: Port, index: number): void {
    port.receiving = true;
    port.receiveQueue.add("receive", [], [{
      address: port.receivePage.address,
      length: port.receivePage.bytes.length,
    }]);
    this.attachment.registers.notify(portQueues(index).receive);
  }

  #takeAll(): number {
    let count = this.#controlReceive.takeUsed((slot, written) => this.#takeControl(slot, written));
    for (const port of this.#ports) {
      count += port.receiveQueue.takeUsed((_token, written) => {
        port.receiving = false;
        port.from = 0;
        port.to = written;
      });
      count += port.transmitQueue.takeUsed(() => port.sending = false);
    }
    if (count > 0) this.readiness.wakeAll();
    return count;
  }

  /** The device's memory of a message is what it likes: read once, and no more of it than there is. */
  #takeControl(slot: number, written: number): void {
    const at = slot * CONTROL_SLOT_BYTES;
    const bytes = this.#controlPage.bytes.slice(at, at + CONTROL_SLOT_BYTES);
    const message = new DataView(bytes.buffer);
    const port = this.#ports[message.getUint32(0, true)], event = message.getUint16(4, true);
    if (port !== undefined && event === Console.PORT_OPEN) {
      port.closed = message.getUint16(6, true) === 0;
    } else if (
      port !== undefined && event === Console.RESIZE &&
      written >= Console.CONTROL_BYTES + Console.RESIZE_BYTES
    ) {
      const from = Console.CONTROL_BYTES;
      port.size = {
        columns: message.getUint16(from, true),
        rows: message.getUint16(from + 2, true),
      };
      this.resized.wakeAll();
    }
    this.#offerControl(slot);
  }

  *read(index: number, into: Uint8Array): Coroutine<number> {
    const port = this.#ports[index];
    if (into.length === 0) return 0;
    while (port.from === port.to) {
      if (port.closed) return 0;
      if (!port.receiving) this.#receive(port, index);
      yield this.readiness;
    }
    const count = Math.min(into.length, port.to - port.from);
    into.set(port.receivePage.bytes.subarray(port.from, port.from + count));
    port.from += count;
    if (port.from === port.to) this.#receive(port, index);
    return count;
  }

  *write(index: number, from: Uint8Array): Coroutine<number> {
    const port = this.#ports[index];
    yield* port.turn.acquire();
    try {
      for (let done = 0; done < from.length;) {
        const part = from.subarray(done, done + port.transmitPage.bytes.length);
        port.transmitPage.bytes.set(part);
        port.sending = true;
        port.transmitQueue.add("transmit", [{
          address: port.transmitPage.address,
          length: part.length,
        }], []);
        this.attachment.registers.notify(portQueues(index).transmit);
        while (port.sending) yield this.readiness;
        done += part.length;
      }
    } finally {
      port.turn.release();
    }
    return from.length;
  }

  size(index: number): TerminalSize | undefined {
    return this.#ports[index]?.size;
  }

  poll(index: number): number {
    const port = this.#ports[index];
    return (port.from < port.to ? POLLIN : 0) | (port.sending ? 0 : POLLOUT) |
      (port.closed ? POLLHUP | POLLIN : 0);
  }
}

export function createVirtioConsole(
  environment: Environment,
  _needs: Record<string, unknown>,
  settings: Record<string, unknown>,
): Component {
  return {
    provides: {
      terminal: new VirtioConsoleDriver(environment, settings.attachment as DeviceAttachment),
    },
  };
}
