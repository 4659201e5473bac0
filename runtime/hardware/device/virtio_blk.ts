// virtio-blk (virtio 1.2, 5.2): a disk on an image. Requests of a batch are carried out in order; data
// goes between the image and the driver's buffers without a copy of ours.
import type { DeviceModel } from "./virtio_device.ts";
import type { Chain } from "./split_queue.ts";
import { Block, DeviceId } from "./virtio.ts";

/** What the disk is kept on. Operations throw what the host says when it cannot. */
export interface DiskImage {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
  /** returns when what was written is on the image */
  flush(): void;
  /** the range may be given back; reads of it are zeros afterwards */
  discard(offset: number, length: number): void;
}

const SECTOR_BYTES = 512;
const QUEUE_SIZE = 128;
const SEG_MAX = 256;
const MAX_DISCARD_SECTORS = 1 << 22;

export class VirtioBlk implements DeviceModel {
  readonly deviceId = DeviceId.BLOCK;
  readonly queues = 1;
  readonly queueSize = QUEUE_SIZE;
  readonly features: number;
  readonly inOrder = true;
  readonly config = new Uint8Array(64);
  readonly #header = new DataView(new ArrayBuffer(Block.HEADER_BYTES));
  readonly #id = new Uint8Array(Block.ID_BYTES);

  /** @param log told why the host refused a transfer */
  constructor(
    private readonly image: DiskImage,
    serial: string,
    private readonly log: (line: string) => void,
  ) {
    this.features = Block.FEATURE_SEG_MAX | Block.FEATURE_BLK_SIZE | Block.FEATURE_FLUSH |
      Block.FEATURE_DISCARD |
      Block.FEATURE_WRITE_ZEROES | (image.readOnly ? Block.FEATURE_RO : 0);
    this.#id.set(new TextEncoder().encode(serial).subarray(0, Block.ID_BYTES));
    const config = new DataView(this.config.buffer);
    config.setBigUint64(0, BigInt(Math.floor(image.sizeBytes / SECTOR_BYTES)), true);
    config.setUint32(12, SEG_MAX, true);
    config.setUint32(20, SECTOR_BYTES, true);
    config.setUint32(36, MAX_DISCARD_SECTORS, true);
    config.setUint32(40, 1, true);
    config.setUint32(44, 1, true);
    config.setUint32(48, MAX_DISCARD_SECTORS, true);
    config.setUint32(52, 1, true);
  }

  reset(): void {}

  request(_queue: number, chain: Chain): number {
    const status = chain.writable.at(-1);
    if (status === undefined || chain.readableBytes < Block.HEADER_BYTES) return 0;
    const header = this.#header;
    gather(chain.readable, 0, header);
    const type = header.getUint32(0, true);
    const sector = header.getUint32(12, true) * 0x1_0000_0000 + header.getUint32(8, true);
    // The status is the last writable byte; data before it is whole sectors.
    const inBytes = chain.writableBytes - 1;
    let result: number = Block.OK;
    let written = 1;
    try {
      switch (type) {
        case Block.IN:
          result = this.#transfer(
            sector,
            inBytes,
            trim(chain.writable, 0, inBytes),
            (at, view) => this.image.read(at, view),
          );
          if (result === Block.OK) written += inBytes;
          break;
        case Block.OUT: {
          const outBytes = chain.readableBytes - Block.HEADER_BYTES;
          const data = trim(chain.readable, Block.HEADER_BYTES, outBytes);
          result = this.image.readOnly
            ? Block.IOERR
            : this.#transfer(sector, outBytes, data, (at, view) => this.image.write(at, view));
          break;
        }
        case Block.FLUSH:
          this.image.flush();
          break;
        case Block.GET_ID:
          if (inBytes < Block.ID_BYTES) result = Block.IOERR;
          else {
            scatter(chain.writable, this.#id);
            written += Block.ID_BYTES;
          }
          break;
        case Block.DISCARD:
        case Block.WRITE_ZEROES:
          result = this.#discard(chain, type);
          break;
        default:
          result = Block.UNSUPP;
      }
    } catch (failure) {
      this.log(failure instanceof Error ? failure.message : String(failure));
      result = Block.IOERR;
    }
    status[status.length - 1] = result;
    return written;
  }

  #transfer(
    sector: number,
    length: number,
    views: Uint8Array[],
    move: (at: number, view: Uint8Array) => void,
  ): number {
    const start = sector * SECTOR_BYTES;
    if (length % SECTOR_BYTES !== 0 || start + length > this.image.sizeBytes) return Block.IOERR;
    let at = start;
    for (const view of views) {
      move(at, view);
      at += view.length;
    }
    return Block.OK;
  }

  #discard(chain: Chain, type: number): number {
    if (this.image.readOnly || chain.readableBytes !== Block.HEADER_BYTES + 16) return Block.IOERR;
    const segment = new DataView(new ArrayBuffer(16));
    gather(chain.readable, Block.HEADER_BYTES, segment);
    const sector = segment.getUint32(4, true) * 0x1_0000_0000 + segment.getUint32(0, true);
    const sectors = segment.getUint32(8, true);
    const flags = segment.getUint32(12, true);
    if ((flags & ~1) !== 0 || type === Block.DISCARD && flags !== 0) return Block.UNSUPP;
    const start = sector * SECTOR_BYTES, length = sectors * SECTOR_BYTES;
    if (sectors > MAX_DISCARD_SECTORS || start + length > this.image.sizeBytes) return Block.IOERR;
    this.image.discard(start, length);
    return Block.OK;
  }
}

/** Copies bytes out of scattered views, as many as there is room for. */
function gather(views: Uint8Array[], offset: number, into: DataView): void {
  const bytes = new Uint8Array(into.buffer);
  let at = 0;
  for (const view of trim(views, offset, bytes.length)) {
    bytes.set(view, at);
    at += view.length;
  }
}

function scatter(views: Uint8Array[], bytes: Uint8Array): void {
  let at = 0;
  for (const view of trim(views, 0, bytes.length)) {
    view.set(bytes.subarray(at, at + view.length));
    at += view.length;
  }
}

/** The part of scattered views that begins at `offset` and is `length` bytes long. */
function trim(views: Uint8Array[], offset: number, length: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (const view of views) {
    if (length === 0) break;
    if (offset >= view.length) {
      offset -= view.length;
      continue;
    }
    const isWhole = offset === 0 && view.length <= length;
    const part = isWhole ? view : view.subarray(offset, Math.min(view.length, offset + length));
    offset = 0;
    length -= part.length;
    parts.push(part);
  }
  return parts;
}
