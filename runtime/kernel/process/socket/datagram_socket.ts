// Sockets of the network slice that send and receive message by message: UDP, ICMP, netlink.
import type { Blocking, Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { MSG } from "../../network/constants.ts";
import { MOST_CONTROL_BYTES, RECEIVE_HEADER_BYTES, SocketCall } from "../../network/protocol.ts";
import { POLL } from "../../vfs/constants.ts";
import { getInt } from "../little_endian.ts";
import type { Process } from "../process.ts";
import { InternetSocket, outgoingPayload } from "./internet_socket.ts";
import { type Incoming, type Outgoing, roomOf, scatter } from "./socket.ts";

export class DatagramSocket extends InternetSocket {
  connect(_process: Process, address: Uint8Array): Coroutine<number> {
    return this.served.step(SocketCall.CONNECT, [], address);
  }

  accept(): never {
    return fail(E.EOPNOTSUPP);
  }

  send(message: Outgoing, flags: number): Blocking<number> {
    if (message.rights.length > 0) fail(E.EINVAL);
    const { data, address, control } = message;
    if (data.length > this.server.maxDataBytes) fail(E.EMSGSIZE);
    const payload = outgoingPayload(message, data);
    const sizes = [address?.length ?? 0, ...this.served.told(), control?.length ?? 0];
    const args = [flags & (MSG.OOB | MSG.MORE), ...sizes];
    const attempt = () => this.served.transfer(POLL.OUT, SocketCall.SENDTO, args, payload);
    return this.whenSendable(flags, attempt);
  }

  *receive(message: Incoming, flags: number): Coroutine<number> {
    const controlRoom = Math.min(message.controlRoom, MOST_CONTROL_BYTES);
    const bytes = Math.min(roomOf(message), this.server.maxDataBytes - controlRoom);
    const payload = new Uint8Array(RECEIVE_HEADER_BYTES + bytes + controlRoom);
    const passed = flags & (MSG.PEEK | MSG.TRUNC | MSG.OOB | MSG.ERRQUEUE);
    const ofErrors = (flags & MSG.ERRQUEUE) !== 0, bit = ofErrors ? POLL.ERR : POLL.IN;
    const args = [passed, 0, 0, controlRoom];
    const got = yield* this.whenReceivable(
      ofErrors ? MSG.DONTWAIT : flags,
      () => this.served.transfer(bit, SocketCall.RECVFROM, args, payload),
    );
    message.flags |= getInt(payload, 0);
    message.address = payload.slice(12, 12 + Math.min(getInt(payload, 4) & 0xffff, 28));
    const dataEnd = Math.max(RECEIVE_HEADER_BYTES, got - (getInt(payload, 4) >>> 16));
    message.control = payload.slice(dataEnd, got);
    const done = scatter(payload.subarray(RECEIVE_HEADER_BYTES, dataEnd), message.parts, 0);
    return (flags & MSG.TRUNC) !== 0 ? getInt(payload, 8) : done;
  }
}
