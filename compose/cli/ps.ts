// `compose ps`: the systems of this user, and how they are doing.
import { Command } from "@cliffy/command";
import { ProtocolError, type SystemState } from "../../runtime/boot/control/control_protocol.ts";
import type { ProgramReport, ProgramState } from "../../runtime/report.ts";
import { ControlClient, Refused } from "./system/control_client.ts";
import { durationText } from "./duration.ts";
import { findSystem } from "./system/find_system.ts";
import type { Shared } from "./input.ts";
import { listSystems, type SystemEntry } from "./system/system_folder.ts";
import { table } from "./table.ts";

/** A system that says nothing for this long is shown as one that does not answer. */
const PATIENCE_MS = 2000;

/** What is told of a system: its record, and its state or its end. */
type Shown = Omit<SystemEntry, "folder"> & { now?: SystemState };

export const psCommand = new Command()
  .description(
    "List the systems that run, with their domains and programs.\n" +
      "Those that ended in the background are listed until `compose down` forgets\n" +
      "them.",
  )
  .arguments("[system:string:system]")
  .example("All", "compose ps")
  .example("One, by its name or its manifest", "compose ps examples/quickstart.yaml")
  .example("For a script", "compose ps --json")
  .action(async (options: Shared, given?: string) => {
    const entries = given === undefined ? listSystems() : [findSystem(given)];
    const shown = await Promise.all(entries.map(look));
    if (options.json) return console.log(JSON.stringify({ systems: shown }, null, 2));
    if (shown.length === 0) return console.log("no system is running");
    console.log(systemsText(shown, Date.now()));
  });

async function look({ folder, ...entry }: SystemEntry): Promise<Shown> {
  if (entry.end !== undefined) return entry;
  try {
    const answer = await ControlClient.once(folder, { do: "describe" }, PATIENCE_MS);
    return answer !== undefined && "state" in answer ? { ...entry, now: answer.state } : entry;
  } catch (failure) {
    if (failure instanceof Refused || failure instanceof ProtocolError) return entry;
    throw failure;
  }
}

/** Systems as a table, then one of domains and one of programs. @param nowMs of the host's clock */
export function systemsText(systems: Shown[], nowMs: number): string {
  const tables = [table(
    ["system", "state", "up", "process", "file"],
    systems.map((system) => [
      system.name,
      stateText(system),
      durationText((system.end?.endedMs ?? nowMs) - system.startedMs),
      system.end === undefined ? String(system.pid) : "",
      system.file,
    ]),
  )];
  const domains = systems.flatMap(({ name, now }) =>
    (now?.machine?.domains ?? []).map((domain) => [
      name,
      domain.name,
      domain.isolation,
      domain.state,
      String(domain.generation),
      String(domain.restarts),
      `${Math.round(domain.memoryBytes / 2 ** 20)} MiB`,
    ])
  );
  if (domains.length > 0) {
    const head = ["system", "domain", "isolation", "state", "generation", "restarts", "memory"];
    tables.push(table(head, domains));
  }
  const programs = systems.flatMap(({ name, now, end }) =>
    now?.machine?.programs.map((program) => [name, ...programCells(program)]) ??
      end?.report?.programs.map((program) => [name, ...endedCells(program)]) ?? []
  );
  if (programs.length > 0) {
    tables.push(
      table(["system", "program", "state", "ended with", "health", "restarts"], programs),
    );
  }
  return tables.join("\n\n");
}

function stateText({ now, end }: Shown): string {
  if (end !== undefined) return `ended with ${end.status}`;
  if (now === undefined) return "does not answer";
  return now.state === "not-ready" ? `not ready: ${now.reason}` : now.state;
}

function programCells(program: ProgramState): string[] {
  const { name, state, status, signal, health, restarts } = program;
  return [name, state, String(signal ?? status ?? ""), health ?? "", String(restarts)];
}

function endedCells({ name, status, signal, restarts }: ProgramReport): string[] {
  return [name, "ended", String(signal ?? status), "", String(restarts ?? 0)];
}
