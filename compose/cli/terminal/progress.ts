// What a machine does before and while it runs, as one line that changes, on a terminal only.
import { writeAll } from "./streams.ts";
import type { RunningMachine } from "../../../runtime/boot.ts";
import type { MachineEvent, MachineState } from "../../../runtime/report.ts";

/** A line is not as long as to be hard to read, nor longer than the terminal is wide. */
const MAX_WIDTH = 78;
const WATCH_MS = 1000;
const STEPS = {
  index: "reading",
  fetch: "fetching",
  unpack: "unpacking",
  write: "writing",
  prepare: "preparing",
};

export class StatusLine {
  readonly #shown: boolean;
  #text = "";
  #lastMs = -Infinity;

  /**
   * @param wanted whether anything is to be shown, where standard error is a terminal
   * @param terminal that a machine may have
   */
  constructor(wanted: boolean, private readonly terminal?: { readonly lineEnd: string }) {
    this.#shown = wanted && Deno.stderr.isTerminal();
  }

  /** Shows a line in place of the last one. */
  show(text: string): void {
    const now = performance.now();
    // A terminal need not see every file that goes by.
    if (!this.#shown || now - this.#lastMs < 50) return;
    this.#lastMs = now;
    const width = Math.min(MAX_WIDTH, (Deno.consoleSize().columns || 80) - 1);
    this.#text = text.length > width ? `${text.slice(0, Math.max(0, width - 3))}...` : text;
    this.#write(`\r${this.#text}\x1b[K`);
  }

  /** Takes the line away, so that something else can be written. */
  clear(): void {
    if (this.#text === "") return;
    this.#text = "";
    this.#lastMs = -Infinity;
    this.#write("\r\x1b[K");
  }

  /** Shows how far an image is. */
  image(event: Omit<Extract<MachineEvent, { kind: "image-progress" }>, "kind">): void {
    const { device, step, what, done, total } = event;
    if (step === "note") return this.note(`${device}: ${what}`);
    const amount = total > 1 ? ` ${done} of ${total}` : "";
    this.show(`${device}: ${STEPS[step]}${amount}  ${what}`);
  }

  /** Shows how a machine is doing, until that is over. @returns what ends it */
  watch(machine: Pick<RunningMachine, "look">): () => void {
    if (!this.#shown) return () => {};
    let before: { calls: number; ms: number } | undefined;
    const watching = setInterval(async () => {
      const state = await machine.look(), ms = performance.now();
      const rate = before === undefined ? 0 : (state.calls - before.calls) / (ms - before.ms);
      before = { calls: state.calls, ms };
      this.show(describe(state, rate * 1000));
    }, WATCH_MS);
    return () => {
      clearInterval(watching);
      this.clear();
    };
  }

  /** Says something that stays. */
  note(text: string): void {
    this.clear();
    this.#write(`${text}${this.terminal?.lineEnd ?? "\n"}`);
  }

  #write(text: string): void {
    writeAll(Deno.stderr, new TextEncoder().encode(text));
  }
}

/** A machine in a line. */
export function describe(
  state: Pick<MachineState, "programs" | "calls" | "memoryBytes" | "restarts">,
  callsPerSecond: number,
): string {
  const programs = state.programs.map(({ name, state, status }) =>
    `${name} ${state === "ended" ? status : state}`
  );
  const restarts = state.restarts === 0 ? [] : [`${state.restarts} restarts`];
  return [
    programs.join(", "),
    `${Math.round(callsPerSecond).toLocaleString("en")} calls/s`,
    `${Math.round(state.memoryBytes / 2 ** 20)} MiB`,
    ...restarts,
  ].join("  ");
}
