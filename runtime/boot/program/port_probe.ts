// Whether a port of the machine's own address takes connections: what socket(2) and connect(2) say, asked by
// a process that runs nothing.
import { callNumber } from "../../../schemas/syscalls.ts";
import { type Coroutine, finish } from "../../kernel/coroutine.ts";
import { E, fail } from "../../kernel/errno.ts";
import { AF, SOCK } from "../../kernel/network/constants.ts";
import type { Handler } from "../../kernel/process/handler.ts";
import type { Process } from "../../kernel/process/process.ts";

const SOCKADDR_IN_BYTES = 16;
const LOOPBACK = [127, 0, 0, 1];

/**
 * Connects, and hangs up when the process ends. Waits as connect(2) does.
 * @param handlers of system calls, by number
 * @throws Errno where nobody listens, or nobody serves sockets
 */
export function* connectTo(
  process: Process,
  port: number,
  handlers: ReadonlyMap<number, Handler>,
): Coroutine<void> {
  const handler = (name: string) => handlers.get(callNumber(name)) ?? fail(E.ENOSYS);
  const socket = handler("socket"), connect = handler("connect");
  const fd = yield* finish(socket(process, AF.INET, SOCK.STREAM | SOCK.CLOEXEC, 0));
  if (fd < 0) fail(-fd);
  const status = yield* finish(connect(process, fd, addressOf(port)));
  if (status < 0) fail(-status);
}

/** `struct sockaddr_in` (ip(7)). */
function addressOf(port: number): Uint8Array {
  const address = new Uint8Array(SOCKADDR_IN_BYTES), view = new DataView(address.buffer);
  view.setUint16(0, AF.INET, true);
  view.setUint16(2, port);
  address.set(LOOPBACK, 4);
  return address;
}
