// What kernel code of a domain has of the host: clocks, randomness, memory, and a way to say something.
import { createDomainMemory } from "../kernel/domain_memory.ts";
import type { Environment } from "../kernel/environment.ts";
import { Tasks } from "../kernel/coroutine.ts";
import { Recorder } from "../trace/recorder.ts";

/** Milliseconds since 1970, by a clock that does not jump. */
function epochMs(): number {
  return performance.timeOrigin + performance.now();
}

/** What the host gives of randomness at a time. */
const RANDOM_BYTES = 65_536;

function random(into: Uint8Array): void {
  for (let at = 0; at < into.length; at += RANDOM_BYTES) {
    const bytes = new Uint8Array(Math.min(RANDOM_BYTES, into.length - at));
    into.set(crypto.getRandomValues(bytes), at);
  }
}

/**
 * @param nowNs nanoseconds of a clock that does not jump
 * @param memory of the domain @param address where it lies in the machine's
 * @param trace where its thread records what it does
 * @param keep memory that outlives the domain
 */
export function kernelEnvironment(
  nowNs: () => number,
  memory: ArrayBufferLike,
  address: number,
  trace: ArrayBufferLike,
  log: (line: string) => void,
  keep?: ArrayBufferLike,
): Environment & { tasks: Tasks } {
  return {
    nowNs,
    realtimeNs: () => BigInt(Math.round(epochMs() * 1e3)) * 1000n,
    random,
    tasks: new Tasks(nowNs, new Recorder(trace, epochMs)),
    memory: createDomainMemory(memory, address),
    log,
    ...(keep === undefined ? {} : { keep: new Uint8Array(keep) }),
  };
}
