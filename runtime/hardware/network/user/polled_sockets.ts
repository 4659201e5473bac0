// The host's sockets by the calls of Linux, made when a poller says that they are ready: no event loop has a
// part in it. Deno's permissions are asked all the same. Names are left to Deno, which knows how to look them up.
import { type Poller, PollEvent } from "../../poller.ts";
import type { HostTime } from "../../timers.ts";
import {
  type Accept,
  ACCEPT_RETRY_MS,
  addressText,
  type Closable,
  type HostDatagrams,
  type HostPeer,
  type HostSockets,
  type HostStream,
} from "./host_sockets.ts";
import { PolledStream } from "./polled_stream.ts";
import {
  Errno,
  FROM_BYTES,
  readAddress,
  socketAddress,
  SocketCalls,
  SocketType,
} from "./socket_calls.ts";

/** The largest datagram. */
const MAX_DATAGRAM_BYTES = 65536;
/** Datagrams that one socket may bring before others have their turn. */
const MAX_DATAGRAMS_A_TURN = 64;

export class PolledSockets implements HostSockets {
  readonly #calls = new SocketCalls();
  readonly #datagram = new Uint8Array(MAX_DATAGRAM_BYTES);
  readonly #from = new Uint8Array(FROM_BYTES);
  readonly #connecting = new Set<PolledStream>();

  /** @param named connects to those of which only the name is known */
  constructor(
    private readonly poller: Poller,
    private readonly time: HostTime,
    private readonly named: Pick<HostSockets, "connect" | "peer">,
  ) {}

  nowMs(): number {
    return this.time.nowMs();
  }

  after(delayMs: number, call: () => void): void {
    this.time.after(delayMs, call);
  }

  async connect(host: string, port: number): Promise<HostStream> {
    const address = socketAddress(host, port);
    if (address === undefined) return await this.named.connect(host, port);
    const what = `connect to ${addressText(host, port)}`;
    demandNet(host, port, what);
    const descriptor = this.#open(address, SocketType.STREAM, what);
    this.#calls.setNoDelay(descriptor);
    const connected = this.#calls.connect(descriptor, address);
    if (!connected && this.#calls.errno !== Errno.EINPROGRESS) throw this.#failed(descriptor, what);
    const stream = new PolledStream(this.#calls, descriptor, this.poller);
    if (connected) return stream;
    this.#connecting.add(stream);
    await stream.writable();
    this.#connecting.delete(stream);
    const reason = this.#calls.connected(descriptor);
    if (reason === 0) return stream;
    stream.close();
    throw new Error(`Cannot ${what}: ${why(reason)}`);
  }

  // deno-lint-ignore require-await -- what fails, fails as a promise does, like the others
  async listen(host: string, port: number, accepted: Accept): Promise<Closable> {
    const what = `forward ${addressText(host, port)}/tcp`;
    const descriptor = this.#bind(host, port, SocketType.STREAM, what);
    if (!this.#calls.listen(descriptor)) throw this.#failed(descriptor, what);
    let closed = false, came: (() => void) | undefined;
    this.poller.add(descriptor, PollEvent.IN | PollEvent.EDGE, () => came?.());
    const acceptAll = async () => {
      while (!closed) {
        const connection = this.#calls.accept(descriptor);
        if (connection >= 0) {
          this.#calls.setNoDelay(connection);
          await accepted(new PolledStream(this.#calls, connection, this.poller));
        } else if (this.#calls.errno === Errno.EAGAIN) {
          await new Promise<void>((resolve) => came = resolve);
        } else if (
          this.#calls.errno !== Errno.ECONNABORTED && this.#calls.errno !== Errno.EINTR
        ) {
          await new Promise<void>((resolve) => this.time.after(ACCEPT_RETRY_MS, resolve));
        }
      }
    };
    acceptAll();
    return {
      close: () => {
        closed = true;
        this.#close(descriptor);
      },
    };
  }

  // deno-lint-ignore require-await -- as above
  async datagrams(
    host: string,
    port: number,
    received: (bytes: Uint8Array, host: string, port: number) => void,
  ): Promise<HostDatagrams> {
    const what = `forward ${addressText(host, port)}/udp`;
    const descriptor = this.#bind(host, port, SocketType.DATAGRAM, what);
    this.#receive(descriptor, (bytes) => {
      const from = readAddress(this.#from);
      received(bytes, from.host, from.port);
    });
    return {
      port: this.#calls.portOf(descriptor),
      send: (bytes, to, toPort) => {
        const address = socketAddress(to, toPort);
        if (address === undefined) throw new Error(`Cannot send to "${to}": it is no address`);
        this.#calls.sendTo(descriptor, bytes as Uint8Array<ArrayBuffer>, address);
      },
      close: () => this.#close(descriptor),
    };
  }

  async peer(
    host: string,
    port: number,
    received: (bytes: Uint8Array) => void,
  ): Promise<HostPeer> {
    const address = socketAddress(host, port);
    if (address === undefined) return await this.named.peer(host, port, received);
    const what = `send datagrams to ${addressText(host, port)}`;
    demandNet(host, port, what);
    const descriptor = this.#open(address, SocketType.DATAGRAM, what);
    // From here on the host gives it nobody else's.
    if (!this.#calls.connect(descriptor, address)) throw this.#failed(descriptor, what);
    this.#receive(descriptor, received);
    return {
      send: (bytes) => void this.#calls.send(descriptor, bytes as Uint8Array<ArrayBuffer>),
      close: () => this.#close(descriptor),
    };
  }

  /** Hands on what comes to a socket for datagrams, in bytes that are good until the call returns. */
  #receive(descriptor: number, received: (bytes: Uint8Array) => void): void {
    // Told again as long as there is more: a turn's share is bounded.
    this.poller.add(descriptor, PollEvent.IN, () => {
      for (let turn = 0; turn < MAX_DATAGRAMS_A_TURN; turn++) {
        const count = this.#calls.recvFrom(descriptor, this.#datagram, this.#from);
        // Also a refusal of what was sent earlier: a datagram that nobody takes is lost.
        if (count < 0) return;
        received(this.#datagram.subarray(0, count));
      }
    });
  }

  #bind(host: string, port: number, type: number, what: string): number {
    const address = socketAddress(host, port);
    if (address === undefined) throw new Error(`Cannot ${what}: it is no address`);
    demandNet(host, port, what);
    const descriptor = this.#open(address, type, what);
    if (!this.#calls.bind(descriptor, address, type === SocketType.STREAM)) {
      throw this.#failed(descriptor, what);
    }
    return descriptor;
  }

  #open(address: Uint8Array<ArrayBuffer>, type: number, what: string): number {
    const descriptor = this.#calls.open(address, type);
    if (descriptor < 0) throw new Error(`Cannot ${what}: ${why(this.#calls.errno)}`);
    return descriptor;
  }

  #failed(descriptor: number, what: string): Error {
    const reason = this.#calls.errno;
    this.#calls.close(descriptor);
    return new Error(`Cannot ${what}: ${why(reason)}`);
  }

  /** From here on no socket can be opened or connected. */
  seal(): void {
    this.#calls.seal();
  }

  /** Gives up the connections that are not made yet. Others are closed by those who have them. */
  close(): void {
    for (const stream of this.#connecting) stream.close();
    this.#connecting.clear();
  }

  #close(descriptor: number): void {
    this.poller.remove(descriptor);
    this.#calls.close(descriptor);
  }
}

/** @throws Deno.errors.NotCapable where Deno would not let this program use the address */
function demandNet(host: string, port: number, what: string): void {
  const net = addressText(host, port);
  if (Deno.permissions.querySync({ name: "net", host: net }).state === "granted") return;
  throw new Deno.errors.NotCapable(`Cannot ${what}: it needs --allow-net=${net}`);
}

function why(errno: number): string {
  return {
    [Errno.EACCES]: "permission denied",
    [Errno.EADDRINUSE]: "the port is in use",
    [Errno.EADDRNOTAVAIL]: "the host has no such address",
  }[errno] ?? `error ${errno}`;
}
