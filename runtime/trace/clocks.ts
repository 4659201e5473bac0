// Sets the clocks of threads by the messages between them: each has a clock of its own, which is off by what
// passed between its two looks at the host's when it started. A request is not taken before it was sent, nor
// its answer before it was given; a thread's clock that says otherwise is moved to the middle of what is possible.
// Nor is anything recorded before the tracing began.
import { TraceEvent, type TraceRecord } from "./recorder.ts";
import type { ThreadTrace } from "./spans.ts";

/** How much later the clock of one who serves may be set than that of who asks, microseconds. */
interface Bounds {
  leastUs: number;
  mostUs: number;
}

/** The threads with their times as one clock could have told them: that of the first, where it was not late. */
export function setClocks(threads: readonly ThreadTrace[]): ThreadTrace[] {
  const bounds = boundsBetween(threads);
  const shifts = new Map<string, number>();
  for (const { process } of threads) {
    // Whoever no message leads to keeps its own time.
    if (shifts.has(process)) continue;
    const before = new Set(shifts.keys());
    spread(process, 0);
    const together = threads.filter((each) =>
      shifts.has(each.process) && !before.has(each.process)
    );
    let lateUs = 0;
    for (const each of together) {
      for (const { atUs } of each.records) {
        lateUs = Math.max(lateUs, -(atUs + shifts.get(each.process)!));
      }
    }
    for (const each of together) shifts.set(each.process, shifts.get(each.process)! + lateUs);
  }
  function spread(process: string, shiftUs: number): void {
    shifts.set(process, shiftUs);
    for (const [[client, server], { leastUs, mostUs }] of bounds) {
      const [other, least, most] = client === process
        ? [server, leastUs, mostUs]
        : server === process
        ? [client, -mostUs, -leastUs]
        : [undefined, 0, 0];
      if (other !== undefined && !shifts.has(other)) {
        spread(other, shiftUs + within(least, most));
      }
    }
  }
  return threads.map((thread) => {
    const shiftUs = shifts.get(thread.process)!;
    return shiftUs === 0 ? thread : {
      ...thread,
      records: thread.records.map((record) => ({ ...record, atUs: record.atUs + shiftUs })),
    };
  });
}

/** None where the clocks may both be right. */
function within(leastUs: number, mostUs: number): number {
  if (leastUs <= 0 && mostUs >= 0) return 0;
  if (mostUs === Infinity) return leastUs;
  return leastUs === -Infinity ? mostUs : (leastUs + mostUs) / 2;
}

/** Of each pair of threads that ask and serve each other. */
function boundsBetween(threads: readonly ThreadTrace[]): [[string, string], Bounds][] {
  const asked = new Map<string, { process: string; atUs: number }>();
  const answers = new Map<string, number>();
  visit(threads, (process, key, step, atUs) => {
    if (step === "asked") asked.set(key, { process, atUs });
    else if (step === "told") answers.set(key, atUs);
  });
  const bounds = new Map<string, [[string, string], Bounds]>();
  visit(threads, (process, key, step, atUs) => {
    const from = asked.get(key);
    if (from === undefined || step === "asked" || step === "told") return;
    const pair = JSON.stringify([from.process, process]);
    const known = bounds.get(pair) ??
      [[from.process, process], { leastUs: -Infinity, mostUs: Infinity }];
    bounds.set(pair, known);
    const [, between] = known;
    if (step === "taken") between.leastUs = Math.max(between.leastUs, from.atUs - atUs);
    else {
      const told = answers.get(key);
      if (told !== undefined) between.mostUs = Math.min(between.mostUs, told - atUs);
    }
  });
  return [...bounds.values()];
}

type Step = "asked" | "taken" | "done" | "told";

/** The steps of requests that can be told apart: those of rings, and those of the first queue of a device. */
function visit(
  threads: readonly ThreadTrace[],
  take: (process: string, key: string, step: Step, atUs: number) => void,
): void {
  for (const { process, records } of threads) {
    const slots = new Map<string, string>();
    for (const record of records) {
      const step = stepOf(record, slots);
      if (step !== undefined) take(process, step[0], step[1], record.atUs);
    }
  }
}

/** @param slots places of requests that a server has taken, by their slots */
function stepOf(
  { kind, values: [a, b, c] }: TraceRecord,
  slots: Map<string, string>,
): [key: string, step: Step] | undefined {
  switch (kind) {
    case TraceEvent.SEND:
      return [`ring ${a} ${b}`, "asked"];
    case TraceEvent.ANSWER:
      return [`ring ${a} ${b}`, "told"];
    case TraceEvent.TAKE:
      slots.set(`${a} ${c}`, `ring ${a} ${b}`);
      return [`ring ${a} ${b}`, "taken"];
    case TraceEvent.COMPLETE: {
      const key = slots.get(`${a} ${b}`);
      return key === undefined ? undefined : [key, "done"];
    }
    case TraceEvent.REQUEST:
      return [`device ${a} ${b}`, "asked"];
    case TraceEvent.REQUEST_END:
      return [`device ${a} ${b}`, "told"];
    case TraceEvent.SERVE:
      return c === 0 ? [`device ${a} ${b}`, "taken"] : undefined;
    case TraceEvent.SERVE_END:
      return c === 0 ? [`device ${a} ${b}`, "done"] : undefined;
  }
}
