// What address translation needs of the host: its sockets and its time. In tests it is something else.
import { parseIp } from "../../../../schemas/internet_address.ts";
import { eventLoopTime, type HostTime } from "../../timers.ts";

/** A connection of the host. A `Deno.TcpConn` is one. */
export interface HostStream {
  /** @returns bytes read; null at the end */
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  /** As much as there is room for now. @returns bytes written; 0 where `write` has to see why not */
  writeNow?(bytes: Uint8Array): number;
  closeWrite(): Promise<void>;
  close(): void;
}

export type Accept = (stream: HostStream) => Promise<void>;

/** A socket that anybody may send datagrams to. */
export interface HostDatagrams {
  /** its own port */
  readonly port: number;
  /** A datagram that cannot be sent is lost, as any may be. */
  send(bytes: Uint8Array, host: string, port: number): void;
  close(): void;
}

/** A socket for datagrams to and from one other. */
export interface HostPeer {
  send(bytes: Uint8Array): void;
  close(): void;
}

export interface Closable {
  close(): void;
}

export interface HostSockets extends HostTime {
  /** Connects to an address or a name. */
  connect(host: string, port: number): Promise<HostStream>;
  /**
   * Resolves when it listens. @throws Error naming the address where it cannot
   * @param accepted takes a connection; the next is accepted when its promise has resolved
   */
  listen(host: string, port: number, accepted: Accept): Promise<Closable>;
  /** A socket for datagrams; port 0 is any. @throws Error naming the address where it cannot */
  datagrams(
    host: string,
    port: number,
    received: (bytes: Uint8Array, host: string, port: number) => void,
  ): Promise<HostDatagrams>;
  /** A socket for datagrams to and from an address, or a name and whatever addresses it has. */
  peer(host: string, port: number, received: (bytes: Uint8Array) => void): Promise<HostPeer>;
}

/** After an accept that failed, as for lack of descriptors, the next is tried so much later. */
export const ACCEPT_RETRY_MS = 50;

/** The host itself, by Deno and its event loop. */
export const hostSockets: HostSockets = {
  ...eventLoopTime,

  async connect(host, port) {
    const connection = await Deno.connect({ hostname: host, port });
    connection.setNoDelay();
    return connection;
  },

  // deno-lint-ignore require-await -- what fails, fails as a promise does, like the others
  async listen(host, port, accepted) {
    let listener: Deno.TcpListener;
    try {
      listener = Deno.listen({ hostname: host, port });
    } catch (failure) {
      throw cannotForward("tcp", host, port, failure);
    }
    acceptAll(listener, accepted);
    return listener;
  },

  async datagrams(host, port, received) {
    // Loaded where it is needed: it takes longer than the rest of a start.
    const { createSocket } = await import("node:dgram");
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const { promise, resolve, reject } = Promise.withResolvers<HostDatagrams>();
    socket.on("error", (failure) => reject(cannotForward("udp", host, port, failure)));
    socket.on("message", (bytes, from) => received(bytes, from.address, from.port));
    socket.bind(port, host, () =>
      resolve({
        port: socket.address().port,
        send: (bytes, to, toPort) => socket.send(bytes, toPort, to, () => {}),
        close: () => socket.close(),
      }));
    return await promise;
  },

  async peer(host, port, received) {
    const local = host === "127.0.0.1" || host === "::1"
      ? host
      : host.includes(":")
      ? "::"
      : "0.0.0.0";
    const named = parseIp(host) === undefined;
    const socket = await hostSockets.datagrams(local, 0, (bytes, from, fromPort) => {
      // The socket is not connected: who else writes to it is not heard.
      if (fromPort === port && (named || from === host)) received(bytes);
    });
    return { send: (bytes) => socket.send(bytes, host, port), close: () => socket.close() };
  },
};

/** Accepts until the listener is closed. */
async function acceptAll(listener: Deno.TcpListener, accepted: Accept): Promise<void> {
  for (;;) {
    try {
      const connection = await listener.accept();
      connection.setNoDelay();
      await accepted(connection);
    } catch (failure) {
      if (
        failure instanceof Deno.errors.BadResource || failure instanceof Deno.errors.Interrupted
      ) {
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, ACCEPT_RETRY_MS));
    }
  }
}

function cannotForward(protocol: string, host: string, port: number, failure: unknown): Error {
  const message = (failure as Error).message;
  const why = /in use|EADDRINUSE/i.test(message) ? "the port is in use" : message;
  return new Error(`Cannot forward ${addressText(host, port)}/${protocol}: ${why}`);
}

/** An address and a port as people write them. */
export function addressText(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
