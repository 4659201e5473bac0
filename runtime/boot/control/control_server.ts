// The control socket of a running system: answers questions about its machine, runs further programs on it
// and stops it. The folder of the socket admits its owner alone; who connects is nobody else.
import type { RunningMachine } from "../../boot.ts";
import type { MachineEvent } from "../../report.ts";
import { LineConnection } from "./control_lines.ts";
import {
  type ControlAnswer,
  type ImageProgress,
  lineOf,
  MAX_PIECE_BYTES,
  MAX_UNADMITTED_BYTES,
  ProtocolError,
  readExecutionInput,
  readRequest,
  type SystemState,
} from "./control_protocol.ts";
import type { Execution } from "../session/executions.ts";

const SIGHUP = 1, SIGKILL = 9;
/** How long whoever asked has to take the last answers. */
const CLOSE_MS = 500;
/** Connections at a time: a bound for somebody who opens them in a loop. */
const MAX_CONNECTIONS = 64;

/** The machine, as it may be acted upon from outside. */
export type ControlledMachine = Pick<
  RunningMachine,
  "look" | "trace" | "execute" | "signal" | "inject" | "stop"
>;

/** Whether the system got ready. */
type Outcome = Extract<ControlAnswer, { ready: unknown } | { notReady: unknown }>;

export class ControlServer {
  readonly #listener: Deno.UnixListener;
  readonly #connections = new Set<LineConnection>();
  readonly #serving: Promise<void>;
  #machine: ControlledMachine | undefined;
  #outcome: Outcome | undefined;
  readonly #awaiting = new Set<(making: ImageProgress) => void>();
  readonly #decided = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<number>();
  #ending: Promise<void> | undefined;
  #stopWanted: { graceMs?: number } | undefined;

  /**
   * @param path of the socket, which is not there yet
   * @param early called when it is to stop before there is a machine
   */
  constructor(path: string, private readonly early: () => void) {
    this.#listener = Deno.listen({ transport: "unix", path });
    this.#serving = this.#accept();
  }

  /** From here on there is a machine. */
  attach(machine: ControlledMachine): void {
    this.#machine = machine;
    if (this.#stopWanted !== undefined) this.#stop(this.#stopWanted.graceMs);
  }

  /** What happens to the machine. */
  hear(event: MachineEvent): void {
    if (event.kind === "ready") this.#decide({ ready: { ms: event.ms } });
    else if (event.kind === "not-ready") this.#decide({ notReady: event.reason });
    else if (event.kind === "image-progress") {
      const { kind: _, ...making } = event;
      for (const tell of this.#awaiting) tell(making);
    }
  }

  /** Whoever waits for the end is told of it, and the socket is gone. @param status of the command */
  end(status: number, reason = `it ended with ${status}`): Promise<void> {
    return this.#ending ??= this.#end(status, reason);
  }

  async #end(status: number, reason: string): Promise<void> {
    this.#decide({ notReady: reason });
    this.#ended.resolve(status);
    this.#listener.close();
    await this.#serving;
    // Answers are queued by now, or will be in the turns of those who wait.
    await new Promise((resolve) => setTimeout(resolve));
    const closed = Promise.all([...this.#connections].map((connection) => connection.close()));
    // Whoever does not read its answer does not keep the system from ending.
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, CLOSE_MS))]);
  }

  /** What is told first is what whoever waits hears; a system that was not ready may be later. */
  #decide(outcome: Outcome): void {
    if (this.#outcome === undefined || "ready" in outcome) this.#outcome = outcome;
    this.#decided.resolve();
  }

  async #accept(): Promise<void> {
    for await (const accepted of this.#listener) {
      if (this.#connections.size >= MAX_CONNECTIONS) {
        accepted.close();
        continue;
      }
      const connection = new LineConnection(accepted);
      this.#connections.add(connection);
      void this.#serve(connection).catch((failure) =>
        connection.send(lineOf({ refused: (failure as Error).message })).catch(() => {})
      ).finally(() => {
        this.#connections.delete(connection);
        return connection.close();
      });
    }
  }

  async #serve(connection: LineConnection): Promise<void> {
    const lines = connection.lines(), first = await lines.next();
    if (first.done) return;
    const request = readRequest(first.value);
    const answer = (answer: ControlAnswer) => connection.send(lineOf(answer));
    switch (request.do) {
      case "describe":
        return await answer({ state: await this.#describe() });
      case "await":
        return await this.#await(answer);
      case "stop":
        this.#stop(request.graceMs);
        return await answer({ stopped: await this.#ended.promise });
      case "signal":
        await this.#signal(request.programs, request.number);
        return await answer({ done: true });
      case "fault":
        (this.#machine ?? notBooted()).inject(request.place, request.fault);
        return await answer({ done: true });
      case "trace":
        return await this.#trace(request.ms, lines, answer);
      case "execute":
        return await this.#execute(request.execution, lines, answer);
    }
  }

  async #await(answer: (answer: ControlAnswer) => Promise<void>): Promise<void> {
    let telling = false;
    // Who looks at progress need not see all of it: one piece is under way at a time.
    const tell = (making: ImageProgress) => {
      if (telling) return;
      telling = true;
      answer({ making }).then(() => telling = false, () => {});
    };
    this.#awaiting.add(tell);
    await this.#decided.promise;
    this.#awaiting.delete(tell);
    await answer(this.#outcome!);
  }

  async #describe(): Promise<SystemState> {
    if (this.#stopWanted !== undefined) return { state: "stopping" };
    if (this.#machine === undefined) return { state: "booting" };
    const outcome = this.#outcome;
    // A machine that ends meanwhile never answers.
    const machine = await Promise.race([this.#machine.look(), this.#ended.promise]);
    if (typeof machine === "number") return { state: "stopping" };
    if (outcome === undefined) return { state: "starting", machine };
    return "ready" in outcome
      ? { state: "ready", machine }
      : { state: "not-ready", reason: outcome.notReady, machine };
  }

  async #trace(
    ms: number,
    lines: AsyncGenerator<string, void, void>,
    answer: (answer: ControlAnswer) => Promise<void>,
  ): Promise<void> {
    // Nothing is traced for a caller that is gone: another one may want to.
    const caller = new AbortController(), gone = () => caller.abort();
    void lines.next().then(gone, gone);
    const trace = await (this.#machine ?? notBooted()).trace(ms, caller.signal);
    const json = new TextEncoder().encode(JSON.stringify(trace));
    for (let sent = 0; sent < json.length; sent += MAX_PIECE_BYTES) {
      const output = json.subarray(sent, sent + MAX_PIECE_BYTES);
      await answer({ output, stream: "stdout" });
    }
    await answer({ done: true });
  }

  #stop(graceMs: number | undefined): void {
    this.#stopWanted ??= { graceMs };
    if (this.#machine === undefined) return this.early();
    this.#machine.stop(graceMs).catch(() => {});
  }

  async #signal(named: string[], number: number): Promise<void> {
    const machine = this.#machine ?? notBooted();
    const known = (await machine.look()).programs.map(({ name }) => name);
    const unknown = named.find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw new Error(`There is no program "${unknown}": known: ${known.join(", ")}`);
    }
    for (const name of named.length === 0 ? known : named) machine.signal(name, number);
  }

  async #execute(
    execution: Execution,
    lines: AsyncGenerator<string, void, void>,
    answer: (answer: ControlAnswer) => Promise<void>,
  ): Promise<void> {
    const machine = this.#machine ?? notBooted();
    const program = machine.execute(
      execution,
      (output, stream) => answer({ output, stream }),
    );
    let over = false, unadmitted = 0;
    const ended = program.ended.then(async (end) => {
      over = true;
      await answer({ ended: end });
    });
    const reading = (async () => {
      for await (const line of lines) {
        const told = readExecutionInput(line);
        if ("input" in told) {
          unadmitted += told.input.length;
          if (unadmitted > MAX_UNADMITTED_BYTES) throw new ProtocolError("too much input");
          void program.input(told.input).then(() => {
            unadmitted -= told.input.length;
            return answer({ admitted: told.input.length });
          }).catch(() => {});
        } else if ("endInput" in told) program.endInput();
        else if ("resize" in told) program.resize(told.resize);
        else program.signal(told.signal);
      }
    })();
    try {
      await Promise.race([ended, reading]);
    } finally {
      // Whoever ran it is gone, as when a terminal hangs up.
      if (!over) {
        program.signal(SIGHUP);
        program.signal(SIGKILL);
      }
    }
  }
}

function notBooted(): never {
  throw new Error("the system has not booted yet");
}
