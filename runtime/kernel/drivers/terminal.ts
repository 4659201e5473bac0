// The interface `terminal`: ports of characters, as the console driver provides them.
import type { TerminalSize } from "../../hardware/device/virtio.ts";
import type { Blocking, WaitQueue } from "../coroutine.ts";

export interface Terminal {
  readonly ports: number;
  /** Bytes read, at least one; 0 when the other side has closed the port. Waits for input. */
  read(port: number, into: Uint8Array): Blocking<number>;
  /** Bytes written: all of them. Waits for room. */
  write(port: number, from: Uint8Array): Blocking<number>;
  /** readiness now: POLLIN and POLLOUT */
  poll(port: number): number;
  /** woken when the readiness of any port changes */
  readonly readiness: WaitQueue;
  /** how much the terminal at a port shows; undefined where there is no terminal, but a file or a pipe */
  size(port: number): TerminalSize | undefined;
  /** woken when the size of a terminal changes */
  readonly resized: WaitQueue;
}
