import { assertEquals } from "@std/assert";
import type { Coroutine } from "../../coroutine.ts";
import { E, type Errno } from "../../errno.ts";
import type { ProcDirectory, ProcNode } from "../../vfs/proc_node.ts";
import type { InternetSockets } from "../socket/internet_sockets.ts";
import { partitionsText } from "./block_devices.ts";
import { systemTree } from "./system_tree.ts";

const MIB = 1 << 20;
const disk = (sizeBytes: number, readOnly = false) => ({ sizeBytes, readOnly, serial: "disk" });

/** A server that tells of interfaces, and of nothing else. */
function serverOf(lines: string[]): InternetSockets {
  const text = function* (): Coroutine<string> {
    return lines.join("\n");
  };
  return { text } as unknown as InternetSockets;
}

function nodeAt(tree: ProcDirectory, path: string): ProcNode | undefined {
  return path.split("/").reduce<ProcNode | undefined>(
    (node, name) => node?.kind === "directory" ? node.find(name) : undefined,
    tree,
  );
}

function read(tree: ProcDirectory, path: string): string | undefined {
  const node = nodeAt(tree, path);
  const made = node?.kind === "file" ? node.read!() : undefined;
  return made === undefined || typeof made === "string" ? made : made.next().value as string;
}

function names(tree: ProcDirectory, path: string): string[] | undefined {
  const node = nodeAt(tree, path);
  return node?.kind === "directory" ? [...node.names()] : undefined;
}

Deno.test("disks have the names of Linux, and say how large they are", () => {
  const tree = systemTree(undefined, {
    disks: [disk(64 * MIB), ...Array.from({ length: 26 }, () => disk(MIB, true))],
    network: false,
  });
  const found = names(tree, "block")!;
  assertEquals([found[0], found[25], found[26]], ["vda", "vdz", "vdaa"]);
  assertEquals(found, names(tree, "class/block"));
  const [first, last] = ["devices/virtio0/block/vda", "devices/virtio26/block/vdaa"];
  assertEquals([read(tree, `${first}/size`), read(tree, `${first}/ro`)], ["131072\n", "0\n"]);
  assertEquals([read(tree, `${last}/size`), read(tree, `${last}/ro`)], ["2048\n", "1\n"]);
});

Deno.test("disks are found by name and by number, and their links lead to them", () => {
  const disks = [disk(64 * MIB), disk(MIB)];
  const tree = systemTree(undefined, { disks, network: false });
  assertEquals(names(tree, "dev/block"), ["254:0", "254:16"]);
  for (const path of ["block/vdb", "class/block/vdb", "dev/block/254:16"]) {
    const link = nodeAt(tree, path);
    const target = link?.kind === "link" ? link.target(undefined) as string : "";
    const from = path.split("/").slice(0, -1);
    for (const name of target.split("/")) name === ".." ? from.pop() : from.push(name);
    assertEquals(from.join("/"), "devices/virtio1/block/vdb");
  }
  assertEquals(read(tree, "devices/virtio1/block/vdb/dev"), "254:16\n");
  assertEquals(
    partitionsText(disks),
    "major minor  #blocks  name\n\n 254        0      65536 vda\n 254       16       1024 vdb\n",
  );
});

Deno.test("interfaces are told by the server when somebody looks; one that it does not know cannot be read", () => {
  const lines = ["lo 1 772 0x9 00:00:00:00:00:00 00:00:00:00:00:00 65536 1000 1 2 3 4 5"];
  const tree = systemTree(serverOf(lines), { disks: [], network: true });
  assertEquals(names(tree, "class/net"), ["lo", "eth0"]);
  assertEquals(read(tree, "class/net/lo/mtu"), "65536\n");
  assertEquals(read(tree, "class/net/lo/statistics/tx_packets"), "5\n");
  try {
    read(tree, "class/net/eth0/mtu");
    throw new Error("it was read");
  } catch (failure) {
    assertEquals((failure as Errno).errno, E.EIO);
  }
  lines.push("eth0 2 1 0x1003 52:54:00:12:34:01 ff:ff:ff:ff:ff:ff 1500 1000 10 20 30 40 50");
  assertEquals(read(tree, "class/net/eth0/mtu"), "1500\n");
  assertEquals(read(tree, "class/net/eth0/address"), "52:54:00:12:34:01\n");
});

Deno.test("what the machine does not have is not there", () => {
  const tree = systemTree(undefined, { disks: [], network: false });
  assertEquals(names(tree, "class"), ["block"]);
  assertEquals(names(tree, "fs"), []);
  assertEquals(nodeAt(tree, "fs/cgroup"), undefined);
  assertEquals(read(tree, "devices/system/cpu/online"), "0\n");
  assertEquals(read(tree, "kernel/mm/transparent_hugepage/enabled"), "always madvise [never]\n");
});
