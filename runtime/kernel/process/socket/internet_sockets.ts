// The machine's socket server as its kernel knows it: calls, and who has which handle. The server tells of
// readiness; when it has died, each socket is told, and sees what becomes of it.
import { type Blocking, type Coroutine, finish, WaitQueue } from "../../coroutine.ts";
import type { Environment } from "../../environment.ts";
import { E, Errno, fail } from "../../errno.ts";
import {
  ACCEPTED,
  AcceptedAhead,
  EVENT_HEAD_BYTES,
  eventBytes,
  SERVER_LOST,
  SocketCall,
} from "../../network/protocol.ts";
import type { Credential, Service } from "../../service.ts";
import { getInt } from "../little_endian.ts";

/** Bytes that one call to the server carries besides an address: the largest datagram fits. */
const MAX_DATA_BYTES = 65_536;
/** Payload that goes beside the data, at most. */
const BESIDE_BYTES = 168;
const nothing = new Uint8Array(0);
const kernel: Credential = { uid: 0, gid: 0, groups: [] };

/** What is known of a handle whose socket is being made. */
interface Early {
  level: number;
  data: Uint8Array[];
}

/** A socket of the server. */
export interface ServedSocket {
  /** The server says what it is ready for. @param data of a stream, that came ahead */
  became(level: number, data: Uint8Array): void;
  /** The server has accepted a connection of it. @param connection what is at `AcceptedAhead` */
  accepted(connection: Uint8Array): void;
  /** has a connection or is making one: for that, others have to be there again */
  readonly later: boolean;
  /** The server has died: there is another, or will never be. */
  serverLost(): void;
}

export class InternetSockets {
  readonly #sockets = new Set<ServedSocket>();
  readonly #byHandle = new Map<number, ServedSocket>();
  readonly #early = new Map<number, Early>();
  #listening = false;
  /** how many servers have died: handles of the dead mean nothing */
  generation = 0;
  readonly #died = new WaitQueue();
  /** work that no program waits for */
  #behind = 0;
  readonly #settled = new WaitQueue();
  /** sockets that ask the new server for what they had */
  #returning = 0;
  readonly #returned = new WaitQueue();
  #binding = 0;
  readonly #bound = new WaitQueue();
  /** data that one call carries */
  readonly maxDataBytes: number;

  constructor(readonly environment: Environment, private readonly service: Service) {
    const most = service.maxPayloadBytes ?? Infinity;
    this.maxDataBytes = Math.min(MAX_DATA_BYTES, most - BESIDE_BYTES);
  }

  /** Begins a call on the server. @returns its status: a negative one is an error, or SERVER_LOST */
  begin(
    number: number,
    args: number[],
    payload: Uint8Array = nothing,
    credential: Credential = kernel,
  ): Blocking<number> {
    this.#listen();
    return this.service.call({ number, args, credential, payload });
  }

  /** As {@link begin}, to be waited for. */
  *status(
    number: number,
    args: number[],
    payload?: Uint8Array,
    credential?: Credential,
  ): Coroutine<number> {
    return yield* finish(this.begin(number, args, payload, credential));
  }

  /** Makes a socket again that others wait for. */
  *first<T>(work: Coroutine<T>): Coroutine<T> {
    this.#binding++;
    try {
      return yield* work;
    } finally {
      if (--this.#binding === 0) this.#bound.wakeAll();
    }
  }

  /** Waits until those have been made. */
  *afterFirst(): Coroutine<void> {
    while (this.#binding > 0) yield this.#bound;
  }

  /** A request about the interfaces of the machine, on whatever socket. */
  *ioctl(request: number, argument: Uint8Array): Coroutine<number> {
    const status = yield* this.status(SocketCall.IOCTL, [-1, request], argument);
    return status < 0 ? fail(-status) : status;
  }

  /** A text of /proc/net that the server keeps, by its index in `ProcNet`. */
  *text(index: number): Coroutine<string> {
    const payload = new Uint8Array(this.maxDataBytes);
    for (let text = "";;) {
      const count = yield* this.status(SocketCall.PROC, [index, text.length], payload);
      if (count < 0) return fail(-count);
      text += new TextDecoder().decode(payload.subarray(0, count));
      if (count < payload.length) return text;
    }
  }

  /** A new socket on whichever server is there, and that server's generation. */
  *open(
    family: number,
    type: number,
    protocol: number,
    credential: Credential,
  ): Coroutine<{ handle: number; generation: number }> {
    for (;;) {
      const { generation } = this;
      const args = [family, type, protocol];
      const handle = yield* this.status(SocketCall.SOCKET, args, nothing, credential);
      if (handle >= 0) return { handle, generation };
      if (handle !== SERVER_LOST) return fail(-handle);
      while (generation === this.generation) yield this.#died;
    }
  }

  /**
   * Has the server forget a socket; one that is no longer, or never was, needs not be told.
   * @param waits whether the caller waits as long as SO_LINGER says
   * @param arrived bytes of a stream that have come @param unread those that nobody has read
   * @returns seconds that it is to wait, before it closes the socket once more
   */
  *close(handle: number, waits = false, arrived = 0, unread = 0): Coroutine<number> {
    const args = [handle, waits ? 1 : 0, arrived, unread];
    let status;
    // The next server may have what the last one had.
    do status = yield* this.status(SocketCall.CLOSE, args); while (status === SERVER_LOST);
    return Math.max(0, status);
  }

  /** Does something that its program does not wait for. */
  behind(work: Coroutine<void>): void {
    this.#behind++;
    this.environment.tasks.spawn(work, (_value, failure) => {
      if (--this.#behind === 0) this.#settled.wakeAll();
      if (failure !== undefined && !(failure instanceof Errno)) throw failure;
    });
  }

  /** Waits until all that is done. */
  *settled(): Coroutine<void> {
    while (this.#behind > 0) yield this.#settled;
  }

  /**
   * The socket has a handle: its readiness is told from now on.
   * @param generation when the handle was asked for
   */
  made(socket: ServedSocket, handle: number, generation: number): void {
    this.#sockets.add(socket);
    if (generation !== this.generation) return socket.serverLost();
    this.#byHandle.set(handle, socket);
    const early = this.#early.get(handle);
    if (early === undefined) return;
    this.#early.delete(handle);
    for (const data of early.data) socket.became(early.level, data);
  }

  forget(socket: ServedSocket, handle: number): void {
    this.#sockets.delete(socket);
    this.#byHandle.delete(handle);
    this.#early.delete(handle);
  }

  /** Has the server tell of readiness for as long as the machine runs. */
  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.environment.tasks.spawn(this.#follow());
  }

  *#follow(): Coroutine<void> {
    const payload = new Uint8Array(this.maxDataBytes);
    for (;;) {
      const bytes = yield* this.status(SocketCall.EVENTS, [], payload);
      if (bytes < 0) {
        this.#lost();
        if (bytes === SERVER_LOST) {
          this.behind(this.#claimed());
          continue;
        }
        // There will be no other server; should somebody ask for one, this is tried again.
        this.#listening = false;
        return;
      }
      this.#tell(payload.subarray(0, bytes));
    }
  }

  /** Tells the sockets of events that the server wrote down. */
  #tell(events: Uint8Array): void {
    for (let at = 0; at + EVENT_HEAD_BYTES <= events.length;) {
      const handle = getInt(events, at), level = getInt(events, at + 4);
      const count = getInt(events, at + 8), start = at + EVENT_HEAD_BYTES;
      if (count < 0 || start + count > events.length) return;
      const data = events.subarray(start, start + count);
      at += eventBytes(count);
      const socket = this.#byHandle.get(handle), early = this.#early.get(handle);
      if ((level & ACCEPTED) !== 0) this.#tellAccepted(socket, level & ~ACCEPTED, data);
      else if (socket !== undefined) socket.became(level, data);
      else if (early === undefined) this.#early.set(handle, { level, data: [data.slice()] });
      else {
        early.level = level;
        early.data.push(data.slice());
      }
    }
  }

  #tellAccepted(listener: ServedSocket | undefined, level: number, data: Uint8Array): void {
    const { bytes } = AcceptedAhead;
    for (let at = 0; at + bytes <= data.length; at += bytes) {
      const connection = data.slice(at, at + bytes);
      // Who listened may have closed the socket meanwhile.
      if (listener === undefined) this.refuse(connection);
      else listener.accepted(connection);
    }
    listener?.became(level, nothing);
  }

  /** Nobody will have a connection, and its peer is told. @param connection what is at `AcceptedAhead` */
  refuse(connection: Uint8Array): void {
    const handle = getInt(connection, AcceptedAhead.handle);
    this.behind(this.#reset(handle));
  }

  *#reset(handle: number): Coroutine<void> {
    yield* this.close(handle, false, 0, 1);
    this.#early.delete(handle);
  }

  /** Once every socket has asked for what it had: nobody will ask for the rest. */
  *#claimed(): Coroutine<void> {
    const { generation } = this;
    while (this.#returning > 0) yield this.#returned;
    if (generation === this.generation) yield* this.status(SocketCall.CLAIMED, []);
  }

  /** A socket asks the new server for what it had, or for a new one. @param ended called where it cannot */
  comeBack(work: Coroutine<void>, ended: () => void): void {
    this.#returning++;
    this.environment.tasks.spawn(work, (_value, failure) => {
      if (--this.#returning === 0) this.#returned.wakeAll();
      if (failure === undefined) return;
      if (!(failure instanceof Errno)) throw failure;
      ended();
    });
  }

  #lost(): void {
    this.generation++;
    this.#died.wakeAll();
    this.#byHandle.clear();
    this.#early.clear();
    // Who binds to a port comes before those that have it for their connections, or connect to it.
    const sockets = [...this.#sockets];
    for (const socket of sockets) if (!socket.later) socket.serverLost();
    for (const socket of sockets) if (socket.later) socket.serverLost();
  }
}

/** Whether a status says that the server knows nothing of what it was asked: it, or the one before, has died. */
export function isStale(status: number): boolean {
  return status === SERVER_LOST || status === -E.EBADF;
}
