// What must not grow on a machine that has served for long, counted from inside it and from the host.
import type { RunningMachine } from "../mod.ts";

/** Counts by what they count, with how much more of it is no leak. */
export type Counts = Record<string, { value: number; allowance: number }>;

const MIB = 1 << 20;
/** Heaps are collected when V8 likes: a leak of each request's smallest part is far more than this. */
const HEAP_ALLOWANCE = 48;
/** Of programs: what their allocators keep. */
const PROGRAM_ALLOWANCE = 16;
/** Established and listening sockets, and all that are not merely remembered (TIME-WAIT). */
const COUNT = `grep -hvE "^ *sl|: [0-9A-F:]+ [0-9A-F:]+ 06 " /proc/net/tcp /proc/net/tcp6 | wc -l
cut -f 1 /proc/sys/fs/file-nr
ls /proc | grep -c "^[0-9]"
awk '/MemTotal/ { total = $2 } /MemFree/ { print int((total - $2) / 1024) }' /proc/meminfo`;

/** Runs a shell's command in the machine. @returns what it prints */
async function shell(machine: RunningMachine, command: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  const program = machine.execute(
    { words: ["/bin/sh", "-c", command], env: {}, cwd: "/", uid: 0, gid: 0 },
    (bytes) => void (text += decoder.decode(bytes, { stream: true })),
  );
  program.endInput();
  await program.ended;
  return text;
}

/** Descriptors of this process, which holds the host's side of all connections. */
function hostDescriptors(): number {
  const list = new Deno.Command("ls", { args: [`/proc/${Deno.pid}/fd`] }).outputSync();
  return new TextDecoder().decode(list.stdout).trim().split("\n").length;
}

export async function countAll(machine: RunningMachine): Promise<Counts> {
  const inside = (await shell(machine, COUNT)).trim().split("\n").map(Number);
  if (inside.length !== 4 || inside.some(Number.isNaN)) {
    throw new Error(`Cannot count inside the machine: ${inside}`);
  }
  const [sockets, descriptors, processes, programMiB] = inside;
  const { domains, rings } = await machine.look();
  const counts: Counts = {
    "sockets": { value: sockets, allowance: 0 },
    "descriptors of programs": { value: descriptors, allowance: 0 },
    "processes": { value: processes, allowance: 0 },
    "MiB of programs": { value: programMiB, allowance: PROGRAM_ALLOWANCE },
    "descriptors of the host": { value: hostDescriptors(), allowance: 0 },
  };
  for (const { name, outstanding } of rings) {
    counts[`requests in ${name}`] = { value: outstanding, allowance: 0 };
  }
  for (const { name, memoryBytes } of domains) {
    counts[`MiB of domain ${name}`] = {
      value: Math.round(memoryBytes / MIB),
      allowance: HEAP_ALLOWANCE,
    };
  }
  return counts;
}

/** Those that have grown by more than they may. */
export function grown(before: Counts, after: Counts): string[] {
  return Object.keys(after).filter((name) =>
    after[name].value > (before[name]?.value ?? 0) + after[name].allowance
  );
}
