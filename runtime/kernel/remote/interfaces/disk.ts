// The interface `disk` across a ring: block requests as calls, with their data in the payload. The
// serving side moves it through frames of its own domain, since a device reaches no other memory.
//
// A driver that dies keeps nothing that matters: the image and its cache are the device's, which goes
// on. So what the driver answered has happened, and the next flush, by whichever driver, makes it
// durable. What it did not answer may have happened or not. Under `retry` exactly those requests are
// sent again: reads, writes, discards and flushes of sectors may be done twice, and nothing can come
// in between, since who waits for an answer does not change the same sectors meanwhile. The device was
// fenced before the new driver came, so the first try cannot happen after the second. A repeated flush
// covers every write answered before it, which is all that a flush promises. Under `error` they fail.
import type { ClientContract } from "../../../../schemas/plan.ts";
import { type RingShape, slotBytes } from "../../../hypervisor/ring/layout.ts";
import {
  type BlockDevice,
  type BlockRequest,
  blockRequest,
  SECTOR_BYTES,
} from "../../block/block_device.ts";
import { type Coroutine, WaitQueue } from "../../coroutine.ts";
import type { DmaBuffer, Environment } from "../../environment.ts";
import { E, fail } from "../../errno.ts";
import type { Service, ServiceCall } from "../../service.ts";
import { type Connection, LOST } from "../transport/connection.ts";
import { DiskCall } from "../transport/payload_flow.ts";

const Property = { READ_ONLY: 1, FLUSHES: 2, DISCARDS: 4 } as const;
const kernel = { uid: 0, gid: 0, groups: [] };

export class DiskServer implements Service {
  readonly transaction = 0;
  readonly durable = 0;
  readonly #free: DmaBuffer[];
  readonly #freed = new WaitQueue();

  constructor(private readonly disk: BlockDevice, environment: Environment, shape: RingShape) {
    const bytes = Math.floor(slotBytes(shape) / 4096) * 4096;
    const count = Math.min(shape.depth, Math.floor(environment.memory.freeBytes / 2 / bytes));
    this.#free = Array.from({ length: count }, () => environment.memory.allocate(bytes));
  }

  *call(call: ServiceCall): Coroutine<number> {
    const [sector, sectors] = [call.args[0], call.args[1]];
    switch (call.number) {
      case DiskCall.PROPERTIES: {
        if (call.payload.length < 12) fail(E.EFAULT);
        const { disk } = this;
        const view = new DataView(call.payload.buffer, call.payload.byteOffset);
        view.setUint32(0, disk.sectors >>> 0, true);
        view.setUint32(4, Math.floor(disk.sectors / 0x1_0000_0000), true);
        const flags = (disk.readOnly ? Property.READ_ONLY : 0) |
          (disk.flushes ? Property.FLUSHES : 0) |
          (disk.discards ? Property.DISCARDS : 0);
        view.setUint32(8, flags, true);
        return 0;
      }
      case DiskCall.READ:
      case DiskCall.WRITE:
        return yield* this.#transfer(
          call.number === DiskCall.READ ? "read" : "write",
          sector,
          call.payload,
        );
      case DiskCall.FLUSH:
        return yield* this.#perform("flush", 0, 0, []);
      case DiskCall.DISCARD:
        return yield* this.#perform("discard", sector, sectors, []);
      case DiskCall.WRITE_ZEROES:
        return yield* this.#perform("write-zeroes", sector, sectors, []);
      default:
        return fail(E.ENOSYS);
    }
  }

  *#transfer(operation: "read" | "write", sector: number, payload: Uint8Array): Coroutine<number> {
    if (payload.length === 0 || payload.length % SECTOR_BYTES !== 0 || !(sector >= 0)) {
      fail(E.EINVAL);
    }
    while (this.#free.length === 0) yield this.#freed;
    const frame = this.#free.pop()!;
    try {
      const bytes = frame.bytes.subarray(0, payload.length);
      if (operation === "write") bytes.set(payload);
      const status = yield* this.#perform(operation, sector, 0, [{
        address: frame.address,
        bytes,
      }]);
      if (status < 0 || operation === "write") return status;
      payload.set(bytes);
      return bytes.length;
    } finally {
      this.#free.push(frame);
      this.#freed.wakeOne();
    }
  }

  *#perform(
    operation: BlockRequest["operation"],
    sector: number,
    sectors: number,
    buffers: DmaBuffer[],
  ): Coroutine<number> {
    const request = blockRequest(operation, sector, buffers, sectors);
    this.disk.submit(request);
    while (request.status === "pending") yield request.done;
    return request.status === "ok" ? 0 : request.status === "unsupported" ? -E.EOPNOTSUPP : -E.EIO;
  }
}

/** A disk whose driver is in another domain. `probe` has to run before it is used. */
export class DiskClient implements BlockDevice {
  sectors = 0;
  readOnly = false;
  flushes = true;
  discards = false;
  /** the domain of its driver may do one while another waits there for room */
  readonly inOrder = false;
  readonly maxBuffers: number;
  readonly maxBytes: number;

  /** @param contract what requests get that the driver does not answer */
  constructor(
    private readonly connection: Connection,
    private readonly contract: ClientContract,
    private readonly environment: Environment,
  ) {
    this.maxBytes = Math.floor(connection.maxPayloadBytes / 4096) * 4096;
    this.maxBuffers = this.maxBytes / 4096;
  }

  /** Asks the driver what disk it has. @throws Errno EIO */
  *probe(): Coroutine<void> {
    const payload = new Uint8Array(12);
    if ((yield* this.#call(DiskCall.PROPERTIES, [], payload)) < 0) fail(E.EIO);
    const view = new DataView(payload.buffer);
    this.sectors = view.getUint32(4, true) * 0x1_0000_0000 + view.getUint32(0, true);
    const flags = view.getUint32(8, true);
    this.readOnly = (flags & Property.READ_ONLY) !== 0;
    this.flushes = (flags & Property.FLUSHES) !== 0;
    this.discards = (flags & Property.DISCARDS) !== 0;
  }

  submit(request: BlockRequest): void {
    request.status = "pending";
    this.environment.tasks.spawn(this.#carry(request));
  }

  *#carry(request: BlockRequest): Coroutine<void> {
    const length = request.buffers.reduce((sum, buffer) => sum + buffer.bytes.length, 0);
    // Buffers in a row are moved between memory and ring without a copy in between.
    const whole = inOnePiece(request.buffers, length);
    const payload = whole ?? new Uint8Array(length);
    if (request.operation === "write" && whole === undefined) {
      scatter(request.buffers, (bytes, at) => payload.set(bytes, at));
    }
    const status = yield* this.#call(
      numbers[request.operation],
      [request.sector, request.sectors],
      payload,
    );
    if (request.operation === "read" && status === length) {
      if (whole === undefined) {
        scatter(request.buffers, (bytes, at) => bytes.set(payload.subarray(at, at + bytes.length)));
      }
      request.status = "ok";
    } else if (status === 0 && request.operation !== "read") request.status = "ok";
    else request.status = status === -E.EOPNOTSUPP ? "unsupported" : "io-error";
    request.done.wakeAll();
  }

  /** @returns the driver's answer, of whichever generation; {@link LOST} where the contract has none */
  *#call(number: number, args: number[], payload: Uint8Array): Coroutine<number> {
    for (;;) {
      const status = yield* this.connection.call({ number, args, credential: kernel, payload });
      if (status !== LOST || this.contract !== "retry") return status;
      while (this.connection.state === "down") yield this.connection.changed;
      if (this.connection.state === "gone") return LOST;
    }
  }
}

/** The memory of buffers that follow each other without a gap; undefined where they do not. */
function inOnePiece(buffers: DmaBuffer[], length: number): Uint8Array | undefined {
  if (buffers.length === 0) return undefined;
  const { buffer, byteOffset } = buffers[0].bytes;
  let end = byteOffset;
  for (const { bytes } of buffers) {
    if (bytes.buffer !== buffer || bytes.byteOffset !== end) return undefined;
    end += bytes.length;
  }
  return new Uint8Array(buffer, byteOffset, length);
}

function scatter(buffers: DmaBuffer[], move: (bytes: Uint8Array, at: number) => void): void {
  let at = 0;
  for (const { bytes } of buffers) {
    move(bytes, at);
    at += bytes.length;
  }
}

const numbers = {
  "read": DiskCall.READ,
  "write": DiskCall.WRITE,
  "flush": DiskCall.FLUSH,
  "discard": DiskCall.DISCARD,
  "write-zeroes": DiskCall.WRITE_ZEROES,
} as const;
