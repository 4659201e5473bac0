// /sys/class/net: interfaces, as the network's server tells of them when somebody looks.
import type { Coroutine } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { LOOPBACK_INTERFACE, NETWORK_INTERFACE } from "../../network/constants.ts";
import { InterfaceField, NetworkTexts } from "../../network/protocol.ts";
import { directory, line, type ProcDirectory, type ProcFile, text } from "../../vfs/proc_node.ts";
import type { InternetSockets } from "../socket/internet_sockets.ts";

const INTERFACES = NetworkTexts.indexOf("interfaces");

function interfaceDirectory(internet: InternetSockets, name: string): ProcDirectory {
  const read = function* (field: (typeof InterfaceField)[number]): Coroutine<string> {
    const lines = (yield* internet.text(INTERFACES)).split("\n").map((each) => each.split(" "));
    const found = lines.find(([first]) => first === name);
    return `${found?.[InterfaceField.indexOf(field)] ?? fail(E.EIO)}\n`;
  };
  const file = (field: (typeof InterfaceField)[number]): ProcFile => text(() => read(field));
  return directory({
    address: file("address"),
    addr_len: line(6),
    broadcast: file("broadcast"),
    carrier: line(1),
    flags: file("flags"),
    ifindex: file("ifindex"),
    iflink: file("ifindex"),
    mtu: file("mtu"),
    operstate: line(name === LOOPBACK_INTERFACE ? "unknown" : "up"),
    tx_queue_len: file("tx_queue_len"),
    type: file("type"),
    statistics: directory({
      rx_bytes: file("rx_bytes"),
      rx_packets: file("rx_packets"),
      rx_dropped: file("rx_dropped"),
      rx_errors: line(0),
      tx_bytes: file("tx_bytes"),
      tx_packets: file("tx_packets"),
      tx_dropped: line(0),
      tx_errors: line(0),
    }),
  });
}

/** @param wired whether there is one besides loopback */
export function networkClass(internet: InternetSockets, wired: boolean): ProcDirectory {
  const names = [LOOPBACK_INTERFACE, ...(wired ? [NETWORK_INTERFACE] : [])];
  return directory(
    Object.fromEntries(names.map((name) => [name, interfaceDirectory(internet, name)])),
  );
}
