// The interface `disk`: what file systems need of a disk, and what a disk driver provides.
import { WaitQueue } from "../coroutine.ts";
import type { DmaBuffer } from "../environment.ts";

export const SECTOR_BYTES = 512;

export type BlockOperation = "read" | "write" | "flush" | "discard" | "write-zeroes";

/** One request; the submitter owns the buffers again once `status` is not "pending". */
export interface BlockRequest {
  operation: BlockOperation;
  /** first sector of 512 bytes; 0 for flush */
  sector: number;
  /** sectors for discard and write-zeroes; derived from `buffers` otherwise */
  sectors: number;
  /** scattered over the domain's memory, each a multiple of 512 bytes; empty for flush and discard */
  buffers: DmaBuffer[];
  status: "pending" | "ok" | "io-error" | "unsupported";
  /** woken when the status changes */
  done: WaitQueue;
}

/** A request as it is submitted. */
export function blockRequest(
  operation: BlockOperation,
  sector: number,
  buffers: DmaBuffer[],
  sectors = 0,
): BlockRequest {
  return { operation, sector, sectors, buffers, status: "pending", done: new WaitQueue() };
}

export interface BlockDevice {
  /** capacity in sectors of 512 bytes */
  readonly sectors: number;
  readonly readOnly: boolean;
  /** whether it has a volatile cache that flush empties */
  readonly flushes: boolean;
  readonly discards: boolean;
  /**
   * whether requests are carried out in the order in which they were submitted: a flush then covers every write
   * submitted before it; else those that were answered before
   */
  readonly inOrder: boolean;
  /** most buffers in one request, and most bytes */
  readonly maxBuffers: number;
  readonly maxBytes: number;
  /**
   * Queues a request and returns at once; many may be outstanding, they complete in any order, unless it is in order.
   * A queue that is full keeps the request and submits it when there is room.
   */
  submit(request: BlockRequest): void;
}
