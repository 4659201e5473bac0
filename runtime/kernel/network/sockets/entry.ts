// A socket of the server, and what its client knows of it.
import { SO, SOL } from "../constants.ts";
import type { Endpoint, StreamEndpoint } from "../endpoint.ts";
import { POLL } from "../../vfs/constants.ts";
import { ENDED, MOST_ACCEPTED_AHEAD, MOST_AHEAD_BYTES } from "../protocol.ts";
import type { NetlinkEndpoint } from "./netlink.ts";

export class Entry {
  /** the level that the client was told last */
  told = 0;
  /** bytes that waited when the client was told */
  queued = 0;
  /** it waits for connections: each one is news */
  listens = false;
  /** is in the list of those of which there may be news */
  noted = false;
  /** it is closed, and its client waits until the peer has everything */
  lingers = false;
  /** it was accepted, and the client has not named it since: it may not have heard of it */
  tentative: boolean;
  /** the socket that it was accepted from, where nobody had asked */
  #listener: Entry | undefined;
  /** connections that may be accepted before somebody asks, beside those that were */
  #mayAccept = 0;
  /** bytes of the stream that were given to the client */
  #given = 0;
  /** the client had nothing left to read when it called last */
  #emptied = true;
  /** the program wants to hear of some bytes only together (SO_RCVLOWAT) */
  #together = false;

  /** @param unclaimed the instance before had it, and the client has not asked for it since */
  constructor(
    readonly handle: number,
    readonly endpoint: Endpoint | NetlinkEndpoint,
    public unclaimed = false,
  ) {
    this.tentative = unclaimed;
  }

  /** The endpoint, where it is one of TCP. */
  get stream(): StreamEndpoint | undefined {
    return "keep" in this.endpoint ? this.endpoint as StreamEndpoint : undefined;
  }

  /** The client names it. @returns the socket that may have another connection accepted for it */
  known(): Entry | undefined {
    if (!this.tentative) return undefined;
    this.tentative = false;
    this.stream!.keep(this.handle);
    const listener = this.#listener;
    this.#listener = undefined;
    if (listener !== undefined) listener.#mayAccept++;
    return listener;
  }

  /** It waits for connections. Those that were accepted ahead make the backlog no more than a quarter longer. */
  listen(backlog: number): void {
    if (!this.listens) this.#mayAccept = Math.min(MOST_ACCEPTED_AHEAD, Math.max(0, backlog >> 2));
    this.listens = true;
  }

  /** Whether a connection is there that nobody has asked for, and may go with the news of it. */
  get acceptsAhead(): boolean {
    return this.#mayAccept > 0 && this.stream!.acceptable > 0;
  }

  /** It was accepted for the client of `listener`, which had not asked. */
  acceptedFor(listener: Entry): void {
    this.#listener = listener;
    listener.#mayAccept--;
  }

  /** Makes a connection that was accepted here what its listener is. */
  inherit(listener: Entry): void {
    this.#together = listener.#together;
  }

  /** The client has set an option. */
  optionSet(level: number, name: number): void {
    if (level === SOL.SOCKET && name === SO.RCVLOWAT) this.#together = true;
  }

  /**
   * The client tells with a call what has become of the stream.
   * @param got bytes of it that have arrived @param unread those among them that the program has not read
   */
  heard(got: number, unread: number): void {
    const { stream } = this;
    if (stream === undefined) return;
    if (got > 0) stream.confirm(got);
    this.#emptied = got === this.#given && unread === 0;
  }

  /** Whether the client has heard of all bytes that it was given: otherwise some are on their way. */
  knowsAll(got: number): boolean {
    return got === this.#given;
  }

  gave(bytes: number): void {
    this.#given += bytes;
  }

  /** The client of the instance before has so many bytes, and has not read some of them. */
  claimed(got: number, unread: number): void {
    this.unclaimed = false;
    this.#given = got;
    this.#emptied = unread === 0;
  }

  /** The level as the client is told of it. */
  get level(): number {
    const { endpoint, stream } = this, { readiness } = endpoint;
    const isOver = stream !== undefined && !this.listens && endpoint.queuedIn === 0 &&
      (readiness & (POLL.RDHUP | POLL.ERR)) === POLL.RDHUP;
    return isOver ? readiness | ENDED : readiness;
  }

  /** Bytes that the client may get with the news of them: all that there are, where they are few. */
  get ahead(): number {
    const { endpoint, listens, stream } = this;
    if (stream === undefined || listens || !this.#emptied || this.#together) return 0;
    if ((endpoint.readiness & (POLL.IN | POLL.ERR)) !== POLL.IN) return 0;
    const bytes = endpoint.queuedIn;
    return bytes <= MOST_AHEAD_BYTES ? bytes : 0;
  }

  /** Gives bytes of the stream to a client that did not ask for them. */
  giveAhead(into: Uint8Array): void {
    this.#emptied = false;
    this.gave(this.endpoint.receive(into, 0).count);
  }

  /** bytes that wait to be read */
  get waiting(): number {
    return this.listens ? 0 : this.endpoint.queuedIn;
  }

  /** Whether the client has to be told: of a bit that was gained, of hanging up that is over, of more data. */
  get isNews(): boolean {
    const { told } = this, level = this.endpoint.readiness;
    return (level & ~told | told & ~level & (POLL.HUP | POLL.ERR)) !== 0 ||
      (level & POLL.IN) !== 0 && (this.listens || this.waiting > this.queued);
  }

  /** The client knows of a level, or of some bits of it. */
  tell(level: number, bits = -1): void {
    this.told = this.told & ~bits | level & bits;
    if ((bits & POLL.IN) !== 0) this.queued = this.waiting;
  }
}
