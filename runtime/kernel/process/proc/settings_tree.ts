// /proc/sys: what is set for the machine as a whole (proc(5), sysctl(8)). Only its names, and those of core files, can
// be changed.
import {
  DEFAULT_BUFFER_BYTES,
  FIRST_EPHEMERAL_PORT,
  FIRST_UNPRIVILEGED_PORT,
  LAST_EPHEMERAL_PORT,
  LEAST_BUFFER_BYTES,
  MAX_BACKLOG,
  MOST_BUFFER_BYTES,
} from "../../network/limits.ts";
import { directory, line, type ProcDirectory, type ProcFile, text } from "../../vfs/proc_node.ts";
import { MOST_EVENTS } from "../aio/aio_table.ts";
import { MOST_DESCRIPTORS } from "../file/descriptor_table.ts";
import { MOST_MESSAGE_BYTES, MOST_QUEUE_BYTES, MOST_QUEUES } from "../ipc/message_queues.ts";
import {
  DEFAULT_BYTES,
  DEFAULT_MESSAGES,
  MOST_BYTES,
  MOST_MESSAGES,
  MOST_POSIX_QUEUES,
} from "../ipc/posix_queue.ts";
import { MOST_OPERATIONS, MOST_SEMAPHORES, MOST_SETS } from "../ipc/semaphores.ts";
import { MOST_SEGMENTS } from "../ipc/shared_memory.ts";
import { MAX_THREADS } from "../limits.ts";
import type { ProcessKernel } from "../process_kernel.ts";
import { LAST_CAPABILITY } from "../capability_sets.ts";
import { MOST_MAPPINGS } from "../memory/mapping.ts";
import { NGROUPS_MAX } from "../sys_identity.ts";
import { RELEASE, VERSION } from "../sys_machine.ts";

const UUID_BYTES = 16;
/** Bytes of entropy that are always there. */
const POOL_BITS = 256;
const OVERFLOW_ID = 65534;
/** As much as there is: what Linux says where nothing is set. */
const UNLIMITED = "18446744073692774399";
const MAX_PIPE_BYTES = 1 << 20;

/** A random UUID (RFC 9562, version 4). */
function uuid(kernel: ProcessKernel): string {
  const bytes = new Uint8Array(UUID_BYTES);
  kernel.environment.random(bytes);
  bytes[6] = bytes[6] & 0x0f | 0x40;
  bytes[8] = bytes[8] & 0x3f | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [[0, 8], [8, 12], [12, 16], [16, 20], [20, 32]].map(([from, to]) => hex.slice(from, to))
    .join("-");
}

/** A name of the machine, which root may change. */
function nameFile(kernel: ProcessKernel, which: "host" | "domain"): ProcFile {
  return {
    kind: "file",
    mode: 0o644,
    read: () => `${kernel.names[which]}\n`,
    write: (given) => kernel.names[which] = given.replace(/\n.*$/s, "").slice(0, 64),
  };
}

/** What servers look at: the network's own numbers, none of which changes. */
function networkSettings(): ProcDirectory {
  const buffers = `${LEAST_BUFFER_BYTES}\t${DEFAULT_BUFFER_BYTES}\t${MOST_BUFFER_BYTES}`;
  return directory({
    core: directory({
      somaxconn: line(MAX_BACKLOG),
      rmem_default: line(DEFAULT_BUFFER_BYTES),
      rmem_max: line(MOST_BUFFER_BYTES),
      wmem_default: line(DEFAULT_BUFFER_BYTES),
      wmem_max: line(MOST_BUFFER_BYTES),
    }),
    ipv4: directory({
      ip_forward: line(0),
      ip_local_port_range: line(`${FIRST_EPHEMERAL_PORT}\t${LAST_EPHEMERAL_PORT}`),
      ip_unprivileged_port_start: line(FIRST_UNPRIVILEGED_PORT),
      tcp_congestion_control: line("cubic"),
      tcp_available_congestion_control: line("cubic"),
      tcp_rmem: line(buffers),
      tcp_wmem: line(buffers),
    }),
    ipv6: directory({ conf: directory({ all: directory({ disable_ipv6: line(0) }) }) }),
  });
}

/** @param pidMax highest process number */
export function settingsTree(kernel: ProcessKernel, pidMax: number): ProcDirectory {
  let bootId: string | undefined;
  return directory({
    kernel: directory({
      ostype: line("Linux"),
      osrelease: line(RELEASE),
      version: line(VERSION),
      hostname: nameFile(kernel, "host"),
      domainname: nameFile(kernel, "domain"),
      pid_max: line(pidMax),
      "threads-max": line(MAX_THREADS),
      ngroups_max: line(NGROUPS_MAX),
      cap_last_cap: line(LAST_CAPABILITY),
      overflowuid: line(OVERFLOW_ID),
      overflowgid: line(OVERFLOW_ID),
      randomize_va_space: line(0),
      msgmax: line(MOST_MESSAGE_BYTES),
      msgmnb: line(MOST_QUEUE_BYTES),
      msgmni: line(MOST_QUEUES),
      shmmax: line(UNLIMITED),
      shmall: line(UNLIMITED),
      shmmni: line(MOST_SEGMENTS),
      sem: line(
        [MOST_SEMAPHORES, MOST_SETS * MOST_SEMAPHORES, MOST_OPERATIONS, MOST_SETS].join("\t"),
      ),
      core_pattern: {
        kind: "file",
        mode: 0o644,
        read: () => `${kernel.cores.pattern}\n`,
        write: (given) => kernel.cores.pattern = given,
      },
      tainted: line(0),
      random: directory({
        boot_id: text(() => `${bootId ??= uuid(kernel)}\n`),
        uuid: text(() => `${uuid(kernel)}\n`),
        entropy_avail: line(POOL_BITS),
        poolsize: line(POOL_BITS),
      }),
    }),
    vm: directory({
      overcommit_memory: line(1),
      overcommit_ratio: line(50),
      max_map_count: line(MOST_MAPPINGS),
      mmap_min_addr: line(65536),
      swappiness: line(0),
    }),
    fs: directory({
      "aio-max-nr": line(MOST_EVENTS),
      "aio-nr": text(() => `${kernel.aio.reserved}\n`),
      "file-max": line(MOST_DESCRIPTORS),
      "nr_open": line(MOST_DESCRIPTORS),
      "file-nr": text(() => {
        let open = 0;
        for (const process of kernel.all) open += process.descriptors.length;
        return `${open}\t0\t${MOST_DESCRIPTORS}\n`;
      }),
      mqueue: directory({
        msg_default: line(DEFAULT_MESSAGES),
        msg_max: line(MOST_MESSAGES),
        msgsize_default: line(DEFAULT_BYTES),
        msgsize_max: line(MOST_BYTES),
        queues_max: line(MOST_POSIX_QUEUES),
      }),
      "pipe-max-size": line(MAX_PIPE_BYTES),
    }),
    net: networkSettings(),
  });
}
