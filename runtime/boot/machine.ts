// A running machine on its host: makes its images and memory, starts its threads and domains, and takes
// them down in the order in which they need each other.
import type { TerminalSize } from "../hardware/device/virtio.ts";
import { mappedMemoryAvailable } from "../hypervisor/memory/linux_memory.ts";
import type { DomainFault } from "../hypervisor/status_page.ts";
import type { Plan } from "../../schemas/plan.ts";
import type { BootOptions, RunningMachine } from "../boot.ts";
import type { MachineEvent, MachineReport, MachineState } from "../report.ts";
import { Consoles, portsOf, withTerminal } from "./consoles.ts";
import { DeviceThread } from "./device_thread.ts";
import { HartThread } from "./hart_thread.ts";
import { prepareImages } from "./images.ts";
import { MachineMemory } from "./machine_memory.ts";
import { makeReport, ProgramTimes } from "./machine_report.ts";
import { prepareRootFileSystems } from "./root_file_systems.ts";
import { ServiceDomains } from "./service_domains.ts";

/** How long programs have to end when they are asked to. */
const STOP_GRACE_MS = 5000;
const SIGKILL = 9;

export class Machine implements RunningMachine {
  readonly #plan: Plan;
  readonly #ended = Promise.withResolvers<void>();
  readonly #startedMs = performance.now();
  readonly #programs = new ProgramTimes(() => performance.now());
  #memory!: MachineMemory;
  #devices!: DeviceThread;
  #hart!: HartThread;
  #domains!: ServiceDomains;
  #consoles!: Consoles;
  #report: Promise<MachineReport> | undefined;
  #booted = false;
  #stopWanted = false;

  constructor(plan: Plan, private readonly options: BootOptions) {
    this.#plan = withTerminal(plan, options.terminal);
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
    const memory = this.#memory = new MachineMemory(plan, services);
    const failed = (failure: Error) => this.#fail(failure);
    this.#devices = new DeviceThread(
      plan,
      memory,
      { bases, consolePorts: portsOf(plan.programs) },
      { event, failed, output: (port, bytes) => this.#consoles.output(port, bytes) },
    );
    this.#consoles = new Consoles(plan.programs, this.#devices, {
      input: this.options.input,
      terminal: this.options.terminal,
      output: this.options.onOutput,
      log: (line) => event({ kind: "log", domain: "console", line }),
    });
    await this.#devices.ready;
    const primary = plan.domains.find((domain) => domain.primary)!;
    const { memory: own, windows } = memory.primary;
    await this.#devices.admit(primary, own, windows, memory.hartBell);
    this.#hart = new HartThread(
      plan,
      memory,
      mapped && services.some((domain) => domain.isolation === "worker"),
      {
        event,
        failed,
        booted: () => this.#onBooted(),
        started: (program) => {
          this.#programs.started(program);
          event({ kind: "program-started", program });
        },
        ended: (end) => {
          this.#programs.ended(end);
          event({ kind: "program-ended", ...end });
          if (this.#programs.count === plan.programs.length) this.#ended.resolve();
        },
        strace: this.options.strace,
      },
    );
    await this.#hart.ready;
    const lost = () => this.#stopPrograms();
    this.#domains = new ServiceDomains(
      plan,
      services,
      memory,
      this.#hart,
      this.#devices,
      event,
      lost,
    );
    await this.#domains.start();
    this.#consoles.open();
    this.#hart.run();
    signal?.addEventListener("abort", () => this.#stopPrograms());
    if (signal?.aborted) this.#stopPrograms();
    if (plan.programs.length === 0) this.#ended.resolve();
  }

  #onBooted(): void {
    this.#booted = true;
    this.options.onEvent?.({ kind: "booted", ms: performance.now() - this.#startedMs });
    if (this.#stopWanted) this.#stopPrograms();
  }

  /** Programs that are not there yet are ended when they are; those that do not end are killed. */
  #stopPrograms(): void {
    this.#stopWanted = true;
    if (!this.#booted) return;
    this.#hart.stopPrograms();
    const killing = setTimeout(() => {
      for (const { name } of this.#plan.programs) this.#hart.signal(name, SIGKILL);
    }, STOP_GRACE_MS);
    const over = () => clearTimeout(killing);
    this.#ended.promise.then(over, over);
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
    const { calls, heapBytes } = await this.#hart.counters();
    const state = {
      programs: this.#plan.programs.map(({ name }) => this.#programs.state(name)),
      calls,
      memoryBytes: heapBytes,
      restarts: 0,
    };
    for (const { name, memory } of this.#plan.domains) {
      const supervisor = this.#domains.find(name);
      state.memoryBytes += memory.sizeBytes + (supervisor?.counters.heapBytes ?? 0);
      state.restarts += supervisor?.restarts ?? 0;
    }
    return state;
  }

  kill(domain: string): void {
    this.#domains.kill(domain);
  }

  inject(domain: string, fault: DomainFault): void {
    this.#domains.inject(domain, fault);
  }

  async stop(): Promise<void> {
    this.#stopPrograms();
    await this.wait();
  }

  wait(): Promise<MachineReport> {
    return this.#report ??= this.#finish();
  }

  async #finish(): Promise<MachineReport> {
    let failure: Error | undefined;
    await this.#ended.promise.catch((reason) => failure = reason);
    const seconds = (performance.now() - this.#startedMs) / 1000;
    this.#consoles.close();
    if (failure !== undefined) {
      await this.#domains.stop();
      this.#hart.terminate();
      this.#devices.terminate();
      throw failure;
    }
    // A loop is not ended from outside: it is asked to, and ends once its file systems are written back.
    const counters = await this.#hart.stop();
    await this.#domains.stop();
    const faults = await this.#devices.faults();
    await this.#devices.stop();
    const report = makeReport(this.#plan, {
      counters,
      faults,
      programs: this.#programs,
      supervisor: (domain) => this.#domains.find(domain),
      seconds,
    });
    this.#memory.release();
    return report;
  }
}
