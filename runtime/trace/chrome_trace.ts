// A trace as the JSON that Perfetto and Chrome's tracing show ("Trace Event Format"): a process for each
// domain, a line for each thread, spans as complete events (X), what causes what as flows (s, t, f).
import { setClocks } from "./clocks.ts";
import { findSpans, type Flow, type Span, type ThreadTrace, type TraceNames } from "./spans.ts";

/** One event; the format says what its fields mean. */
export interface ChromeEvent {
  /** what it is: a name (M), a span (X), or the begin, a step or the end of a flow */
  ph: "M" | "X" | "s" | "t" | "f";
  /** the call or the request; for M, what is named */
  name: string;
  /** of a span: a program's call, a request served, a request to a device, the device, or what no call waits for */
  cat?: string;
  /** a domain, or the devices */
  pid: number;
  /** a line of it */
  tid?: number;
  /** when, microseconds since the tracing began */
  ts?: number;
  /** of a span: how long, microseconds */
  dur?: number;
  /** of a flow: which */
  id?: number;
  /** of a flow: its end is bound to the span around it */
  bp?: "e";
  /** a status, a count of bytes, a name */
  args?: Record<string, unknown>;
}

/** A trace, to be written as JSON. */
export interface ChromeTrace {
  /** how times are shown */
  displayTimeUnit: "ns";
  /** what it is a trace of */
  otherData: {
    /** name of the system */
    system: string;
    /** records of each thread that were overwritten before they were read */
    lost: Record<string, number>;
  };
  /** names, then spans in the order in which they begin, then flows */
  traceEvents: ChromeEvent[];
}

/** What spans are called besides their rows. */
export interface SpanNames extends TraceNames {
  span(span: Span): string;
}

/** @param threads in the order in which they are to be shown */
export function chromeTrace(
  system: string,
  threads: readonly ThreadTrace[],
  names: SpanNames,
): ChromeTrace {
  const { spans, flows } = findSpans(setClocks(threads), names);
  const places = new Places(threads.map(({ process }) => process));
  spans.sort((a, b) => a.fromUs - b.fromUs);
  for (const span of spans) places.put(span);
  const events = [...places.names];
  for (const span of spans) {
    const { kind, fromUs, toUs, status, bytes } = span;
    events.push({
      ph: "X",
      name: names.span(span),
      cat: kind,
      ...places.of(span),
      ts: round(fromUs),
      dur: round(Math.max(0, round(toUs) - round(fromUs))),
      args: {
        ...(status === undefined ? {} : { status }),
        ...(bytes === undefined ? {} : { bytes }),
      },
    });
  }
  flows.forEach((flow, index) => events.push(...flowEvents(flow, index + 1, places, names)));
  return {
    displayTimeUnit: "ns",
    otherData: {
      system,
      lost: Object.fromEntries(threads.map(({ process, lost }) => [process, lost])),
    },
    traceEvents: events,
  };
}

/** A flow binds to the spans that lie around its points: they are kept within. */
function flowEvents(flow: Flow, id: number, places: Places, names: SpanNames): ChromeEvent[] {
  const { from, sentUs, through, answeredUs } = flow;
  if (through.length === 0) return [];
  const name = names.span(through[0]), cat = "flow";
  const within = (span: Span, us: number) => round(Math.max(span.fromUs, Math.min(us, span.toUs)));
  const points: [Span, number][] = [
    [from, sentUs],
    ...through.map((span): [Span, number] => [span, span.fromUs]),
    ...(answeredUs === undefined ? [] : [[from, answeredUs] as [Span, number]]),
  ];
  return points.map(([span, us], index): ChromeEvent => {
    const ph = index === 0 ? "s" : index === points.length - 1 ? "f" : "t";
    const bound = ph === "f" ? { bp: "e" as const } : {};
    return { ph, name, cat, id, ...places.of(span), ts: within(span, us), ...bound };
  });
}

/** Which line of which process a span is on: one where nothing else is at its time. */
class Places {
  readonly names: ChromeEvent[] = [];
  readonly #rows = new Map<string, { tid: number; freeFromUs: number }[]>();
  readonly #places = new Map<Span, { pid: number; tid: number }>();
  #nextTid = 1;

  constructor(private readonly processes: string[]) {
    processes.forEach((name, index) => {
      const pid = index + 1;
      this.names.push({ ph: "M", name: "process_name", pid, args: { name } });
      this.names.push({ ph: "M", name: "process_sort_index", pid, args: { sort_index: index } });
    });
  }

  /** To be called in the order in which spans begin. */
  put(span: Span): void {
    const key = JSON.stringify([span.process, span.row]);
    const lines = this.#rows.get(key) ?? [];
    this.#rows.set(key, lines);
    const pid = this.processes.indexOf(span.process) + 1;
    let line = lines.find(({ freeFromUs }) => freeFromUs <= span.fromUs);
    if (line === undefined) {
      line = { tid: this.#nextTid++, freeFromUs: 0 };
      lines.push(line);
      const name = lines.length === 1 ? span.row : `${span.row} ${lines.length}`;
      this.names.push({ ph: "M", name: "thread_name", pid, tid: line.tid, args: { name } });
    }
    line.freeFromUs = span.toUs;
    this.#places.set(span, { pid, tid: line.tid });
  }

  of(span: Span): { pid: number; tid: number } {
    return this.#places.get(span)!;
  }
}

const round = (us: number) => Math.round(us * 1000) / 1000;
