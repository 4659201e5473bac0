// What is said over the control socket of a running system: a JSON object a line. Whoever connects asks for
// one thing; both sides check the shape and the size of everything they read.
import { faultPlaces } from "../../../schemas/faults.ts";
import { limits } from "../../../schemas/limits.ts";
import type { FaultDescription } from "../../../schemas/plan.ts";
import type { MachineEvent, MachineState } from "../../report.ts";
import type { Execution, ExecutionEnd, SessionStream } from "../session/executions.ts";

/** A line that is longer is none. */
export const MAX_LINE_BYTES = 256 << 10;
/** Bytes of a stream in one line, before they are encoded. */
export const MAX_PIECE_BYTES = 64 << 10;
/** Input that the other side has not admitted: nobody sends more. */
export const MAX_UNADMITTED_BYTES = 256 << 10;
const MAX_WORDS = 4096;
const MAX_GRACE_MS = 3_600_000;
const MAX_SIGNAL = 64;
const MAX_TRACE_MS = 3_600_000;

/** What a connection is for: its first line. */
export type ControlRequest =
  | { do: "describe" }
  /** tells what images are being made, and when it is ready, or will not be */
  | { do: "await" }
  | { do: "stop"; graceMs?: number }
  /** to programs of the manifest; to all of them where none is named */
  | { do: "signal"; programs: string[]; number: number }
  /** something goes wrong in a domain or a device */
  | { do: "fault"; place: string; fault: FaultDescription }
  /** what the machine does is recorded for some time; the answer is JSON in pieces of output */
  | { do: "trace"; ms: number }
  | { do: "execute"; execution: Execution };

/** Further lines of who asked for `execute`. */
export type ExecutionInput =
  | { input: Uint8Array }
  | { endInput: true }
  | { resize: { rows: number; columns: number } }
  | { signal: number };

/** How a system is doing. */
export interface SystemState {
  state: "booting" | "starting" | "ready" | "not-ready" | "stopping";
  /** why it will not be ready */
  reason?: string;
  /** once it has booted */
  machine?: MachineState;
}

/** How far an image is that a machine needs. */
export type ImageProgress = Omit<Extract<MachineEvent, { kind: "image-progress" }>, "kind">;

/** What is answered. */
export type ControlAnswer =
  | { refused: string }
  | { done: true }
  | { state: SystemState }
  | { making: ImageProgress }
  | { ready: { ms: number } }
  | { notReady: string }
  /** the machine has ended, with the status of the command that ran it */
  | { stopped: number }
  | { admitted: number }
  | { output: Uint8Array; stream: SessionStream }
  | { ended: ExecutionEnd };

/** Somebody said what the protocol does not have. */
export class ProtocolError extends Error {}

type Fields = Record<string, unknown>;

function wrong(what: string): never {
  throw new ProtocolError(`Cannot understand ${what}`);
}

function fieldsOf(value: unknown, what: string): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Fields
    : wrong(what);
}

function parse(line: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    wrong("a line that is not JSON");
  }
  return fieldsOf(value, "a line that is no object");
}

function integer(value: unknown, max: number, what: string): number {
  return Number.isInteger(value) && value as number >= 0 && value as number <= max
    ? value as number
    : wrong(what);
}

const text = (value: unknown, what: string): string =>
  typeof value === "string" && !value.includes("\0") ? value : wrong(what);

function texts(value: unknown, what: string): string[] {
  if (!Array.isArray(value) || value.length > MAX_WORDS) return wrong(what);
  return value.map((each) => text(each, what));
}

function bytes(value: unknown, what: string): Uint8Array {
  if (typeof value !== "string") wrong(what);
  let decoded: Uint8Array;
  try {
    decoded = Uint8Array.fromBase64(value);
  } catch {
    return wrong(what);
  }
  return decoded.length <= MAX_PIECE_BYTES ? decoded : wrong(what);
}

function size(value: unknown): { rows: number; columns: number } {
  const { rows, columns } = fieldsOf(value, "a size");
  return { rows: integer(rows, 0xffff, "rows"), columns: integer(columns, 0xffff, "columns") };
}

function execution(value: unknown): Execution {
  const { words, env, cwd, uid, gid, terminal } = fieldsOf(value, "a program to run");
  const said = texts(words, "words");
  return {
    words: said.length > 0 ? said : wrong("a program without a name"),
    env: Object.fromEntries(
      Object.entries(fieldsOf(env, "an environment")).map((
        [name, value],
      ) => [text(name, "a name"), text(value, "a value")]),
    ),
    cwd: text(cwd, "a directory"),
    uid: integer(uid, limits.id.max, "a user"),
    gid: integer(gid, limits.id.max, "a group"),
    ...(terminal === undefined ? {} : { terminal: size(terminal) }),
  };
}

function fault(value: unknown): FaultDescription {
  const { kind, byMs, forMs, rate, seed } = fieldsOf(value, "a fault");
  if (rate !== undefined && !(typeof rate === "number" && rate >= 0 && rate <= 1)) wrong("a rate");
  return {
    kind: Object.hasOwn(faultPlaces, text(kind, "a kind of fault"))
      ? kind as FaultDescription["kind"]
      : wrong("a kind of fault"),
    ...(byMs === undefined ? {} : { byMs: integer(byMs, limits.slowMs.max, "a time") }),
    ...(forMs === undefined ? {} : { forMs: integer(forMs, limits.faultMs.max, "a time") }),
    ...(rate === undefined ? {} : { rate: rate as number }),
    ...(seed === undefined ? {} : { seed: integer(seed, limits.seed.max, "a seed") }),
  };
}

const steps: Record<ImageProgress["step"], true> = {
  index: true,
  fetch: true,
  unpack: true,
  write: true,
  prepare: true,
  note: true,
};

function progress(value: unknown): ImageProgress {
  const { device, step, what, done, total } = fieldsOf(value, "progress");
  return {
    device: text(device, "a device"),
    step: Object.hasOwn(steps, text(step, "a step"))
      ? step as ImageProgress["step"]
      : wrong("a step"),
    what: text(what, "progress"),
    done: integer(done, Number.MAX_SAFE_INTEGER, "progress"),
    total: integer(total, Number.MAX_SAFE_INTEGER, "progress"),
  };
}

/** @throws ProtocolError */
export function readRequest(line: string): ControlRequest {
  const fields = parse(line);
  switch (fields.do) {
    case "describe":
    case "await":
      return { do: fields.do };
    case "stop":
      return fields.graceMs === undefined
        ? { do: "stop" }
        : { do: "stop", graceMs: integer(fields.graceMs, MAX_GRACE_MS, "a time") };
    case "signal":
      return {
        do: "signal",
        programs: texts(fields.programs, "programs"),
        number: integer(fields.number, MAX_SIGNAL, "a signal"),
      };
    case "fault":
      return { do: "fault", place: text(fields.place, "a place"), fault: fault(fields.fault) };
    case "trace":
      return { do: "trace", ms: integer(fields.ms, MAX_TRACE_MS, "a time") };
    case "execute":
      return { do: "execute", execution: execution(fields.execution) };
    default:
      return wrong("what is asked for");
  }
}

/** @throws ProtocolError */
export function readExecutionInput(line: string): ExecutionInput {
  const fields = parse(line);
  if (fields.input !== undefined) return { input: bytes(fields.input, "input") };
  if (fields.endInput === true) return { endInput: true };
  if (fields.resize !== undefined) return { resize: size(fields.resize) };
  if (fields.signal !== undefined) return { signal: integer(fields.signal, MAX_SIGNAL, "signal") };
  return wrong("what a program is told");
}

/** @throws ProtocolError */
export function readAnswer(line: string): ControlAnswer {
  const fields = parse(line);
  if (fields.refused !== undefined) return { refused: text(fields.refused, "a refusal") };
  if (fields.done === true) return { done: true };
  if (fields.ready !== undefined) {
    const { ms } = fieldsOf(fields.ready, "a time");
    return typeof ms === "number" ? { ready: { ms } } : wrong("a time");
  }
  if (fields.making !== undefined) return { making: progress(fields.making) };
  if (fields.notReady !== undefined) return { notReady: text(fields.notReady, "a reason") };
  if (fields.stopped !== undefined) return { stopped: integer(fields.stopped, 255, "a status") };
  if (fields.admitted !== undefined) {
    return { admitted: integer(fields.admitted, MAX_UNADMITTED_BYTES, "admitted bytes") };
  }
  if (fields.output !== undefined) {
    const { stream } = fields;
    if (stream !== "stdout" && stream !== "stderr") wrong("a stream");
    return { output: bytes(fields.output, "output"), stream };
  }
  if (fields.ended !== undefined) {
    const { status, signal, reason } = fieldsOf(fields.ended, "an end");
    return {
      ended: {
        status: integer(status, 255, "a status"),
        ...(signal === undefined ? {} : { signal: text(signal, "a signal") }),
        ...(reason === undefined ? {} : { reason: text(reason, "a reason") }),
      },
    };
  }
  if (fields.state !== undefined) {
    // The system's own process made it, and whoever reads it only shows it.
    return { state: fieldsOf(fields.state, "a state") as unknown as SystemState };
  }
  return wrong("an answer");
}

/** A message as a line, without its end. */
export function lineOf(message: ControlRequest | ExecutionInput | ControlAnswer): string {
  return JSON.stringify(
    message,
    (_name, value) => value instanceof Uint8Array ? value.toBase64() : value,
  );
}
