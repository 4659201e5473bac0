// Declared faults: each is at one place that can have it, at one kind of moment, and says what it needs.
import { faultPlaces, requestsOfCalls } from "../../schemas/faults.ts";
import { suggest } from "../diagnostic/suggest.ts";
import { requestsOf, requestSources } from "../plan/faults.ts";
import type { Context, Rule } from "./context.ts";

type Fault = Context["system"]["faults"][number];

const MOMENTS = ["after", "at", "random"] as const;
/** Faults that last: others are over when they have happened, or end the domain's instance. */
const LASTING: Fault["kind"][] = ["slow", "disk-error", "disk-full", "packet-loss"];

export const checkInjectedFaults: Rule = (context) => {
  context.system.faults.forEach((fault, index) => {
    if (!checkPlace(context, fault, index)) return;
    checkWants(context, fault, index);
    checkMoment(context, fault, index);
  });
};

/** @returns whether the fault is at a place of the machine */
function checkPlace({ system, report, at }: Context, fault: Fault, index: number): boolean {
  const { domain, device, kind } = fault, place = ["faults", index] as const;
  if ((domain === undefined) === (device === undefined)) {
    report({
      code: "E1201",
      message: domain === undefined
        ? `nothing says where the fault "${kind}" is`
        : `the fault "${kind}" is both in a domain and in a device`,
      span: domain === undefined ? at(...place, "kind") : at(...place, "device"),
      hint: `one of domain and device: "${kind}" is in a ${faultPlaces[kind]}`,
    });
    return false;
  }
  const what = domain === undefined ? "device" : "domain", name = (domain ?? device)!;
  const known = domain === undefined
    ? Object.keys(system.machine.devices)
    : Object.keys(system.domains).filter((each) => !system.domains[each].primary);
  if (!known.includes(name)) {
    const primary = system.domains[name]?.primary && domain !== undefined;
    report({
      code: "E1202",
      message: primary
        ? `domain "${name}" is the primary, which ends with its machine`
        : `unknown ${what} "${name}"`,
      span: at(...place, what),
      hint: primary ? "faults are contained in service domains" : suggest(name, known),
    });
    return false;
  }
  const here = domain === undefined ? system.machine.devices[name].model : "domain";
  if (faultPlaces[kind] === here) return true;
  const fitting = Object.entries(faultPlaces).flatMap(([each, where]) =>
    where === here ? [each] : []
  );
  report({
    code: "E1203",
    message: `"${kind}" does not happen in ${here === "domain" ? "domains" : `a ${here}`}`,
    span: at(...place, "kind"),
    related: [{ span: at(...place, what), message: `"${name}" is one` }],
    hint: fitting.length === 0
      ? `"${kind}" is for a ${faultPlaces[kind]}`
      : `here: ${fitting.join(", ")}`,
  });
  return false;
}

/** What the kind of fault needs, and what means nothing with it. */
function checkWants({ system, report, at, key }: Context, fault: Fault, index: number): void {
  const { domain, kind } = fault, place = ["faults", index] as const;
  const wanted = kind === "slow" ? "by" : kind === "packet-loss" ? "rate" : undefined;
  if (wanted !== undefined && fault[wanted] === undefined) {
    report({
      code: "E1206",
      message: `the fault "${kind}" does not say ${wanted === "by" ? "by how much" : "how many"}`,
      span: at(...place, "kind"),
      hint: wanted === "by" ? "by: 5ms" : "rate: 10000 (of a million frames)",
    });
  }
  for (const field of ["by", "rate", "for"] as const) {
    const fits = field === "for" ? LASTING.includes(kind) : field === wanted;
    if (fault[field] === undefined || fits) continue;
    report({
      code: "E1206",
      message: `"${field}" means nothing to the fault "${kind}"`,
      span: key(...place, field),
      hint: `leave out ${field}`,
    });
  }
  if (domain === undefined) return;
  const { isolation = "process", devices } = system.domains[domain];
  if (isolation === "none" || isolation === "worker" && kind === "exhaust") {
    report({
      code: "E1207",
      message: `isolation "${isolation}" of domain "${domain}" does not contain "${kind}"`,
      span: at(...place, "kind"),
      related: [{ span: at("domains", domain, "isolation"), message: "kept apart like this" }],
      hint: "isolation: process does",
    });
  } else if (kind === "wild-dma" && devices.length === 0) {
    report({
      code: "E1207",
      message: `domain "${domain}" has no device that could reach for memory of others`,
      span: at(...place, "kind"),
      hint: `"crash" is a fault of any domain`,
    });
  }
}

function checkMoment(context: Context, fault: Fault, index: number): void {
  const { system, placement, report, at, key } = context, place = ["faults", index] as const;
  const said = MOMENTS.filter((each) => fault[each] !== undefined);
  if (said.length !== 1) {
    report({
      code: "E1204",
      message: said.length === 0
        ? `nothing says when the fault "${fault.kind}" happens`
        : `the fault "${fault.kind}" has several moments: ${said.join(", ")}`,
      span: said.length === 0 ? at(...place, "kind") : key(...place, said[1]),
      hint: "one of after: { count: 100 }, at: 2s and random: { seed: 7, mean: 500ms }",
    });
    return;
  }
  const { random } = fault;
  if (random !== undefined && (random.mean === undefined) === (random.count === undefined)) {
    report({
      code: "E1204",
      message: random.mean === undefined
        ? "nothing says how far apart the moments are"
        : "the moments are both times and requests",
      span: key(...place, "random"),
      hint: "one of mean: 500ms and count: 300",
    });
  }
  if (random?.call !== undefined && random.mean !== undefined) {
    report({
      code: "E1204",
      message: "requests are not counted where moments are times",
      span: at(...place, "random", "call"),
      hint: "count: 300 in place of mean",
    });
  }
  const call = fault.after?.call ?? random?.call;
  if (call === undefined) return;
  const sources = requestSources(system, placement, fault);
  const known = sources.flatMap((source) => Object.keys(requestsOf(source)));
  if (known.includes(call)) return;
  const stands = requestsOfCalls[call];
  const where = fault.device === undefined ? `domain "${fault.domain}"` : `a ${sources[0]}`;
  report({
    code: "E1205",
    message: `${where} has no request "${call}"`,
    span: at(...place, fault.after === undefined ? "random" : "after", "call"),
    hint: stands !== undefined && sources.some((source) =>
        source === "files" || source === "sockets"
      )
      ? `what programs ask for as ${call} comes as ${stands}`
      : suggest(call, known),
  });
}
