// A running machine on its host: makes its images and memory, starts its threads and domains, and takes
// them down in the order in which they need each other.
import type { TerminalSize } from "../hardware/device/virtio.ts";
import { mappedMemoryAvailable } from "../hypervisor/memory/linux_memory.ts";
import { outstandingRequests } from "../hypervisor/ring/layout.ts";
import { readRingCounts } from "../hypervisor/ring/ring_counters.ts";
import { faultPlaces } from "../../schemas/faults.ts";
import { limits } from "../../schemas/limits.ts";
import type { DomainPlan, FaultDescription, Plan } from "../../schemas/plan.ts";
import type { ChromeTrace } from "../trace/chrome_trace.ts";
import type { BootOptions, RunningMachine } from "../boot.ts";
import type { DomainState, MachineEvent, MachineReport, MachineState } from "../report.ts";
import { CodeFile } from "./image/code_file.ts";
import { Consoles, portsOf, withTerminal } from "./consoles.ts";
import { DeviceThread } from "./device/device_thread.ts";
import { FaultSchedule } from "./fault_schedule.ts";
import { hardwareOf } from "./hardware.ts";
import { HartThread } from "./hart/hart_thread.ts";
import type { HartCounters } from "./hart/hart_worker.ts";
import { prepareImages } from "./image/images.ts";
import { MachineMemory } from "./machine_memory.ts";
import {
  type Execution,
  Executions,
  type OutputTaker,
  type RunningProgram,
} from "./session/executions.ts";
import { checkHealth, type CheckingMachine } from "./program/health_checks.ts";
import { callCounts, type Counted, countsOf, makeReport, ringStates } from "./machine_report.ts";
import { MachineTracer } from "./machine_trace.ts";
import { ProgramSupervisor } from "./program/program_supervisor.ts";
import { fetchRemoteModules } from "./remote_modules.ts";
import { type BaseImage, prepareRootFileSystems } from "./image/root_file_systems.ts";
import { ServiceDomains } from "./domain/service_domains.ts";

export class Machine implements RunningMachine {
  readonly #plan: Plan;
  readonly #ended = Promise.withResolvers<void>();
  readonly #startedMs = performance.now();
  readonly #programs: ProgramSupervisor;
  readonly #executions = new Executions((request) => this.#hart.session(request));
  #memory!: MachineMemory;
  #devices!: DeviceThread;
  #hart!: HartThread;
  #domains!: ServiceDomains;
  #tracer!: MachineTracer;
  /** the trace that somebody waits for: its memory has to stay */
  #tracing: Promise<unknown> | undefined;
  #consoles!: Consoles;
  #report: Promise<MachineReport> | undefined;
  readonly #faults: FaultSchedule;
  #booted = false;

  constructor(plan: Plan, private readonly options: BootOptions) {
    this.#plan = withTerminal(plan, options.terminal);
    this.#faults = new FaultSchedule(
      plan.faults ?? [],
      (fault) => this.#hart.gone || this.inject(fault.place, fault),
    );
    const checking: CheckingMachine = {
      execute: (execution, take) => this.execute(execution, take),
      probe: (port) => this.#executions.probe(port),
    };
    this.#programs = new ProgramSupervisor(this.#plan.programs, {
      start: (program) => this.#hart.start(program),
      signal: (program, number) => this.#hart.signal(program, number),
      check: (program, signal) => checkHealth(checking, program, signal),
      after: (ms, act) => {
        const timer = setTimeout(act, ms);
        return () => clearTimeout(timer);
      },
      nowMs: () => performance.now(),
      event: (event) => options.onEvent?.(event),
      over: () => this.#ended.resolve(),
    }, options.stays);
    // Whoever waits hears of it; before that nobody has to.
    this.#ended.promise.catch(() => {});
  }

  async start(): Promise<void> {
    const plan = this.#plan, { signal } = this.options;
    const event = (event: MachineEvent) => this.options.onEvent?.(event);
    prepareImages(plan, event);
    const bases = await prepareRootFileSystems(
      plan,
      (device) => (progress) => event({ kind: "image-progress", device, ...progress }),
      async (preparation, options) => {
        const machine = new Machine(preparation, { engine: this.options.engine, ...options });
        await machine.start();
        return machine;
      },
      signal,
    );
    for (const [device, { base }] of bases) event({ kind: "image-ready", device, image: base });
    signal?.throwIfAborted();
    event({ kind: "images-ready" });
    const services = plan.domains.filter((domain) =>
      !domain.primary && domain.isolation !== "none"
    );
    const mapped = services.some((domain) => domain.isolation === "process");
    if (mapped && !mappedMemoryAvailable()) {
      throw new Error(
        'Cannot start domains with isolation "process": that needs Linux and --allow-ffi; "worker" needs neither',
      );
    }
    try {
      await fetchRemoteModules();
      await this.#startThreads(services, bases, mapped);
    } catch (failure) {
      await this.#abandon();
      throw failure;
    }
    this.#consoles.open();
    this.#hart.run();
    signal?.addEventListener("abort", () => this.#programs.stop());
    if (signal?.aborted) this.#programs.stop();
  }

  /** Starts the devices, the hart and the service domains: each loads while the others do. */
  async #startThreads(
    services: DomainPlan[],
    bases: Map<string, BaseImage>,
    mapped: boolean,
  ): Promise<void> {
    const plan = this.#plan;
    const event = (event: MachineEvent) => this.options.onEvent?.(event);
    const memory = this.#memory = new MachineMemory(plan, services);
    const failed = (failure: Error) => this.#fail(failure);
    this.#devices = new DeviceThread(
      plan,
      memory,
      { bases, consolePorts: portsOf(plan.programs) },
      {
        event: (happened) => {
          event(happened);
          if (happened.kind === "iommu-fault") {
            this.#domains.reached(happened.device, happened.address);
          }
        },
        failed,
        output: (port, bytes) => this.#consoles.output(port, bytes),
      },
    );
    // Who wants to see what is translated wants to see all of it.
    const codeFile = this.options.onTranslated === undefined
      ? CodeFile.beside(
        [...bases.values()].map(({ base }) => base),
        (line) => event({ kind: "log", domain: "machine", line }),
      )
      : undefined;
    this.#hart = new HartThread(
      plan,
      memory,
      mapped && services.some((domain) => domain.isolation === "worker"),
      {
        event,
        failed,
        booted: () => this.#onBooted(),
        started: (program) => this.#programs.started(program),
        ended: (end) => this.#programs.ended(end),
        session: (message) => this.#executions.receive(message),
        strace: this.options.strace,
        translated: this.options.onTranslated,
        savedCode: (code) => codeFile?.write(code),
      },
      this.options.engine,
      codeFile === undefined ? undefined : { file: codeFile.read() },
    );
    this.#domains = new ServiceDomains(
      plan,
      services,
      memory,
      this.#hart,
      this.#devices,
      event,
      () => this.#programs.stop(),
      this.#startedMs,
    );
    this.#domains.prepare();
    this.#consoles = new Consoles(plan.programs, this.#devices, {
      input: this.options.input,
      terminal: this.options.terminal,
      output: this.options.onOutput,
      log: (line) => event({ kind: "log", domain: "console", line }),
    });
    this.#tracer = new MachineTracer(plan, memory);
    if (this.options.onTrace !== undefined) this.#tracer.begin();
    await this.#devices.ready;
    const primary = plan.domains.find((domain) => domain.primary)!;
    const { memory: own, windows } = memory.primary;
    await this.#devices.admit(primary, own, windows, memory.hartBell);
    await this.#hart.setUp(hardwareOf(plan, bases));
    await this.#domains.start();
  }

  /** Ends what there is of a machine that cannot go on. */
  async #abandon(): Promise<void> {
    this.#executions.close();
    await this.#domains?.stop();
    this.#hart?.terminate();
    this.#devices?.terminate();
  }

  #onBooted(): void {
    this.#booted = true;
    const ms = performance.now() - this.#startedMs;
    this.options.onEvent?.({ kind: "booted", ms });
    this.#programs.begin(ms);
    this.#faults.begin();
  }

  /** The machine cannot go on: its hart acknowledges nothing any more, or is as good as gone. */
  #fail(failure: Error): void {
    if (this.#hart !== undefined) this.#hart.gone = true;
    this.options.onEvent?.({ kind: "log", domain: "machine", line: failure.message });
    this.#ended.reject(failure);
  }

  signal(program: string, number: number): void {
    this.#hart.signal(program, number);
  }

  resize(size: TerminalSize): void {
    this.#consoles.resize(size);
  }

  async look(): Promise<MachineState> {
    const [counters, devices] = await Promise.all([
      this.#hart.counters(),
      this.#devices.counters(),
    ]);
    const counted = this.#counted(counters, devices.faults);
    const domains = this.#plan.domains.map((domain): DomainState => {
      const { name, isolation, memory } = domain;
      const supervisor = this.#domains.find(name);
      const up = supervisor === undefined || supervisor.ready;
      return {
        name,
        isolation,
        state: supervisor?.gone ? "gone" : up ? "running" : "restarting",
        memoryBytes: memory.sizeBytes +
          (supervisor === undefined ? counters.heapBytes : supervisor.counters.heapBytes),
        ...countsOf(counted, domain),
      };
    });
    return {
      programs: this.#programs.states,
      domains,
      rings: ringStates(counted),
      ready: this.#programs.ready,
      calls: counters.calls,
      callCounts: callCounts(counters),
      memoryBytes: domains.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
      restarts: domains.reduce((sum, { restarts }) => sum + restarts, 0),
      eventLoopTurns: { hart: counters.eventLoopTurns, devices: devices.eventLoopTurns },
    };
  }

  #counted(counters: HartCounters, faults: number[]): Counted {
    return {
      plan: this.#plan,
      counters,
      faults,
      rings: this.#memory.rings.map(({ buffer }) => ({
        ...readRingCounts(buffer),
        outstanding: outstandingRequests(buffer),
      })),
      supervisor: (domain) => this.#domains.find(domain),
    };
  }

  async trace(ms: number, signal?: AbortSignal): Promise<ChromeTrace> {
    this.#tracer.begin();
    // One that ends meanwhile is traced until then.
    const over = this.#ended.promise.catch(() => {});
    let timer: ReturnType<typeof setTimeout> | undefined;
    const passed = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
    const aborted = new Promise((resolve) => signal?.addEventListener("abort", resolve));
    const taken = Promise.race([over, passed, aborted]).then(() => {
      clearTimeout(timer);
      return this.#tracer.take();
    });
    this.#tracing = taken;
    return await taken;
  }

  execute(execution: Execution, take: OutputTaker): RunningProgram {
    if (!this.#booted || this.#hart.gone) throw new Error("The machine does not run programs now");
    const { min } = limits.userMemoryBytes, { userMemoryBytes } = this.#plan.machine;
    if (userMemoryBytes < min) {
      const MiB = (bytes: number) => `${Math.floor(bytes / 2 ** 20)} MiB`;
      throw new Error(
        `The machine has ${MiB(userMemoryBytes)} of memory for programs, which need ${MiB(min)}`,
      );
    }
    return this.#executions.start(execution, take);
  }

  kill(domain: string): void {
    this.#domains.kill(domain);
  }

  inject(place: string, fault: FaultDescription["kind"] | FaultDescription): void {
    if (!this.#booted || this.#hart.gone) {
      throw new Error("Nothing can go wrong in the machine now");
    }
    const description = typeof fault === "string" ? { kind: fault } : fault;
    if (faultPlaces[description.kind] === "domain") this.#domains.inject(place, description);
    else this.#devices.inject(place, description);
  }

  async stop(graceMs?: number): Promise<void> {
    this.#programs.stop(graceMs);
    this.#executions.hangUp();
    await this.wait();
  }

  wait(): Promise<MachineReport> {
    return this.#report ??= this.#finish();
  }

  async #finish(): Promise<MachineReport> {
    let failure: Error | undefined;
    await this.#ended.promise.catch((reason) => failure = reason);
    const seconds = (performance.now() - this.#startedMs) / 1000;
    this.#faults.end();
    this.#consoles.close();
    if (failure !== undefined) {
      await this.#abandon();
      throw failure;
    }
    // A loop is not ended from outside: it is asked to, and ends once its file systems are written back.
    const counters = await this.#hart.stop();
    this.#executions.close();
    await this.#domains.stop();
    const { faults } = await this.#devices.counters();
    await this.#devices.stop();
    if (this.options.onTrace !== undefined) this.options.onTrace(await this.#tracer.take());
    const report = makeReport(this.#counted(counters, faults), {
      programs: this.#programs.reports,
      recoveries: this.#domains.recoveries,
      seconds,
    });
    await this.#tracing;
    this.#memory.release();
    return report;
  }
}
