// Declared faults -> the plan: what their requests are called by number, and when those are due that are
// drawn from a seed. The same seed gives the same moments, in whichever system it is written.
import { deviceRequests, faultPlaces, ringRequests } from "../../schemas/faults.ts";
import type { System } from "../../schemas/manifest.ts";
import type { FaultPlan } from "../../schemas/plan.ts";
import { seededFraction } from "../../schemas/seeded_random.ts";
import type { Placement } from "./placement.ts";

type Fault = System["faults"][number];

/** Interfaces over which a domain is called by others, or the model of a device: where requests come in. */
export function requestSources(system: System, placement: Placement, fault: Fault): string[] {
  if (fault.device !== undefined) return [system.machine.devices[fault.device].model];
  const served = placement.edges.flatMap(({ from, interface: name, providers }) =>
    providers.some(({ space }) => space === fault.domain && space !== from.space) ? [name] : []
  );
  return [...new Set(served)];
}

/** The requests of an interface or a device model, by name. */
export function requestsOf(source: string): Record<string, number> {
  return ringRequests[source] ?? deviceRequests[source] ?? {};
}

export function planFaults(system: System, placement: Placement): FaultPlan[] {
  return system.faults.map((fault): FaultPlan => {
    const { domain, device, kind, by, rate, seed, for: lasts } = fault;
    return {
      place: (domain ?? device)!,
      at: domain === undefined ? "device" : "domain",
      kind,
      ...(by === undefined ? {} : { byMs: by }),
      ...(rate === undefined ? {} : { rate: rate / 1e6 }),
      ...(faultPlaces[kind] === "virtio-net" ? { seed } : {}),
      ...(lasts === undefined ? {} : { forMs: lasts }),
      ...planMoments(fault, requestSources(system, placement, fault)),
    };
  });
}

function planMoments(
  { after, at, random }: Fault,
  sources: string[],
): Pick<FaultPlan, "requests" | "atMs"> {
  const requests = (call: string | undefined, counts: number[]) => ({
    requests: {
      ...(call === undefined ? {} : { call }),
      numbers: call === undefined ? {} : Object.fromEntries(
        sources.flatMap((source) => {
          const number = requestsOf(source)[call];
          return number === undefined ? [] : [[source, number]];
        }),
      ),
      counts,
    },
  });
  if (after !== undefined) {
    return requests(after.call, new Array(after.times).fill(after.count));
  }
  if (random === undefined) return { atMs: [at!] };
  const { seed, mean, count, call, times } = random;
  const gaps = drawGaps(seed, (mean ?? count)!, times);
  if (count !== undefined) return requests(call, gaps.map((gap) => Math.max(1, Math.round(gap))));
  let moment = 0;
  return { atMs: gaps.map((gap) => Math.round(moment += gap)) };
}

/** Times between events that do not know of each other: they are distributed exponentially. */
function drawGaps(seed: number, mean: number, count: number): number[] {
  const draw = seededFraction(seed);
  return Array.from({ length: count }, () => -Math.log(1 - draw()) * mean);
}
