// What a client keeps of one file, and what of it is under way. A read and a change that are under way at the
// same time may be carried out in either order, or in pieces: where they meet, neither leaves anything that
// is kept. All of this is told when a call is sent and when it is answered, by one thread.
import { PAGE_BYTES } from "./page_pool.ts";

/** A read whose answer may be kept, or a write inside the file whose pages may. */
export interface Transfer {
  readonly file: CachedFile;
  /** pages that it touches, of the first to before the last */
  readonly first: number;
  readonly last: number;
  readonly writes: boolean;
  /** number of sweeping changes when it was sent */
  readonly since: number;
  /** it met one that writes: what it read may be older than what is there, or what it wrote */
  met: boolean;
  /** a write that the file may have become too short for meanwhile: it counts as a sweeping change */
  sweeps: boolean;
}

export class CachedFile {
  /** frames by page: whole pages, and the last one where the file's end is known */
  readonly frames = new Map<number, number>();
  /** where it ends, bytes; -1 where that is not known */
  sizeBytes = -1;
  /** it has at least so many, bytes */
  knownBytes = 0;
  /** it is not kept under its name any more, and whoever still has it must not keep anything in it */
  forgotten = false;
  /** where the last read ended: one that begins there is sequential */
  lastEnd = -1;
  /** writes lately for which it was not known where it ends */
  blindWrites = 0;
  /** changes under way, of either kind */
  changing = 0;
  /** changes of unknown extent that were sent so far, and those of them that are under way */
  #sweeps = 0;
  #sweeping = 0;
  readonly #transfers = new Set<Transfer>();

  /** @param number by which pages that were asked for are told apart */
  constructor(readonly number: number) {}

  /** Whether a write changes neither the file's length nor anything but the bytes it names. */
  isInside(offset: number, length: number): boolean {
    return offset >= 0 && offset + length <= this.knownBytes;
  }

  /** It is known where it ends. */
  endsAt(sizeBytes: number): void {
    this.sizeBytes = this.knownBytes = sizeBytes;
  }

  /** A read or a write inside the file is sent. */
  begin(offset: number, length: number, writes: boolean): Transfer {
    const first = Math.floor(offset / PAGE_BYTES);
    const last = Math.ceil((offset + length) / PAGE_BYTES);
    const met = this.#sweeping > 0;
    const since = this.#sweeps;
    const transfer: Transfer = { file: this, first, last, writes, since, met, sweeps: false };
    for (const other of this.#transfers) {
      if (other.last <= first || last <= other.first) continue;
      if (writes) other.met = true;
      if (other.writes) transfer.met = true;
    }
    this.#transfers.add(transfer);
    if (writes) this.changing++;
    return transfer;
  }

  /** It was answered. @returns whether what it read or wrote is what the file has */
  end(transfer: Transfer): boolean {
    this.#transfers.delete(transfer);
    if (transfer.writes) this.changing--;
    const isSo = !transfer.met && transfer.since === this.#sweeps && !this.forgotten;
    if (transfer.sweeps) this.#sweeping--;
    return isSo;
  }

  /**
   * A change is sent that may touch anything, or put the file's end elsewhere.
   * @param shortens it may do that
   * @returns its number; 0 where something else is under way
   */
  beginSweep(shortens: boolean): number {
    this.#sweeps++;
    this.#sweeping++;
    if (shortens) this.#shorten();
    return this.changing++ === 0 ? this.#sweeps : 0;
  }

  /** It was answered. @returns whether no other change was under way since it was sent */
  endSweep(number: number): boolean {
    this.#sweeping--;
    return --this.changing === 0 && number === this.#sweeps && !this.forgotten;
  }

  /** Something has changed it, and maybe shortened it, nobody knows when. */
  swept(): void {
    this.#sweeps++;
    this.#shorten();
  }

  /** Writes that were inside the file may make it longer again. */
  #shorten(): void {
    this.knownBytes = 0;
    for (const transfer of this.#transfers) {
      if (!transfer.writes || transfer.sweeps) continue;
      transfer.sweeps = true;
      this.#sweeping++;
    }
  }
}
