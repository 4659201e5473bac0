// What the records of all threads say together: spans of work, and which of them caused which. A call and what
// is done for it are found by numbers that both ends of a ring or a queue know; nobody's clock has to be right.
import { TraceEvent, type TraceRecord } from "./recorder.ts";

/** What one thread has recorded. */
export interface ThreadTrace {
  /** the domain, or the devices, whose thread it is */
  process: string;
  records: TraceRecord[];
  /** records that were overwritten */
  lost: number;
}

/** A stretch of work on a row. */
export interface Span {
  process: string;
  /** spans of a row that overlap are shown on several lines */
  row: string;
  kind: "call" | "send" | "serve" | "request" | "device";
  number: number;
  fromUs: number;
  /** where it was not over: the end of what was recorded */
  toUs: number;
  status?: number;
  bytes?: number;
}

/** One thing that goes from span to span: out, and back again. */
export interface Flow {
  from: Span;
  sentUs: number;
  through: Span[];
  /** when the answer was there; absent where none came */
  answeredUs?: number;
}

/** How rows are called. */
export interface TraceNames {
  ring(index: number): string;
  device(id: number): string;
}

interface Sent {
  process: string;
  ring: number;
  number: number;
  atUs: number;
  parent: Span | undefined;
  answer?: { atUs: number; status: number };
  server?: Span;
}

/** Spans and flows of a machine. */
export function findSpans(
  threads: readonly ThreadTrace[],
  names: TraceNames,
): { spans: Span[]; flows: Flow[] } {
  const spans: Span[] = [];
  const sent = new Map<string, Sent>();
  const servers = new Map<string, Span>();
  const requests: { key: string; span: Span; parent: Span | undefined }[] = [];
  // A device has one request of a place at a time; places come again, after 2^16 requests or a restart.
  const devices = new Map<string, Span[]>();
  for (const { process, records } of threads) {
    const endUs = records.at(-1)?.atUs ?? 0;
    const calls = new Map<number, Span>(), slots = new Map<string, Span>();
    const open = new Map<string, Span>(), contexts = new Map<number, Span>();
    const begin = (span: Omit<Span, "process" | "toUs">): Span => {
      const begun = { process, toUs: endUs, ...span };
      spans.push(begun);
      return begun;
    };
    for (const { atUs, kind, values: [a, b, c, d, e] } of records) {
      switch (kind) {
        case TraceEvent.CALL: {
          const span = begin({ row: `thread ${a}`, kind: "call", number: b, fromUs: atUs });
          calls.set(a, span);
          contexts.set(c, span);
          break;
        }
        case TraceEvent.CALL_END:
          end(calls, a, atUs, b);
          break;
        case TraceEvent.SEND: {
          const key = `${a}:${b}`, parent = contexts.get(d);
          sent.set(key, { process, ring: a & 0xff, number: c, atUs, parent });
          break;
        }
        case TraceEvent.ANSWER: {
          const request = sent.get(`${a}:${b}`);
          if (request !== undefined) request.answer = { atUs, status: c };
          break;
        }
        case TraceEvent.TAKE: {
          const row = names.ring(a & 0xff);
          const span = begin({ row, kind: "serve", number: d, fromUs: atUs });
          slots.set(`${a}:${c}`, span);
          servers.set(`${a}:${b}`, span);
          contexts.set(e, span);
          break;
        }
        case TraceEvent.COMPLETE:
          end(slots, `${a}:${b}`, atUs, c);
          break;
        case TraceEvent.REQUEST: {
          const row = `${names.device(a)} driver`, key = `${a}:0:${b}`;
          const span = begin({ row, kind: "request", number: c, fromUs: atUs, bytes: e });
          requests.push({ key, span, parent: contexts.get(d) });
          open.set(key, span);
          break;
        }
        case TraceEvent.REQUEST_END:
          end(open, `${a}:0:${b}`, atUs);
          break;
        case TraceEvent.SERVE: {
          const key = `${a}:${c}:${b}`;
          const span = begin({ row: names.device(a), kind: "device", number: c, fromUs: atUs });
          open.set(key, span);
          if (!devices.has(key)) devices.set(key, []);
          devices.get(key)!.push(span);
          break;
        }
        case TraceEvent.SERVE_END: {
          const span = end(open, `${a}:${c}:${b}`, atUs);
          if (span !== undefined) span.bytes = d;
        }
      }
    }
  }
  const flows: Flow[] = [];
  for (const [key, request] of sent) {
    const { process, parent, number, atUs, answer } = request;
    const server = servers.get(key);
    let from = parent;
    // What nobody's call waits for has no span that it could begin in: it is one itself.
    if (from === undefined || from.toUs < (answer?.atUs ?? atUs)) {
      const toUs = answer?.atUs ?? Math.max(atUs, server?.toUs ?? atUs);
      from = {
        process,
        row: `to ${names.ring(request.ring)}`,
        kind: "send",
        number,
        fromUs: atUs,
        toUs,
      };
      if (answer !== undefined) from.status = answer.status;
      spans.push(from);
    }
    const through = server === undefined ? [] : [server];
    flows.push({ from, sentUs: atUs, through, answeredUs: answer?.atUs });
  }
  for (const { key, span, parent } of requests.reverse()) {
    // The oldest records of either side may be gone: the newest belong together.
    const device = devices.get(key)?.pop();
    const through = device === undefined ? [] : [device];
    flows.push({ from: span, sentUs: span.fromUs, through, answeredUs: span.toUs });
    if (parent !== undefined && parent.toUs >= span.fromUs) {
      const back = parent.toUs >= span.toUs ? { answeredUs: span.toUs } : {};
      flows.push({ from: parent, sentUs: span.fromUs, through: [span], ...back });
    }
  }
  return { spans, flows };
}

/** @returns what is over now, where its begin is there */
function end<K>(open: Map<K, Span>, key: K, atUs: number, status?: number): Span | undefined {
  const span = open.get(key);
  if (span === undefined) return undefined;
  open.delete(key);
  span.toUs = atUs;
  if (status !== undefined) span.status = status;
  return span;
}
