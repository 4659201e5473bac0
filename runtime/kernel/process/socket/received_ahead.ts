// Data of a stream that is here and that the program has not read: the server sent it before it was asked.
import { ReusedCopy } from "./reused_copy.ts";
import { scatter } from "./socket.ts";

const nothing = new Uint8Array(0);

export class ReceivedAhead {
  #data: Uint8Array = nothing;
  readonly #copy = new ReusedCopy();
  #arrived = 0;

  /** bytes that wait to be read */
  get length(): number {
    return this.#data.length;
  }

  /** bytes of the stream that have come, whether they were read or not */
  get arrived(): number {
    return this.#arrived;
  }

  /** Keeps a copy of what the server sent. */
  add(data: Uint8Array): void {
    this.#arrived += data.length;
    if (this.#data.length === 0) this.#data = this.#copy.of(data);
    else {
      const both = new Uint8Array(this.#data.length + data.length);
      both.set(this.#data);
      both.set(data, this.#data.length);
      this.#data = both;
    }
  }

  /** Forgets what is unread. */
  drop(): void {
    this.#data = nothing;
  }

  /** Bytes have come, and are read already. */
  passed(count: number): void {
    this.#arrived += count;
  }

  /**
   * Reads into the pieces of a message, after `skip` bytes.
   * @param consume whether what is read is then gone @returns bytes read
   */
  read(parts: Uint8Array[], skip: number, consume: boolean): number {
    const count = scatter(this.#data, parts, skip);
    if (consume) this.#data = count === this.#data.length ? nothing : this.#data.subarray(count);
    return count;
  }
}
