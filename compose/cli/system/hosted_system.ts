// A system that this process runs, as other commands find it: its name is taken, its log is written, and its
// control socket answers.
import {
  type ControlledMachine,
  ControlServer,
} from "../../../runtime/boot/control/control_server.ts";
import { STOP_GRACE_MS } from "../../../runtime/boot/program/program_supervisor.ts";
import type { MachineEvent, MachineReport } from "../../../runtime/report.ts";
import type { Plan } from "../../../schemas/plan.ts";
import { eventTextForLog } from "./event_text.ts";
import { Claim, socketOf } from "./system_folder.ts";
import { LogWriter } from "./system_log.ts";

export class HostedSystem {
  readonly #log: LogWriter;
  readonly #server: ControlServer;
  #lastText = "";
  #ending: Promise<void> | undefined;

  private constructor(
    private readonly name: string,
    private readonly claim: Claim,
    private readonly keeps: boolean,
    early: () => void,
  ) {
    this.#log = new LogWriter(claim.folder);
    this.#server = new ControlServer(socketOf(claim.folder), early);
  }

  /**
   * @param file absolute path of the manifest
   * @param keeps whether log and end can be asked for afterwards
   * @param early called when it is to stop before it has a machine
   * @throws NameTaken
   */
  static async open(
    { plan, file, keeps, early }: {
      plan: Plan;
      file: string;
      keeps: boolean;
      early: () => void;
    },
  ): Promise<HostedSystem> {
    const { name } = plan;
    const gracesMs = plan.programs.map(({ stop }) => stop?.timeoutMs ?? STOP_GRACE_MS);
    const record = { name, file, pid: Deno.pid, startedMs: Date.now(), gracesMs };
    return new HostedSystem(name, await Claim.take(record), keeps, early);
  }

  attach(machine: ControlledMachine): void {
    this.#server.attach(machine);
  }

  output(program: string, bytes: Uint8Array, stream: "stdout" | "stderr"): void {
    this.#log.write(program, bytes, stream);
  }

  /** One more line of its log. */
  note(text: string): void {
    this.#log.note(text);
  }

  event(event: MachineEvent): void {
    const text = eventTextForLog(event, this.name);
    if (text !== undefined) this.#log.note(this.#lastText = text);
    this.#server.hear(event);
  }

  /** It is over. @param outcome its report, or why there is none */
  end(status: number, outcome: MachineReport | string): Promise<void> {
    return this.#ending ??= this.#end(status, outcome);
  }

  async #end(status: number, outcome: MachineReport | string): Promise<void> {
    const reason = typeof outcome === "string" ? outcome : undefined;
    if (reason !== undefined && !this.#lastText.includes(reason)) this.#log.note(reason);
    this.#log.close();
    const end = typeof outcome === "string" ? { reason: outcome } : { report: outcome };
    // Whoever is told that it has ended finds it so.
    if (this.keeps) this.claim.leave({ status, endedMs: Date.now(), ...end });
    else this.claim.forget();
    await this.#server.end(status, reason);
  }
}
