// What a stream sends. Bytes that servers took are counted, so that none is lost or comes twice where one dies before
// it said how many it took.
import type { Coroutine, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { SocketCall, splitLevel } from "../../network/protocol.ts";
import type { Credential } from "../../service.ts";
import { POLL } from "../../vfs/constants.ts";
import { type InternetSockets, isStale } from "./internet_sockets.ts";
import { ReusedCopy } from "./reused_copy.ts";
import { SendBehind } from "./send_behind.ts";
import type { ServedHandle } from "./served_handle.ts";

export class StreamSender {
  readonly behind: SendBehind;
  /** of what is on its way while its program goes on: one send at a time */
  readonly #copy = new ReusedCopy();
  /** bytes of the stream that servers said they took */
  #put = 0;
  /** bytes that a server took of a call, and died before it said so */
  #untold = 0;

  /** @param readiness woken when there may be room again */
  constructor(
    private readonly server: InternetSockets,
    private readonly served: ServedHandle,
    private readonly readiness: WaitQueue,
    private readonly credential: Credential,
  ) {
    this.behind = new SendBehind(server.environment.tasks);
  }

  /** Another server goes on with the stream. @param bytes that it has of it */
  claimed(bytes: number): void {
    this.#untold = bytes - this.#put;
  }

  /** The next connection begins with nothing. */
  disconnected(): void {
    this.#put = 0;
  }

  /** What a call that was cut off has sent, for its sender to count. @returns bytes; 0 where it has to be made again */
  taken(): number {
    if (this.#untold <= 0) return 0;
    const taken = this.#untold;
    this.#untold = 0;
    return taken;
  }

  /** Bytes that a server took of a call whose sender is not told of them any more. */
  #takeUntold(): number {
    const untold = Math.max(0, this.#untold);
    this.#put += this.#untold;
    this.#untold = 0;
    return untold;
  }

  /** One call that sends bytes of a stream, which are counted. */
  *send(args: number[], payload: Uint8Array): Coroutine<number | undefined> {
    this.#takeUntold();
    const count = yield* this.served.transfer(POLL.OUT, SocketCall.SENDTO, args, payload);
    this.#put += count ?? 0;
    return count;
  }

  /**
   * Sends bytes of a stream that takes them, as far as is known; its program goes on.
   * @param bytes the program's own: copied @throws Error while something is on its way
   */
  sendBehind(bytes: Uint8Array, flags: number): void {
    if (this.behind.busy) throw new Error("A stream sends two things at once");
    const data = this.#copy.of(bytes);
    const { server, served, credential } = this, { handle, claims, ahead } = served;
    this.#takeUntold();
    const args = [handle, flags, 0, ahead.arrived, ahead.length];
    const sent = server.begin(SocketCall.SENDTO, args, data, credential);
    this.behind.follow(sent, (status) => {
      if (status >= 0) {
        const { level, count } = splitLevel(status);
        served.level = level;
        this.#put += count;
        return count === data.length ? undefined : this.#sendAll(data.subarray(count), flags);
      }
      if (isStale(status)) return this.#sendAgain(data, flags, handle, claims);
      if (status !== -E.EAGAIN) return fail(-status);
      served.level &= ~POLL.OUT;
      return this.#sendAll(data, flags);
    });
  }

  /** Sends what is left. Should there be less room after all, on another server, it waits. */
  *#sendAll(data: Uint8Array, flags: number): Coroutine<void> {
    for (let sent = 0; sent < data.length;) {
      const count = yield* this.send([flags, 0, ...this.served.told()], data.subarray(sent));
      if (count === undefined) yield this.readiness;
      else sent += count;
    }
  }

  /** Sends what the server that died has not taken. */
  *#sendAgain(
    data: Uint8Array,
    flags: number,
    handle: number,
    claims: number,
  ): Coroutine<void> {
    yield* this.served.movedFrom(handle, claims);
    yield* this.#sendAll(data.subarray(this.#takeUntold()), flags);
  }
}
