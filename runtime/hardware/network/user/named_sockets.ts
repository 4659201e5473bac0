// Connections and datagrams to hosts of which only the name is known: Deno looks names up, and then speaks by the
// event loop. Whoever turns a loop without one has to know whether there are any.
import { type HostPeer, type HostSockets, hostSockets, type HostStream } from "./host_sockets.ts";

export class NamedSockets implements Pick<HostSockets, "connect" | "peer"> {
  /** that are open, or about to be */
  count = 0;

  async connect(host: string, port: number): Promise<HostStream> {
    const { opened, close } = await this.#count(hostSockets.connect(host, port));
    return {
      read: (into) => opened.read(into),
      write: (bytes) => opened.write(bytes),
      closeWrite: () => opened.closeWrite(),
      close,
    };
  }

  async peer(
    host: string,
    port: number,
    received: (bytes: Uint8Array) => void,
  ): Promise<HostPeer> {
    const { opened, close } = await this.#count(hostSockets.peer(host, port, received));
    return { send: (bytes) => opened.send(bytes), close };
  }

  async #count<T extends { close(): void }>(
    opening: Promise<T>,
  ): Promise<{ opened: T; close(): void }> {
    this.count++;
    let open = true;
    const end = () => {
      if (open) this.count--;
      open = false;
    };
    try {
      const opened = await opening;
      return {
        opened,
        close: () => {
          end();
          opened.close();
        },
      };
    } catch (failure) {
      end();
      throw failure;
    }
  }
}
