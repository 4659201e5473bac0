// /proc/net (proc_net(5)): what the network's server tells, and the UNIX sockets of this kernel.
import { ProcNet } from "../../network/protocol.ts";
import { directory, type ProcDirectory, type ProcNode, text } from "../../vfs/proc_node.ts";
import { lockOwner } from "../file/description.ts";
import type { ProcessKernel } from "../process_kernel.ts";
import { Socket } from "../socket/socket.ts";
import type { UnixSocket } from "../socket/unix_socket.ts";

const HEAD = "Num       RefCount Protocol Flags    Type St Inode Path\n";
/** __SO_ACCEPTCON */
const LISTENS = 0x10000;
const UNCONNECTED = 1, CONNECTED = 3;

const hex = (value: number, width: number) => value.toString(16).toUpperCase().padStart(width, "0");

function unixLine(socket: UnixSocket): string {
  const { listening, connected, type, uses } = socket;
  // An abstract name begins with a zero, which is shown as "@".
  const name = String.fromCharCode(...socket.localName().subarray(2)).replace(/\0+$/, "");
  return [
    `${hex(0, 16)}:`,
    hex(uses + 1, 8),
    hex(0, 8),
    hex(listening ? LISTENS : 0, 8),
    hex(type, 4),
    hex(connected ? CONNECTED : UNCONNECTED, 2),
    String(lockOwner(socket)).padStart(5),
    name.replaceAll("\0", "@"),
  ].join(" ");
}

/** How many sockets programs have, of all families. */
function socketsOf({ all }: ProcessKernel): number {
  const sockets = new Set<Socket>();
  for (const { files } of all) {
    for (const fd of files.numbers) {
      const description = files.get(fd);
      if (description instanceof Socket) sockets.add(description);
    }
  }
  return sockets.size;
}

/** The directory, the same for all processes. */
export function networkDirectory(kernel: ProcessKernel): ProcDirectory {
  const { internet, unixNames } = kernel;
  const nodes: Record<string, ProcNode> = {
    unix: text(() => HEAD + [...unixNames.all].map((each) => `${unixLine(each)}\n`).join("")),
  };
  if (internet !== undefined) {
    ProcNet.forEach((name, index) => nodes[name] = text(() => internet.text(index)));
    nodes.sockstat = text(function* () {
      const counts = yield* internet.text(ProcNet.indexOf("sockstat"));
      return `sockets: used ${socketsOf(kernel)}\n${counts}`;
    });
  }
  return directory(nodes);
}
