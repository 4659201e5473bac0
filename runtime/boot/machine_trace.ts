// Traces of a machine: has its threads record what they do, and puts together what they have recorded.
import { Private } from "../kernel/vfs/protocol.ts";
import { SocketCall } from "../kernel/network/protocol.ts";
import { DiskCall, FrameCall } from "../kernel/remote/transport/payload_flow.ts";
import { type ChromeTrace, chromeTrace } from "../trace/chrome_trace.ts";
import { beginTrace, endTrace, PAGE_FAULT, readTrace } from "../trace/recorder.ts";
import type { Span } from "../trace/spans.ts";
import type { Plan } from "../../schemas/plan.ts";
import { systemCall } from "../../schemas/syscalls.ts";
import type { MachineMemory } from "./machine_memory.ts";

/** After nobody traces any more, records that were under way may come for about this long. */
const SETTLE_MS = 20;

/** Calls between kernels, which no program makes, by their numbers. */
const internal = new Map<number, string>(
  [Private, DiskCall, FrameCall, SocketCall].flatMap((calls) => Object.entries(calls)).map((
    [name, number],
  ) => [
    number,
    name.toLowerCase().replaceAll("_", " "),
  ]),
);
/** Block requests as virtio names them (virtio 1.2, 5.2.6). */
const operations: Record<number, string> = {
  0: "read",
  1: "write",
  4: "flush",
  11: "discard",
  13: "write zeroes",
};

export class MachineTracer {
  #tracing = false;

  constructor(private readonly plan: Plan, private readonly memory: MachineMemory) {}

  /** From here on every thread records. @throws Error where they do already */
  begin(): void {
    if (this.#tracing) throw new Error("The machine is being traced already");
    this.#tracing = true;
    const baseMs = performance.timeOrigin + performance.now();
    for (const { buffer } of this.memory.traces.values()) beginTrace(buffer, baseMs);
  }

  /** Ends the tracing. @returns what there is of it */
  async take(): Promise<ChromeTrace> {
    const { traces } = this.memory;
    for (const { buffer } of traces.values()) endTrace(buffer);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const { plan } = this;
    const threads = [...plan.domains.map(({ name }) => name), undefined].flatMap((domain) => {
      const buffer = this.memory.traceOf(domain)?.buffer;
      return buffer === undefined ? [] : [{ process: domain ?? "devices", ...readTrace(buffer) }];
    });
    this.#tracing = false;
    return chromeTrace(plan.name, threads, {
      ring: (index) => plan.rings[index]?.name ?? `ring ${index}`,
      device: (id) => plan.machine.devices.find((each) => each.id === id)?.name ?? `device ${id}`,
      span: nameOf,
    });
  }
}

function nameOf({ kind, number }: Span): string {
  if (kind === "device") return `queue ${number}`;
  if (kind === "request") return operations[number] ?? `request ${number}`;
  if (kind === "call" && number === PAGE_FAULT) return "page fault";
  return systemCall(number)?.name ?? internal.get(number) ?? `call ${number}`;
}
