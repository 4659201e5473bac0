// The texts of /proc/net (proc(5), proc_net(5)) that tell of interfaces, sockets, routes and neighbours, and the one
// from which /sys/class/net is made.
import type { InternetAddress, SocketInfo, Transport } from "../endpoint.ts";
import { InterfaceField, type NetworkTexts } from "../protocol.ts";
import { hardwareType, interfaceFlags, SEND_QUEUE_FRAMES } from "./interface_request.ts";

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
      `00:00000000 00000000     0        0 ${each.inode}\n`
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

const ESTABLISHED = 1, TIME_WAIT = 6, CLOSE_WAIT = 8;
/** What a connection that was closed here goes through: FIN-WAIT-1 and 2, LAST-ACK, CLOSING. */
const ENDING = [4, 5, 9, 11];

/** What is counted of protocols: what the stack knows, no more. */
function protocolCounts(transport: Transport): string {
  const established =
    transport.sockets().filter(({ protocol, state }) =>
      protocol.startsWith("tcp") && (state === ESTABLISHED || state === CLOSE_WAIT)
    ).length;
  return `Ip: Forwarding DefaultTTL\nIp: 2 64\nTcp: MaxConn CurrEstab\nTcp: -1 ${established}\n`;
}

/** How many sockets of each protocol there are. @param suffix that of IPv6 */
function socketCounts(transport: Transport, suffix: "" | "6"): string {
  const all = transport.sockets();
  const tcp = all.filter(({ protocol }) => protocol === `tcp${suffix}`);
  const udp = all.filter(({ protocol }) => protocol === `udp${suffix}`);
  const waiting = tcp.filter(({ state }) => state === TIME_WAIT).length;
  const inUse = tcp.length - waiting;
  const orphans = all.filter(({ inode, state }) => inode === 0 && ENDING.includes(state)).length;
  const counts = suffix === ""
    ? `inuse ${inUse} orphan ${orphans} tw ${waiting}`
    : `inuse ${inUse}`;
  return `TCP${suffix}: ${counts}\nUDP${suffix}: inuse ${udp.length}\n`;
}

const macText = (mac: Uint8Array) =>
  [...mac].map((byte) => byte.toString(16).padStart(2, "0")).join(":");

function neighbours(transport: Transport): string {
  const head = "IP address       HW type     Flags       HW address            Mask     Device\n";
  return head +
    transport.interfaces().flatMap(({ name, neighbours }) =>
      neighbours.filter(({ ip }) => ip.length === 4).map(({ ip, mac }) => {
        const flags = mac === undefined ? "0x0" : "0x2";
        return `${ip.join(".").padEnd(17)}0x1         ${flags}         ${
          macText(mac ?? new Uint8Array(6))
        }     *        ${name}\n`;
      })
    ).join("");
}

/** Told by calls alone: whether a cable is there is a file of its own. */
const RUNNING = 0x40;

/** All of an interface in a line. */
function interfaceLines(transport: Transport): string {
  return transport.interfaces().map((info) => {
    const { counters, mac } = info;
    const fields: Record<(typeof InterfaceField)[number], string | number> = {
      name: info.name,
      ifindex: info.index,
      type: hardwareType(info),
      flags: `0x${(interfaceFlags(info) & ~RUNNING).toString(16)}`,
      address: macText(mac),
      broadcast: macText(new Uint8Array(6).fill(info.loopback ? 0 : 255)),
      mtu: info.mtu,
      tx_queue_len: SEND_QUEUE_FRAMES,
      rx_bytes: counters.receivedBytes,
      rx_packets: counters.receivedFrames,
      rx_dropped: counters.receivedDropped,
      tx_bytes: counters.sentBytes,
      tx_packets: counters.sentFrames,
    };
    return `${InterfaceField.map((field) => fields[field]).join(" ")}\n`;
  }).join("");
}

export function networkText(transport: Transport, name: (typeof NetworkTexts)[number]): string {
  switch (name) {
    case "dev":
      return devices(transport);
    case "route":
      return routes(transport);
    case "if_inet6":
      return addresses6(transport);
    case "snmp":
      return protocolCounts(transport);
    case "sockstat":
      return socketCounts(transport, "");
    case "sockstat6":
      return socketCounts(transport, "6");
    case "arp":
      return neighbours(transport);
    case "interfaces":
      return interfaceLines(transport);
    case "pnp":
      // What /etc/resolv.conf may lead to.
      return transport.nameServers.map((address) => `nameserver ${address}\n`).join("");
    default:
      return sockets(transport.sockets(), name);
  }
}
