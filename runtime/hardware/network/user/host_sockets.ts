// What address translation needs of the host: its sockets and its clock. In tests it is something else.
import type { PolledStreams } from "./polled_streams.ts";

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

export interface HostDatagrams {
  /** its own port */
  readonly port: number;
  send(bytes: Uint8Array, host: string, port: number): void;
  close(): void;
}

export interface HostSockets {
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
  nowMs(): number;
  /** Calls once after some time. */
  after(delayMs: number, call: () => void): void;
}

export interface Closable {
  close(): void;
}

/**
 * The host itself.
 * @param streams take over connections that come, where they can
 */
export const openHostSockets = (streams?: PolledStreams): HostSockets => ({
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
      throw cannotListen("tcp", host, port, failure);
    }
    acceptAll(listener, (connection) => accepted(streams?.over(connection) ?? connection));
    return listener;
  },

  async datagrams(host, port, received) {
    // Loaded where it is needed: it takes longer than the rest of a start.
    const { createSocket } = await import("node:dgram");
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const { promise, resolve, reject } = Promise.withResolvers<HostDatagrams>();
    socket.on("error", (failure) => reject(cannotListen("udp", host, port, failure)));
    socket.on("message", (bytes, from) => received(bytes, from.address, from.port));
    socket.bind(port, host, () =>
      resolve({
        port: socket.address().port,
        // A datagram that cannot be sent is lost, as any may be.
        send: (bytes, to, toPort) => socket.send(bytes, toPort, to, () => {}),
        close: () => socket.close(),
      }));
    return await promise;
  },

  nowMs: () => performance.now(),
  after: (delayMs, call) => void setTimeout(call, delayMs),
});

/** The host itself, by its event loop alone. */
export const hostSockets: HostSockets = openHostSockets();

/** Accepts until the listener is closed; an accept that fails, as for lack of descriptors, is tried again. */
async function acceptAll(
  listener: Deno.TcpListener,
  accepted: (connection: Deno.TcpConn) => Promise<void>,
): Promise<void> {
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
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

const RETRY_MS = 50;

function cannotListen(protocol: string, host: string, port: number, failure: unknown): Error {
  const message = (failure as Error).message;
  const why = /in use|EADDRINUSE/i.test(message) ? "the port is in use" : message;
  return new Error(
    `Cannot forward ${host.includes(":") ? `[${host}]` : host}:${port}/${protocol}: ${why}`,
  );
}
