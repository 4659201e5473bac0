// Isolation by a process of the host: a Deno process that maps the memory it was granted, then gives
// up every permission. It can be killed for certain, and its memory is limited by the host.
import type { DomainExit, DomainGrant, DomainInstance, IsolationMechanism } from "./domain_host.ts";

/** Writable private memory that V8 and Deno reserve for themselves (560 MiB measured), beyond the heap. */
const RUNTIME_BYTES = 720 << 20;
/** Young generation: small, so that its garbage does not count as the domain's memory for long. */
const SEMI_SPACE_MIB = 8;

/** @param module URL of the program that a domain's process runs: it reads its grant from argument 0 */
export function processIsolation(module: URL): IsolationMechanism {
  return {
    memory: "mapped",
    start(grant: DomainGrant, log): DomainInstance {
      const heapMiB = Math.ceil(grant.plan.memory.heapBytes / (1 << 20));
      const child = new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--quiet",
          "--no-prompt",
          "--no-config",
          "--no-lock",
          "--allow-ffi",
          `--v8-flags=--max-old-space-size=${heapMiB},--max-semi-space-size=${SEMI_SPACE_MIB}`,
          module.href,
          JSON.stringify(grant),
          String(grant.plan.memory.heapBytes + RUNTIME_BYTES),
        ],
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      let tail = "";
      const lines = Promise.all(
        [child.stdout, child.stderr].map((stream) =>
          readLines(stream, (line) => {
            log(line);
            tail = /out of memory|allocation failed/i.test(line) ? "out of memory" : tail;
          })
        ),
      );
      const ended = Promise.all([child.status, lines]).then(([status]): DomainExit => ({
        reason: tail ||
          (status.signal ? `ended by ${status.signal}` : `ended with status ${status.code}`),
      }));
      return {
        ended,
        async kill() {
          try {
            child.kill("SIGKILL");
          } catch (failure) {
            // It may have ended by itself between the decision and the signal.
            if (!(failure instanceof TypeError || failure instanceof Deno.errors.NotFound)) {
              throw failure;
            }
          }
          await child.status;
          return true;
        },
      };
    },
  };
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
