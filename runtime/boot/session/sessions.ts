// Programs that somebody runs on a machine that is already running, in the thread of its kernel: each is a
// session of its own, with a terminal or with three streams that are messages.
import { type Coroutine, finish, type Tasks } from "../../kernel/coroutine.ts";
import { E, Errno } from "../../kernel/errno.ts";
import type { Process } from "../../kernel/process/process.ts";
import { handlers, type Processes } from "../../kernel/process/process_component.ts";
import { openCalls } from "../../kernel/process/path/sys_open.ts";
import type { TerminalSize } from "../../hardware/device/virtio.ts";
import { ConsoleTty } from "../../kernel/process/tty/console_tty.ts";
import type { WindowSize } from "../../kernel/process/tty/tty.ts";
import { AT, O } from "../../kernel/vfs/constants.ts";
import { connectTo } from "../program/port_probe.ts";
import { CANNOT_START, enterDirectory, exitStatus, NOT_FOUND } from "../program/programs.ts";
import { startFailure } from "../program/start_failure.ts";
import { PipeInput, PipeOutput } from "./session_pipes.ts";
import { SessionInput, SessionOutput, TerminalLine } from "./session_streams.ts";

/** A program to run on a machine that runs. */
export interface Execution {
  /** its path in the machine, or its name where PATH leads to it, and its arguments */
  words: string[];
  /** its environment, besides what all programs of the machine have */
  env: Record<string, string>;
  /** its working directory */
  cwd: string;
  /** its user */
  uid: number;
  /** its group */
  gid: number;
  /** set where it is to have a terminal, of this size at first */
  terminal?: TerminalSize;
}

/** What a session is told, by its number. */
export type SessionRequest =
  | { kind: "execute"; session: number; execution: Execution }
  /** ends with 0 where a port of 127.0.0.1 takes connections */
  | { kind: "probe"; session: number; port: number }
  | { kind: "session-input"; session: number; bytes: Uint8Array }
  | { kind: "session-end-input"; session: number }
  | { kind: "session-taken"; session: number; stream: SessionStream; bytes: number }
  | { kind: "session-resize"; session: number; size: WindowSize }
  | { kind: "session-signal"; session: number; number: number };

/** What a session tells. */
export type SessionMessage =
  | { kind: "session-started"; session: number }
  | { kind: "session-output"; session: number; stream: SessionStream; bytes: Uint8Array }
  | { kind: "session-taken"; session: number; bytes: number }
  | { kind: "session-ended"; session: number; status: number; signal?: string; reason?: string };

/** What a program writes to; a terminal has the first one only. */
export type SessionStream = "stdout" | "stderr";

/** What a terminal is that has no device of its own, as stat(2) sees it. */
const PLACE_OF_TERMINALS = "/dev/null";

/** What a program reads from, and writes to: pipes, or what is at the other side of its terminal. */
type Streams = {
  kind: "pipes";
  input: PipeInput;
  outputs: Record<SessionStream, PipeOutput>;
} | {
  kind: "terminal";
  input: SessionInput;
  outputs: Record<SessionStream, SessionOutput>;
};

interface Session {
  streams: Streams;
  process: Process | undefined;
  terminal: ConsoleTty | undefined;
  size: WindowSize;
  /** sent before the program was there */
  early: number[];
}

export class Sessions {
  readonly #sessions = new Map<number, Session>();
  /** what ends a probe that waits */
  readonly #probes = new Map<number, () => void>();

  /** @param run has a process execute a file of the machine, which may be named as for `Execution` */
  constructor(
    private readonly processes: Processes,
    private readonly tasks: Tasks,
    private readonly run: (
      process: Process,
      file: string,
      env: Record<string, string>,
    ) => Coroutine<void>,
    private readonly post: (message: SessionMessage) => void,
  ) {}

  /** Does what is asked; a session that has ended is asked for nothing any more. */
  receive(request: SessionRequest): void {
    if (request.kind === "execute") return this.#execute(request.session, request.execution);
    if (request.kind === "probe") return this.#probe(request.session, request.port);
    if (request.kind === "session-signal") this.#probes.get(request.session)?.();
    const session = this.#sessions.get(request.session);
    if (session === undefined) return;
    switch (request.kind) {
      case "session-input":
        return session.streams.input.give(request.bytes);
      case "session-end-input":
        return session.streams.input.finish();
      case "session-taken":
        return session.streams.outputs[request.stream].taken(request.bytes);
      case "session-resize":
        session.size = request.size;
        return session.terminal?.resized();
      case "session-signal":
        return this.#signal(session, request.number);
    }
  }

  #execute(number: number, execution: Execution): void {
    const { words, uid, gid, terminal } = execution;
    const session: Session = {
      streams: this.#streams(number, terminal !== undefined),
      process: undefined,
      terminal: undefined,
      size: terminal ?? { rows: 0, columns: 0 },
      early: [],
    };
    this.#sessions.set(number, session);
    const whenEnded = (process: Process, reason?: string) =>
      this.processes.whenEnded(process, (status) => {
        this.#sessions.delete(number);
        this.processes.terminals.delete(process.pid);
        session.streams.input.finish();
        for (const stream of Object.values(session.streams.outputs)) stream.close();
        this.post({ kind: "session-ended", session: number, ...exitStatus(status), reason });
      });
    const name = words[0].split("/").at(-1)!;
    this.tasks.spawn(this.processes.start(name, words, uid, gid), (process, failure) => {
      if (failure !== undefined) {
        this.#sessions.delete(number);
        return this.#refuse(number, `cannot start ${words[0]}`, failure);
      }
      this.tasks.spawn(this.#begin(session, execution, process!), (_begun, failure) => {
        if (failure === undefined) {
          session.process = process;
          whenEnded(process!);
          this.post({ kind: "session-started", session: number });
          for (const signal of session.early) this.#signal(session, signal);
          return;
        }
        if (!(failure instanceof Errno)) throw failure;
        whenEnded(process!, startFailure(words[0], execution.cwd, failure));
        const status = failure.errno === E.ENOENT ? NOT_FOUND : CANNOT_START;
        this.processes.endThread(this.processes.startThread(process!), status << 8);
      });
    });
  }

  #streams(session: number, terminal: boolean): Streams {
    const taken = (bytes: number) => this.post({ kind: "session-taken", session, bytes });
    const send = (stream: SessionStream) => (bytes: Uint8Array) =>
      this.post({ kind: "session-output", session, stream, bytes });
    if (terminal) {
      const [stdout, stderr] = [
        new SessionOutput(send("stdout")),
        new SessionOutput(send("stderr")),
      ];
      return { kind: "terminal", input: new SessionInput(taken), outputs: { stdout, stderr } };
    }
    const [stdout, stderr] = [new PipeOutput(send("stdout")), new PipeOutput(send("stderr"))];
    return { kind: "pipes", input: new PipeInput(taken), outputs: { stdout, stderr } };
  }

  *#begin(session: Session, execution: Execution, process: Process): Coroutine<void> {
    const { streams } = session;
    if (streams.kind === "pipes") {
      const { input, outputs: { stdout, stderr } } = streams;
      for (const { end } of [input, stdout, stderr]) process.addDescription(end, false);
      for (const work of [input.fill(), stdout.drain(), stderr.drain()]) {
        this.tasks.spawn(work, (_value, failure) => {
          if (failure !== undefined) throw failure;
        });
      }
    } else {
      const { input, outputs } = streams;
      const fd = yield* finish(
        openCalls.openat(process, AT.FDCWD, PLACE_OF_TERMINALS, O.RDWR, 0),
      );
      const line = new TerminalLine(process.file(fd), input, outputs.stdout);
      session.terminal = new ConsoleTty(
        this.processes,
        line,
        0,
        process.session,
        () => session.size,
      );
      process.files.replace(fd, session.terminal.describe(O.RDWR), false);
      for (let more = 0; more < 2; more++) {
        process.addDescription(session.terminal.describe(O.RDWR), false);
      }
    }
    yield* enterDirectory(process, execution.cwd);
    yield* this.run(process, execution.words[0], execution.env);
  }

  #probe(session: number, port: number): void {
    this.tasks.spawn(this.processes.start("probe", ["probe"], 0, 0), (process, failure) => {
      if (failure !== undefined) return this.#refuse(session, `port ${port}`, failure);
      let ended = false;
      const task = this.tasks.spawn(connectTo(process!, port, handlers), (_connected, failure) => {
        if (failure !== undefined && !(failure instanceof Errno)) throw failure;
        this.#probes.delete(session);
        const reason = failure === undefined ? undefined : `port ${port}: ${failure}`;
        this.processes.whenEnded(
          process!,
          (status) => this.post({ kind: "session-ended", session, ...exitStatus(status), reason }),
        );
        const status = failure === undefined ? 0 : 1;
        this.processes.endThread(this.processes.startThread(process!), status << 8);
        ended = true;
      });
      if (!ended) this.#probes.set(session, () => task?.interrupt(new Errno(E.EINTR)));
    });
  }

  /** There is no process: nobody serves the root now, under the contract `error`. */
  #refuse(session: number, what: string, failure: unknown): void {
    if (!(failure instanceof Errno)) throw failure;
    const reason = `${what}: ${failure}`;
    this.post({ kind: "session-ended", session, status: CANNOT_START, reason });
  }

  #signal(session: Session, signal: number): void {
    const { process } = session;
    if (process === undefined) return void session.early.push(signal);
    for (const each of [...this.processes.all]) {
      if (each.session === process.pid) each.post({ signal, code: 0, pid: 0, uid: 0 });
    }
  }
}
