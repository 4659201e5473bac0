// Sockets of TCP and UDP as ss(8) asks for them (sock_diag(7)): those of a family and protocol, all at a time.
import { AF, IPPROTO } from "../constants.ts";
import type { SocketInfo, Transport } from "../endpoint.ts";
import { message, NLM_F, type Request } from "./netlink_message.ts";

const SOCK_DIAG_BY_FAMILY = 20;
/** `struct inet_diag_req_v2`: family 0, protocol 1, states 4, then the socket that is meant */
const REQUEST_BYTES = 56;
/** `struct inet_diag_msg`: family 0, state 1, ports 4, addresses 8 and 24, queues 56 and 60, inode 68 */
const ANSWER_BYTES = 72;
const LOCAL_PORT = 4, PEER_PORT = 6, LOCAL_ADDRESS = 8, PEER_ADDRESS = 24, COOKIE = 44;
const RECEIVE_QUEUE = 56, SEND_QUEUE = 60, INODE = 68;
const NAMES: Record<number, "tcp" | "udp"> = { [IPPROTO.TCP]: "tcp", [IPPROTO.UDP]: "udp" };

/** @returns the answer's messages; undefined where nobody knows the request */
export function dumpSockets(transport: Transport, request: Request): Uint8Array[] | undefined {
  const { type, body, sequence, port } = request;
  if (type !== SOCK_DIAG_BY_FAMILY || body.length < REQUEST_BYTES) return undefined;
  const [family, protocol] = body;
  const name = NAMES[protocol];
  if (name === undefined || family !== AF.INET && family !== AF.INET6) return undefined;
  const wanted = family === AF.INET ? name : `${name}6`;
  const states = new DataView(body.buffer, body.byteOffset).getUint32(4, true);
  return transport.sockets()
    .filter((socket) => socket.protocol === wanted && (states >>> socket.state & 1) !== 0)
    .map((socket, index) =>
      message(type, NLM_F.MULTI, sequence, port, describe(family, socket, index + 1))
    );
}

/** @param cookie tells it from the others */
function describe(family: number, socket: SocketInfo, cookie: number): Uint8Array {
  const { local, peer, state, queuedIn, queuedOut, inode } = socket;
  const bytes = new Uint8Array(ANSWER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = family;
  bytes[1] = state;
  view.setUint16(LOCAL_PORT, local.port);
  view.setUint16(PEER_PORT, peer.port);
  bytes.set(local.ip, LOCAL_ADDRESS);
  bytes.set(peer.ip, PEER_ADDRESS);
  view.setUint32(COOKIE, cookie, true);
  view.setUint32(RECEIVE_QUEUE, queuedIn, true);
  view.setUint32(SEND_QUEUE, queuedOut, true);
  view.setUint32(INODE, inode, true);
  return bytes;
}
