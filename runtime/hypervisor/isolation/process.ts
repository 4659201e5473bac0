// Isolation by a process of the host: a Deno process that maps the memory it was granted, then gives
// up every permission. It can be killed for certain, and its memory is limited by the host.
import type { DomainPlan } from "../../../schemas/plan.ts";
import type { DomainExit, IsolationMechanism } from "./domain_host.ts";

/** Writable private memory that V8 and Deno reserve for themselves (560 MiB measured), beyond the heap. */
const RUNTIME_BYTES = 720 << 20;
/** Young generation: small, so that its garbage does not count as the domain's memory for long. */
const SEMI_SPACE_MIB = 8;

/** @param module URL of the program that a domain's process runs: it reads its grant from standard input */
export function processIsolation(module: URL): IsolationMechanism {
  // Most of a start is that of Deno, and of V8 with the domain's code: processes stand by, by their heaps.
  const standby = new Map<number, Set<Deno.ChildProcess>>();
  const standingBy = (size: number) => {
    const children = standby.get(size) ?? new Set();
    standby.set(size, children);
    return children;
  };
  const heapMiB = (plan: DomainPlan) => Math.ceil(plan.memory.heapBytes / (1 << 20));
  return {
    memory: "mapped",
    start(grant, log) {
      const size = heapMiB(grant.plan);
      const [child = spawn(module, size)] = standingBy(size);
      standingBy(size).delete(child);
      child.ref();
      const limitBytes = grant.plan.memory.heapBytes + RUNTIME_BYTES;
      const ended = watch(child, log);
      void give(child, JSON.stringify({ grant, limitBytes }));
      return {
        ended,
        async kill() {
          await kill(child);
          return true;
        },
      };
    },
    prepare(plans) {
      for (const [size, { length }] of Map.groupBy(plans, heapMiB)) {
        const children = standingBy(size);
        while (children.size < length) {
          const child = spawn(module, size);
          child.unref();
          children.add(child);
          void child.status.then(() => children.delete(child));
        }
      }
    },
    async close() {
      const children = [...standby.values()].flatMap((each) => [...each]);
      standby.clear();
      await Promise.all(children.map(async (child) => {
        child.ref();
        await Promise.all([kill(child), give(child, ""), watch(child, () => {})]);
      }));
    },
  };
}

/** Starts a process, which waits for its grant. */
function spawn(module: URL, heapMiB: number): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-config",
      "--no-lock",
      "--allow-ffi",
      `--v8-flags=--max-old-space-size=${heapMiB},--max-semi-space-size=${SEMI_SPACE_MIB}`,
      module.href,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Writes a line to a process, and says that there will be no other; one that has ended needs none. */
async function give(child: Deno.ChildProcess, line: string): Promise<void> {
  try {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${line}\n`));
    await writer.close();
  } catch (failure) {
    if (!(failure instanceof Deno.errors.BrokenPipe || failure instanceof TypeError)) throw failure;
  }
}

/** Tells what a process says, and at last how it ended. */
async function watch(child: Deno.ChildProcess, log: (line: string) => void): Promise<DomainExit> {
  let tail = "";
  const lines = [child.stdout, child.stderr].map((stream) =>
    readLines(stream, (line) => {
      log(line);
      tail = /out of memory|allocation failed/i.test(line) ? "out of memory" : tail;
    })
  );
  const [status] = await Promise.all([child.status, ...lines]);
  return {
    reason: tail ||
      (status.signal ? `ended by ${status.signal}` : `ended with status ${status.code}`),
  };
}

async function kill(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch (failure) {
    // It may have ended by itself between the decision and the signal.
    if (!(failure instanceof TypeError || failure instanceof Deno.errors.NotFound)) throw failure;
  }
  await child.status;
}

async function readLines(
  stream: ReadableStream<Uint8Array>,
  take: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    lines.forEach(take);
  }
  if (rest !== "") take(rest);
}
