// The process of a run, seen from outside: told what to boot, given so long, and killed when it does not end.
import type { RunAnswer, RunRequest } from "./run_machine.ts";

/** How runs get their processes. */
export interface Runner {
  /** what Deno is told for a process that boots a machine */
  flags: string[];
  /** ends the run that is under way */
  signal?: AbortSignal;
}

/** Making an image of packages takes minutes, once; a run is timed from when its images are there. */
const IMAGES_LIMIT_MS = 1_200_000;

/** For what a run has started on the host; one that hangs is killed afterwards. */
const GRACE_MS = 1000;

/**
 * Runs a machine in a process of its own.
 *
 * @param began told when its images are there
 * @throws Error when it fails, is not done in time, or the runner's signal is aborted
 */
export async function runProcess(
  request: RunRequest,
  timeoutMs: number,
  { flags, signal }: Runner,
  began: () => void,
): Promise<RunAnswer> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...flags, new URL("./run_machine.ts", import.meta.url).href],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const send = (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch {
      // It has ended.
    }
  };
  let killer: ReturnType<typeof setTimeout> | undefined;
  const kill = () => {
    send("SIGTERM");
    killer ??= setTimeout(() => send("SIGKILL"), GRACE_MS);
  };
  let late: number | undefined;
  const limit = (ms: number) =>
    setTimeout(() => {
      late = ms;
      kill();
    }, ms);
  let timer = limit(IMAGES_LIMIT_MS);
  signal?.addEventListener("abort", kill, { once: true });
  try {
    const errors = new Response(child.stderr).text();
    void new Response(JSON.stringify(request)).body!.pipeTo(child.stdin).catch(() => {});
    let text = "", ready = false;
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part;
      if (ready || !text.includes("\n")) continue;
      ready = true;
      clearTimeout(timer);
      timer = limit(timeoutMs);
      began();
    }
    const { code } = await child.status;
    if (late !== undefined) throw new Error(`not done after ${late / 1000} s`);
    const answer = text.split("\n").at(-1)!;
    if (answer === "") {
      throw new Error(`its process ended with ${code}: ${(await errors).slice(-300)}`);
    }
    const parsed = JSON.parse(answer);
    if ("failure" in parsed) throw new Error(parsed.failure);
    return parsed;
  } finally {
    clearTimeout(timer);
    clearTimeout(killer);
    signal?.removeEventListener("abort", kill);
  }
}
