// A sample of a running system as tables for people.
import { table } from "../table.ts";
import type { Latencies, WatchSample } from "./watch_sample.ts";

/** Of the system calls, the busiest. */
const SHOWN_CALLS = 8;

/** A line about the system, then its domains, rings and programs. */
export function topText(sample: WatchSample): string {
  const { system, state, callsPerSecond, memoryBytes, restarts } = sample;
  const tables = [
    `${system}: ${state}, ${countText(callsPerSecond)} calls/s, ${
      mebibytes(memoryBytes)
    }, ${restarts} restart${restarts === 1 ? "" : "s"}`,
  ];
  if (sample.domains.length > 0) {
    tables.push(table(
      [
        "domain",
        "isolation",
        "state",
        "restarts",
        "memory",
        "calls/s",
        "p50",
        "p99",
        "p99.9",
        "cache hits",
        "doorbells/s",
        "spins/s",
      ],
      sample.domains.map((domain) => [
        domain.name,
        domain.isolation,
        domain.state,
        String(domain.restarts),
        mebibytes(domain.memoryBytes),
        countText(domain.callsPerSecond),
        ...latencyCells(domain),
        domain.pageCacheHitShare === undefined
          ? ""
          : `${(domain.pageCacheHitShare * 100).toFixed(1)}%`,
        countText(domain.doorbellsPerSecond),
        countText(domain.spinsPerSecond),
      ]),
    ));
  }
  if (sample.rings.length > 0) {
    tables.push(table(
      ["ring", "from", "to", "calls/s", "p50", "p99", "p99.9", "occupancy", "most", "copied/s"],
      sample.rings.map((ring) => [
        ring.name,
        ring.client,
        ring.server,
        countText(ring.callsPerSecond),
        ...latencyCells(ring),
        ring.ringOccupancy.toFixed(1),
        String(ring.ringOccupancyMost),
        bytesText(ring.bytesPerSecond),
      ]),
    ));
  }
  if (sample.programs.length > 0) {
    tables.push(table(
      ["program", "state", "health", "restarts"],
      sample.programs.map(({ name, state, status, signal, health, restarts }) => [
        name,
        state === "ended" ? `ended with ${signal ?? status}` : state,
        health ?? "",
        String(restarts),
      ]),
    ));
  }
  if (sample.busiest.length > 0) {
    tables.push(table(
      ["system call", "calls/s"],
      sample.busiest.slice(0, SHOWN_CALLS).map(({ name, callsPerSecond }) => [
        name,
        countText(callsPerSecond),
      ]),
    ));
  }
  return tables.join("\n\n");
}

function latencyCells({ latencyP50Ns, latencyP99Ns, latencyP999Ns }: Latencies): string[] {
  return [latencyP50Ns, latencyP99Ns, latencyP999Ns].map((ns) =>
    ns === undefined ? "" : timeText(ns)
  );
}

/** Nanoseconds with three digits and a unit. */
function timeText(ns: number): string {
  const [value, unit] = ns < 1e3
    ? [ns, "ns"]
    : ns < 1e6
    ? [ns / 1e3, "us"]
    : ns < 1e9
    ? [ns / 1e6, "ms"]
    : [ns / 1e9, "s"];
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ${unit}`;
}

function bytesText(bytes: number): string {
  return bytes < 2 ** 20 ? `${Math.round(bytes / 2 ** 10)} KiB` : mebibytes(bytes);
}

const countText = (value: number) => Math.round(value).toLocaleString("en");
const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
