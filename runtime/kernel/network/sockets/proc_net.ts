// The texts of /proc/net (proc(5), proc_net(5)) that tell of interfaces, sockets and routes.
import type { InternetAddress, SocketInfo, Transport } from "../endpoint.ts";
import type { ProcNet } from "../protocol.ts";

const column = (value: number | string, width: number) => String(value).padStart(width);
const hex = (value: number, width: number) => value.toString(16).toUpperCase().padStart(width, "0");

/** Addresses are shown as words of the machine: the bytes of each four in reverse. */
function addressText({ ip, port }: InternetAddress): string {
  let text = "";
  for (let at = 0; at < ip.length; at += 4) {
    for (let index = at + 3; index >= at; index--) text += hex(ip[index], 2);
  }
  return `${text}:${hex(port, 4)}`;
}

function sockets(all: SocketInfo[], protocol: SocketInfo["protocol"]): string {
  const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt" +
    "   uid  timeout inode\n";
  return head +
    all.filter((each) => each.protocol === protocol).map((each, index) =>
      `${column(index, 4)}: ${addressText(each.local)} ${addressText(each.peer)} ` +
      `${hex(each.state, 2)} ${hex(each.queuedOut, 8)}:${hex(each.queuedIn, 8)} ` +
      "00:00000000 00000000     0        0 0\n"
    ).join("");
}

function devices(transport: Transport): string {
  const head = "Inter-|   Receive                                                |  Transmit\n" +
    " face |bytes    packets errs drop fifo frame compressed multicast" +
    "|bytes    packets errs drop fifo colls carrier compressed\n";
  return head +
    transport.interfaces().map(({ name, counters }) =>
      `${column(name, 6)}: ${column(counters.receivedBytes, 7)} ${
        column(counters.receivedFrames, 7)
      } ` +
      `   0 ${column(counters.receivedDropped, 4)}    0     0          0         0 ` +
      `${column(counters.sentBytes, 8)} ${column(counters.sentFrames, 7)}` +
      "    0    0    0     0       0          0\n"
    ).join("");
}

function routes(transport: Transport): string {
  const names = new Map(transport.interfaces().map(({ index, name }) => [index, name]));
  const word = (ip: Uint8Array) => hex((ip[0] | ip[1] << 8 | ip[2] << 16 | ip[3] << 24) >>> 0, 8);
  const mask = (prefix: number) => {
    const bits = prefix === 0 ? 0 : -1 << 32 - prefix >>> 0;
    return word(Uint8Array.of(bits >>> 24, bits >>> 16, bits >>> 8, bits));
  };
  const head =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
  return head +
    transport.routes().filter(({ destination }) => destination.length === 4).map((route) => {
      const gateway = route.gateway ?? new Uint8Array(4);
      const flags = route.gateway === undefined ? 1 : 3;
      return `${names.get(route.index)}\t${word(route.destination)}\t${word(gateway)}\t` +
        `${hex(flags, 4)}\t0\t0\t0\t${mask(route.prefix)}\t0\t0\t0\n`;
    }).join("");
}

function addresses6(transport: Transport): string {
  return transport.interfaces().flatMap(({ index, name, loopback, addresses }) =>
    addresses.filter(({ ip }) => ip.length === 16).map(({ ip, prefix }) => {
      const text = [...ip].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      const scope = loopback ? 0x10 : ip[0] === 0xfe && (ip[1] & 0xc0) === 0x80 ? 0x20 : 0;
      const two = (value: number) => value.toString(16).padStart(2, "0");
      return `${text} ${two(index)} ${two(prefix)} ${two(scope)} 80 ${column(name, 8)}\n`;
    })
  ).join("");
}

export function procNetText(transport: Transport, name: (typeof ProcNet)[number]): string {
  switch (name) {
    case "dev":
      return devices(transport);
    case "route":
      return routes(transport);
    case "if_inet6":
      return addresses6(transport);
    case "snmp":
      return "Ip: Forwarding DefaultTTL\nIp: 2 64\n";
    case "pnp":
      // What /etc/resolv.conf may lead to.
      return transport.nameServers.map((address) => `nameserver ${address}\n`).join("");
    default:
      return sockets(transport.sockets(), name);
  }
}
