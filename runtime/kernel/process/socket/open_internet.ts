// socket(2) for the network slice.
import type { Coroutine } from "../../coroutine.ts";
import { SOCK } from "../../network/constants.ts";
import type { Credential } from "../../service.ts";
import { DatagramSocket } from "./datagram_socket.ts";
import type { InternetSocket } from "./internet_socket.ts";
import type { InternetSockets } from "./internet_sockets.ts";
import { StreamSocket } from "./stream_socket.ts";

/** Has the server make a socket. @param flags SOCK_NONBLOCK, or none */
export function* openInternet(
  server: InternetSockets,
  credential: Credential,
  family: number,
  type: number,
  protocol: number,
  flags: number,
): Coroutine<InternetSocket> {
  const { handle, generation } = yield* server.open(family, type, protocol, credential);
  const Kind = type === SOCK.STREAM ? StreamSocket : DatagramSocket;
  const socket = new Kind(server, handle, credential, family, type, protocol, flags);
  socket.made(handle, generation);
  return socket;
}
