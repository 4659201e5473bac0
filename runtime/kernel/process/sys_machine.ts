// Calls about the machine as a whole: its name (uname(2)), memory (sysinfo(2)), what its hart can do
// (riscv_hwprobe), and what it does not have: a kernel log that grows, filters of system calls.
import { PAGE_BYTES } from "../../hardware/hart/translation_table.ts";
import { E, fail } from "../errno.ts";
import type { Handlers } from "./handler.ts";
import { getLong, putInt, putLong } from "./little_endian.ts";
import type { Process } from "./process.ts";
import { privileged } from "./sys_identity.ts";

export const RELEASE = "6.12.0";
export const VERSION = "#1 VirtuOS";
const UTSNAME_FIELD_BYTES = 65;
const NAME_MAX = 64;

function uname({ kernel: { names } }: Process, out: Uint8Array): number {
  const fields = ["Linux", names.host, RELEASE, VERSION, "riscv64", names.domain];
  out.fill(0);
  fields.forEach((field, index) => {
    for (let at = 0; at < field.length; at++) {
      out[index * UTSNAME_FIELD_BYTES + at] = field.charCodeAt(at);
    }
  });
  return 0;
}

function setMachineName(
  process: Process,
  which: "host" | "domain",
  bytes: Uint8Array,
  length: number,
): number {
  if (!privileged(process)) fail(E.EPERM);
  if (length > NAME_MAX) fail(E.EINVAL);
  process.kernel.names[which] = String.fromCharCode(...bytes);
  return 0;
}

/** `struct sysinfo`: where its fields are. */
const Info = { UPTIME: 0, TOTAL: 32, FREE: 40, PROCESSES: 80, UNIT: 104 } as const;

function sysinfo({ kernel }: Process, out: Uint8Array): number {
  const frames = kernel.memory?.frames;
  out.fill(0);
  putLong(out, Info.UPTIME, Math.floor(kernel.environment.nowNs() / 1e9));
  putLong(out, Info.TOTAL, (frames?.total ?? 0) * PAGE_BYTES);
  putLong(out, Info.FREE, (frames?.available ?? 0) * PAGE_BYTES);
  let count = 0;
  for (const { threads } of kernel.all) count += threads.size;
  out[Info.PROCESSES] = count;
  out[Info.PROCESSES + 1] = count >> 8;
  putInt(out, Info.UNIT, 1);
  return 0;
}

/** Bits of RISCV_HWPROBE_KEY_IMA_EXT_0: F and D, C, Zba, Zbb, Zbs. */
const EXTENSIONS = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5;
/** Translated code leaves them to the interpreter. */
const MISALIGNED_SLOW = 2;
const VECTOR_MISALIGNED_UNSUPPORTED = 4;
/** What the hart is, by key (Linux, Documentation/arch/riscv/hwprobe.rst). */
export const hardware: ReadonlyMap<number, number> = new Map<number, number>([
  [0, 0], // MVENDORID
  [1, 0], // MARCHID
  [2, 0], // MIMPID
  [3, 1], // BASE_BEHAVIOR: IMA
  [4, EXTENSIONS], // IMA_EXT_0
  [5, MISALIGNED_SLOW], // CPUPERF_0
  [7, 2 ** 38 - 1], // HIGHEST_VIRT_ADDRESS
  [8, 1e9], // TIME_CSR_FREQ
  [9, MISALIGNED_SLOW], // MISALIGNED_SCALAR_PERF
  [10, VECTOR_MISALIGNED_UNSUPPORTED], // MISALIGNED_VECTOR_PERF
]);
const PAIR_BYTES = 16;

/** @param pairs key and value, 64 bits each; a key that is not known becomes -1 */
function hwprobe(
  _process: Process,
  pairs: Uint8Array,
  count: number,
  cpusBytes: number,
  cpus: Uint8Array,
  flags: number,
): number {
  if (flags !== 0) fail(E.EINVAL);
  // More than fits into 32 bits cannot be there.
  if (pairs.length !== count * PAIR_BYTES) fail(E.EFAULT);
  if (cpusBytes > 0 && (cpus[0] & 1) === 0) fail(E.EINVAL);
  for (let pair = 0; pair < count; pair++) {
    const at = pair * PAIR_BYTES;
    const value = hardware.get(getLong(pairs, at));
    if (value === undefined) putLong(pairs, at, -1);
    putLong(pairs, at + 8, value ?? 0);
  }
  return 0;
}

const PERSONALITY_ASKED = 0xffff_ffff;
const PERSONALITY_MASK = 0xff;

/** Only that of Linux itself is there, with any of its flags, which are kept. */
function personality({ settings }: Process, wanted: number): number {
  const old = settings.personality;
  if (wanted === PERSONALITY_ASKED) return old;
  if ((wanted & PERSONALITY_MASK) !== 0) fail(E.EINVAL);
  settings.personality = wanted;
  return old;
}

const SYSLOG_LAST = 10;

/** The kernel's messages go to the supervisor: to the machine, its log is empty. */
function syslog(process: Process, type: number): number {
  if (!(type >= 0 && type <= SYSLOG_LAST)) fail(E.EINVAL);
  return privileged(process) ? 0 : fail(E.EPERM);
}

export const machineCalls: Handlers = {
  uname,
  sysinfo,
  sethostname: (process: Process, name: Uint8Array, length: number) =>
    setMachineName(process, "host", name, length),
  setdomainname: (process: Process, name: Uint8Array, length: number) =>
    setMachineName(process, "domain", name, length),
  riscv_hwprobe: hwprobe,
  // Stores to code are noticed as they happen.
  riscv_flush_icache: () => 0,
  personality,
  syslog,
  seccomp: () => fail(E.EINVAL),
};
