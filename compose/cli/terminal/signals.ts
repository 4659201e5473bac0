// Signals to `compose`, on their way to the programs of the machine.
import type { RunningMachine } from "../../../runtime/boot.ts";

/** Signals that go on to programs, by their numbers there. */
const FORWARDED = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
} as const;

/** So many requests to end within so long are meant for `compose`, whatever the program makes of them. */
const IMPATIENT = { times: 3, ms: 2000 } as const;

/**
 * Requests of people to end. A terminal tells Ctrl-C to `deno task`, too, which hands it on: what follows at
 * once is the same request.
 */
export class Requests {
  #lastMs = -Infinity;

  /** Whether a signal is another request than the last one. */
  isAnother(nowMs: number): boolean {
    if (nowMs - this.#lastMs < ECHO_MS) return false;
    this.#lastMs = nowMs;
    return true;
  }
}

/** Longer than it takes to hand a signal on, and shorter than it takes to press a key twice on purpose. */
const ECHO_MS = 250;

/** From here on signals go to a program. @param atOnce called when somebody insists that it ends */
export function forwardSignals(
  machine: Pick<RunningMachine, "signal">,
  program: string,
  atOnce: () => void,
): void {
  const asked: number[] = [], requests = new Requests();
  for (const [signal, number] of Object.entries(FORWARDED)) {
    Deno.addSignalListener(signal as Deno.Signal, () => {
      machine.signal(program, number);
      if (signal !== "SIGINT" && signal !== "SIGTERM") return;
      const nowMs = performance.now();
      if (!requests.isAnother(nowMs)) return;
      asked.push(nowMs);
      const recent = asked.slice(-IMPATIENT.times);
      if (recent.length === IMPATIENT.times && nowMs - recent[0] < IMPATIENT.ms) atOnce();
    });
  }
}

/** Signals end the machine, in good order the first time and at once the second time; others go on. */
export function stopOnSignals(
  machine: Pick<RunningMachine, "signal" | "stop">,
  programs: string[],
  atOnce: () => void,
): void {
  let stopping = false;
  const requests = new Requests();
  for (const [signal, number] of Object.entries(FORWARDED)) {
    const ends = signal === "SIGINT" || signal === "SIGTERM";
    Deno.addSignalListener(signal as Deno.Signal, () => {
      if (!ends) {
        for (const program of programs) machine.signal(program, number);
        return;
      }
      if (!requests.isAnother(performance.now())) return;
      if (stopping) return atOnce();
      stopping = true;
      machine.stop().catch(() => {});
    });
  }
}

/** Has a machine that is not there yet give up when it is asked to; whoever asks again ends the process. */
export class Interruption {
  readonly #controller = new AbortController();
  readonly #onSignal = () => this.interrupt();
  #ended = false;

  constructor() {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, this.#onSignal);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get happened(): boolean {
    return this.#controller.signal.aborted;
  }

  interrupt(): void {
    if (this.happened) return;
    this.#controller.abort(new Error("interrupted"));
    // What follows at once is the same request.
    Deno.unrefTimer(setTimeout(() => this.end(), ECHO_MS));
  }

  /** Signals are somebody else's from here on. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.removeSignalListener(signal, this.#onSignal);
    }
  }
}
