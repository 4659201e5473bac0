// What clients of the socket server wait to hear: handles whose level gained a bit, with the data that came
// where that is little, and the connections.
import { type Coroutine, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { ACCEPTED, AcceptedAhead, EVENT_HEAD_BYTES, eventBytes } from "../protocol.ts";
import type { Entry } from "./entry.ts";

/** Who has the sockets. */
interface Holder {
  /** whether a socket is still there */
  has(entry: Entry): boolean;
  /**
   * Accepts a connection before anybody asks.
   * @param into gets what is at `AcceptedAhead` @returns whether one waited, and may be
   */
  acceptAhead(entry: Entry, into: Uint8Array): boolean;
}

export class News {
  #noted: Entry[] = [];
  readonly #some = new WaitQueue();

  /** The client is told where there is something to tell. */
  note(entry: Entry): void {
    if (entry.noted || !entry.isNews) return;
    entry.noted = true;
    this.#noted.push(entry);
    this.#some.wakeAll();
  }

  /**
   * Waits for news, and writes down what fits.
   * @returns bytes written
   */
  *tell(payload: Uint8Array, holder: Holder): Coroutine<number> {
    if (payload.length < EVENT_HEAD_BYTES) fail(E.EINVAL);
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    for (;;) {
      let at = 0, looked = 0;
      for (; looked < this.#noted.length; looked++) {
        const entry = this.#noted[looked];
        if (entry.isNews && holder.has(entry)) {
          const room = payload.length - at - EVENT_HEAD_BYTES;
          if (room < 0) break;
          const { ahead } = entry, start = at + EVENT_HEAD_BYTES;
          if (ahead > room && at > 0) break;
          let count = ahead <= room ? ahead : 0, accepted = 0;
          if (count > 0) entry.giveAhead(payload.subarray(start, start + count));
          while (
            count + AcceptedAhead.bytes <= room &&
            holder.acceptAhead(entry, payload.subarray(start + count))
          ) {
            accepted = ACCEPTED;
            count += AcceptedAhead.bytes;
          }
          const { level } = entry;
          entry.tell(level);
          view.setInt32(at, entry.handle, true);
          view.setInt32(at + 4, level | accepted, true);
          view.setInt32(at + 8, count, true);
          at += eventBytes(count);
        }
        entry.noted = false;
      }
      this.#noted = this.#noted.slice(looked);
      if (at > 0) return Math.min(at, payload.length);
      yield this.#some;
    }
  }
}
