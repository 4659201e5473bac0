// A running machine on its host: makes the memory, starts the threads and processes, connects the
// supervisors with what they supervise, collects the report.
import { WINDOW_BYTES } from "../hardware/device/register_window.ts";
import { hex } from "../hardware/physical_memory.ts";
import { CONTROL_BYTES, ControlPage } from "../hypervisor/control_page.ts";
import type { DomainGrant, IsolationMechanism } from "../hypervisor/isolation/domain_host.ts";
import { processIsolation } from "../hypervisor/isolation/process.ts";
import { workerIsolation } from "../hypervisor/isolation/worker.ts";
import { mappedMemoryAvailable } from "../hypervisor/memory/linux_memory.ts";
import { MemoryOpener } from "../hypervisor/memory/opener.ts";
import type { MemoryGrant, SharedMemory } from "../hypervisor/memory/shared_memory.ts";
import { ringBacklog } from "../hypervisor/ring/layout.ts";
import { type LinkEnd, type LinkSide, RingLink } from "../hypervisor/ring/ring_link.ts";
import { type DomainFault, STATUS_BYTES, StatusPage } from "../hypervisor/status_page.ts";
import { Supervisor } from "../hypervisor/supervisor.ts";
import type { DomainPlan, Plan } from "../../schemas/plan.ts";
import type { BootOptions, RunningMachine } from "../boot.ts";
import type { MachineEvent, MachineReport } from "../report.ts";
import { AttentiveWorker } from "./attention.ts";
import type { DeviceWorkerSetup } from "./device_worker.ts";
import type { HartCounters, HartWorkerSetup } from "./hart_worker.ts";
import { prepareImages } from "./images.ts";
import { type BaseImage, prepareRootFileSystems } from "./root_file_systems.ts";

/** What the host holds for one service domain. */
interface Site {
  plan: DomainPlan;
  kind: MemoryGrant["kind"];
  memory: SharedMemory;
  status: SharedMemory;
  control: SharedMemory;
  bell: SharedMemory;
  windows: { device: string; memory: SharedMemory }[];
  supervisor: Supervisor;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export class Machine implements RunningMachine {
  readonly #opener = new MemoryOpener();
  readonly #control: SharedMemory;
  readonly #controlPage: ControlPage;
  readonly #sites = new Map<string, Site>();
  readonly #rings: SharedMemory[] = [];
  readonly #links: RingLink[] = [];
  readonly #ended = Promise.withResolvers<void>();
  readonly #statuses = new Map<string, number>();
  readonly #startedMs = performance.now();
  #hartBell!: SharedMemory;
  #deviceBell!: SharedMemory;
  #primaryMemory!: SharedMemory;
  #primaryWindows: { device: string; memory: SharedMemory }[] = [];
  #hart!: AttentiveWorker;
  #devices!: AttentiveWorker;
  #devicesStopped = Promise.withResolvers<void>();
  #hartReady = Promise.withResolvers<void>();
  #devicesReady = Promise.withResolvers<void>();
  #report: Promise<MachineReport> | undefined;
  #hartGone = false;
  #bases = new Map<string, BaseImage>();

  constructor(private readonly plan: Plan, private readonly options: BootOptions) {
    this.#control = this.#opener.create("control", CONTROL_BYTES, "threads");
    this.#controlPage = new ControlPage(this.#control.buffer);
  }

  get #primary(): DomainPlan {
    return this.plan.domains.find((domain) => domain.primary)!;
  }

  #event(event: MachineEvent): void {
    this.options.onEvent?.(event);
  }

  async start(): Promise<void> {
    prepareImages(this.plan, (event) => this.#event(event));
    this.#bases = await prepareRootFileSystems(
      this.plan,
      (device) => (progress) => this.#event({ kind: "image-progress", device, ...progress }),
    );
    const services = this.plan.domains.filter((domain) =>
      !domain.primary && domain.isolation !== "none"
    );
    const mapped = services.some((domain) => domain.isolation === "process");
    if (mapped && !mappedMemoryAvailable()) {
      throw new Error(
        'Cannot start domains with isolation "process": that needs Linux and --allow-ffi; "worker" needs neither',
      );
    }
    this.#makeMemory(services, mapped ? "mapped" : "threads");
    await this.#startDevices();
    await this.#startHart(services, mapped);
    for (const index of this.#ringsOf("client", this.#primary)) this.#links[index].open("client");
    await this.#startDomains(services);
    this.#hart.post({ kind: "run" });
    this.#feedConsoles();
    this.#event({ kind: "booted", ms: performance.now() - this.#startedMs });
    this.options.signal?.addEventListener("abort", () => this.#controlPage.stop());
    if (this.options.signal?.aborted) this.#controlPage.stop();
    if (this.plan.programs.length === 0) this.#ended.resolve();
  }

  #makeMemory(services: DomainPlan[], kind: MemoryGrant["kind"]): void {
    this.#hartBell = this.#opener.createBell("hart bell", kind);
    this.#deviceBell = this.#opener.createBell("device bell", kind);
    this.#primaryMemory = this.#opener.create(
      "primary memory",
      this.#primary.memory.sizeBytes,
      "threads",
    );
    this.#primaryWindows = this.#windowsOf(this.#primary, "threads");
    for (const [index, ring] of this.plan.rings.entries()) {
      const kind = memoryKind(this.#domain(ring.server));
      this.#rings.push(this.#opener.create(`ring ${ring.name}`, ring.sizeBytes, kind));
      const ends = { client: this.#endOf(ring.client), server: this.#endOf(ring.server) };
      const link = new RingLink(index, () => this.#rings[index].buffer, ends, sleep);
      this.#links.push(link);
    }
    for (const plan of services) {
      const own = memoryKind(plan);
      this.#sites.set(plan.name, {
        plan,
        kind: own,
        memory: this.#opener.create(`${plan.name} memory`, plan.memory.sizeBytes, own),
        status: this.#opener.create(`${plan.name} status`, STATUS_BYTES, own),
        control: this.#opener.create(`${plan.name} control`, CONTROL_BYTES, own),
        bell: this.#opener.createBell(`${plan.name} bell`, own),
        windows: this.#windowsOf(plan, own),
        supervisor: this.#makeSupervisor(plan),
      });
    }
  }

  #domain(name: string): DomainPlan {
    return this.plan.domains.find((domain) => domain.name === name)!;
  }

  /** A domain as its rings need it: the primary is always there, others come and go. */
  #endOf(name: string): LinkEnd {
    const { recovery, primary } = this.#domain(name);
    if (primary) {
      return {
        page: () => this.#controlPage,
        bell: () => this.#opener.doorbell(this.#hartBell),
        present: () => !this.#hartGone,
        limitMs: Infinity,
        late: () => {},
      };
    }
    const site = () => this.#sites.get(name)!;
    return {
      page: () => new ControlPage(site().control.buffer),
      bell: () => this.#opener.doorbell(site().bell),
      present: () => site().supervisor.running,
      limitMs: recovery.heartbeatMs,
      late: () => site().supervisor.fail("did not let go of a ring"),
    };
  }

  #windowsOf(
    domain: DomainPlan,
    kind: MemoryGrant["kind"],
  ): { device: string; memory: SharedMemory }[] {
    return domain.devices.map((device) => ({
      device,
      memory: this.#opener.create(`window ${device}`, WINDOW_BYTES, kind),
    }));
  }

  async #startDevices(): Promise<void> {
    const attention = new SharedArrayBuffer(4);
    const worker = new Worker(new URL("./device_worker.ts", import.meta.url), {
      type: "module",
      name: "devices",
      deno: {
        permissions: { ...NOTHING, ffi: "inherit", ...imagePermissions(this.plan, this.#bases) },
      },
    });
    this.#devices = new AttentiveWorker(
      worker,
      attention,
      this.#opener.doorbell(this.#deviceBell),
      (message) => this.#fromDevices(message as Record<string, unknown>),
      (failure) => {
        this.#devicesReady.reject(failure);
        this.#fail(failure);
      },
    );
    const grants: MemoryGrant[] = [];
    const bells = [this.#hartBell.grant];
    for (const site of this.#sites.values()) {
      grants.push(site.memory.grant, ...site.windows.map((window) => window.memory.grant));
      bells.push(site.bell.grant);
    }
    worker.postMessage(
      {
        machine: this.plan.machine,
        consolePorts: 2 * this.plan.programs.length,
        bases: [...this.#bases],
        bell: this.#deviceBell.grant,
        attention,
        grants,
        bells,
      } satisfies DeviceWorkerSetup,
    );
    await this.#devicesReady.promise;
    await this.#admit(this.#primary, this.#primaryMemory, this.#primaryWindows, this.#hartBell);
  }

  /** What the host reads goes to the program that asked for it; the others read nothing. */
  #feedConsoles(): void {
    for (const { console, stdin } of this.plan.programs) {
      if (stdin === "none" || this.options.input === undefined) {
        this.#devices.post({ kind: "end-input", port: console });
      } else void this.#feed(console, this.options.input);
    }
  }

  async #feed(port: number, input: ReadableStream<Uint8Array>): Promise<void> {
    try {
      for await (const bytes of input) {
        while (!await this.#devices.request({ kind: "input", port, bytes })) await sleep(1);
      }
    } catch (failure) {
      this.#event({ kind: "log", domain: "console", line: `input ended: ${failure}` });
    }
    this.#devices.post({ kind: "end-input", port });
  }

  /** Sends a signal to a program, and to what it started. @param number as in signal(7) */
  signal(program: string, number: number): void {
    this.#hart.post({ kind: "signal", program, number });
  }

  #admit(
    domain: DomainPlan,
    memory: SharedMemory,
    windows: { device: string; memory: SharedMemory }[],
    bell: SharedMemory,
  ): Promise<void> {
    return this.#devices.request({
      kind: "admit",
      address: domain.memory.address,
      memory: memory.grant,
      windows: windows.map((window) => ({ device: window.device, memory: window.memory.grant })),
      bell: bell.grant,
    });
  }

  #fromDevices(message: Record<string, unknown>): void {
    switch (message.kind) {
      case "ready":
        return this.#devicesReady.resolve();
      case "stopped":
        return this.#devicesStopped.resolve();
      case "output":
        return this.options.onOutput?.(
          this.plan.programs[(message.port as number) >> 1].name,
          message.bytes as Uint8Array,
          (message.port as number) % 2 === 0 ? "stdout" : "stderr",
        );
      case "log":
        return this.#event({ kind: "log", domain: "devices", line: String(message.line) });
      case "fault": {
        const fault = message.fault as { deviceId: number; cause: number; address: number };
        const device = this.plan.machine.devices.find((each) => each.id === fault.deviceId)?.name ??
          String(fault.deviceId);
        return this.#event({
          kind: "iommu-fault",
          device,
          cause: fault.cause,
          address: hex(fault.address),
        });
      }
    }
  }

  async #startHart(services: DomainPlan[], mapped: boolean): Promise<void> {
    const attention = new SharedArrayBuffer(4);
    const worker = new Worker(new URL("./hart_worker.ts", import.meta.url), {
      type: "module",
      name: "hart",
      deno: { permissions: { ...NOTHING, ffi: "inherit", read: "inherit", import: "inherit" } },
    });
    this.#hart = new AttentiveWorker(
      worker,
      attention,
      this.#opener.doorbell(this.#hartBell),
      (message) => this.#fromHart(message as Record<string, unknown>),
      (failure) => {
        this.#hartReady.reject(failure);
        this.#fail(failure);
      },
    );
    worker.postMessage(
      {
        plan: this.plan,
        memory: this.#primaryMemory.grant,
        bell: this.#hartBell.grant,
        deviceBell: this.#deviceBell.grant,
        windows: this.#primaryWindows.map((window) => ({
          device: window.device,
          memory: window.memory.grant,
        })),
        control: this.#control.buffer as SharedArrayBuffer,
        attention,
        rings: this.#ringsOf("client", this.#primary).map((index) => ({
          index,
          memory: this.#rings[index].grant,
          bell: this.#sites.get(this.plan.rings[index].server)!.bell.grant,
        })),
        strace: this.options.strace !== undefined,
        shortSleeps: mapped && services.some((domain) => domain.isolation === "worker"),
      } satisfies HartWorkerSetup,
    );
    await this.#hartReady.promise;
  }

  /** The rings, by index in the plan, at one end of which a domain is. */
  #ringsOf(side: LinkSide, domain: DomainPlan): number[] {
    return this.plan.rings.flatMap((ring, index) => ring[side] === domain.name ? [index] : []);
  }

  #fromHart(message: Record<string, unknown>): void {
    switch (message.kind) {
      case "ready":
        return this.#hartReady.resolve();
      case "log":
        return this.#event({ kind: "log", domain: this.#primary.name, line: String(message.line) });
      case "failed":
        return this.#fail(new Error(String(message.reason)));
      case "strace":
        return this.options.strace?.(String(message.line));
      case "program-started":
        return this.#event({ kind: "program-started", program: String(message.program) });
      case "program-ended": {
        const program = String(message.program), status = message.status as number;
        this.#statuses.set(program, status);
        if (message.reason !== undefined) {
          this.#event({ kind: "log", domain: program, line: String(message.reason) });
        }
        this.#event({ kind: "program-ended", program, status });
        if (this.#statuses.size === this.plan.programs.length) this.#ended.resolve();
      }
    }
  }

  /** Domains whose requests another domain serves start after it. */
  async #startDomains(services: DomainPlan[]): Promise<void> {
    const started = new Map<string, Promise<void>>();
    const start = (name: string): Promise<void> => {
      let starting = started.get(name);
      if (starting === undefined) {
        const servers = this.plan.rings.filter((ring) => ring.client === name).map((ring) =>
          ring.server
        );
        starting = Promise.all(servers.map(start)).then(() =>
          this.#sites.get(name)!.supervisor.start()
        );
        started.set(name, starting);
      }
      return starting;
    };
    await Promise.all(services.map((domain) => start(domain.name)));
  }

  #makeSupervisor(plan: DomainPlan): Supervisor {
    const served = this.#ringsOf("server", plan), called = this.#ringsOf("client", plan);
    return new Supervisor(plan, {
      openRings: async () => {
        await Promise.all(served.map((index) => this.#links[index].open("server")));
      },
      closeRings: async (gone) => {
        if (plan.isolation === "worker") this.#failClients(plan.name);
        await Promise.all([
          ...served.map((index) => this.#links[index].close("server", gone)),
          ...called.map((index) => this.#links[index].close("client")),
        ]);
      },
      fenceDevices: () =>
        this.#devices.request({
          kind: "fence",
          address: plan.memory.address,
          devices: plan.devices,
        }),
      start: (generation) => this.#startInstance(plan, generation),
      backlog: () => served.reduce((sum, index) => sum + ringBacklog(this.#rings[index].buffer), 0),
      accused: () => {
        const byPeer = (index: number, peer: string) =>
          this.#endOf(peer).page().takeAccusation(index);
        return [
          ...served.map((index) => byPeer(index, this.plan.rings[index].client)),
          ...called.map((index) => byPeer(index, this.plan.rings[index].server)),
        ].includes(true);
      },
      sleep,
      nowMs: () => performance.now(),
      event: (event) => {
        this.#event(event);
        if (event.kind === "domain-gone" && plan.recovery.policy === "fail") this.#stopPrograms();
      },
    });
  }

  /** A worker gets new rings with each generation, and another that runs cannot be given them: it restarts. */
  #failClients(server: string): void {
    for (const ring of this.plan.rings) {
      if (ring.server === server) {
        this.#sites.get(ring.client)?.supervisor.fail(`domain "${server}", which it needs, failed`);
      }
    }
  }

  async #startInstance(plan: DomainPlan, generation: number) {
    const site = this.#sites.get(plan.name)!;
    if (generation > 1) await this.#renewMemory(site);
    for (const index of this.#ringsOf("client", plan)) {
      const link = this.#links[index], server = this.#sites.get(this.plan.rings[index].server)!;
      // A worker that serves gets its next ring when it starts: what is granted now must be that one.
      while (server.kind === "threads" && !link.has("server") && !server.supervisor.gone) {
        await sleep(1);
      }
      await link.open("client");
    }
    const status = new StatusPage(site.status.buffer);
    status.reset();
    await this.#admit(plan, site.memory, site.windows, site.bell);
    const rings = this.plan.rings.flatMap((ring, index) =>
      ring.client === plan.name || ring.server === plan.name ? [{ ring, index }] : []
    );
    const bellOf = (name: string) =>
      (name === this.#primary.name ? this.#hartBell : this.#sites.get(name)!.bell).grant;
    const grant: DomainGrant = {
      plan,
      generation,
      memory: site.memory.grant,
      status: site.status.grant,
      bell: site.bell.grant,
      control: site.control.grant,
      rings: rings.map(({ ring, index }) => ({
        index,
        plan: ring,
        contract: this.#domain(ring.server).recovery.clients,
        replaceableClient: !this.#domain(ring.client).primary,
        memory: this.#rings[index].grant,
        peerBell: this.#reachable(
          bellOf(ring.client === plan.name ? ring.server : ring.client),
          site.kind,
        ),
      })),
      devices: site.windows.map(({ device, memory }) => {
        const { id, driver } = this.plan.machine.devices.find((each) => each.name === device)!;
        return { name: device, component: driver, id, window: memory.grant };
      }),
      deviceBell: this.#reachable(this.#deviceBell.grant, site.kind),
    };
    const log = (line: string) => this.#event({ kind: "log", domain: plan.name, line });
    return {
      instance: mechanisms[plan.isolation as "process" | "worker"].start(grant, log),
      status,
    };
  }

  /** A bell that a domain of this kind can ring; one that never sleeps where it cannot reach the real one. */
  #reachable(bell: MemoryGrant, kind: MemoryGrant["kind"]): MemoryGrant {
    return bell.kind === kind || bell.kind === "threads" && kind === "threads"
      ? bell
      : this.#opener.createBell("unreachable bell", kind).grant;
  }

  /**
   * Memory of a new generation. A process is gone for certain, so its objects are emptied and used
   * again; a worker may still run somewhere, so it never gets to see the new ones.
   */
  async #renewMemory(site: Site): Promise<void> {
    const { plan } = site;
    // Its neighbours keep the bell: one that is rung by mistake costs a turn of a loop.
    this.#opener.resetBell(site.bell);
    if (site.kind === "mapped") {
      for (const memory of [site.memory, ...site.windows.map((window) => window.memory)]) {
        this.#opener.clear(memory);
      }
      return;
    }
    site.memory = this.#opener.create(`${plan.name} memory`, plan.memory.sizeBytes, "threads");
    site.status = this.#opener.create(`${plan.name} status`, STATUS_BYTES, "threads");
    site.control = this.#opener.create(`${plan.name} control`, CONTROL_BYTES, "threads");
    site.windows = this.#windowsOf(plan, "threads");
    for (const [index, ring] of this.plan.rings.entries()) {
      if (ring.server !== plan.name) continue;
      this.#rings[index] = this.#opener.create(`ring ${ring.name}`, ring.sizeBytes, "threads");
      if (ring.client !== this.#primary.name) continue;
      await this.#hart.request({
        kind: "ring",
        index,
        memory: this.#rings[index].grant,
        bell: site.bell.grant,
      });
    }
  }

  /** The hart cannot go on: nobody acknowledges anything any more. */
  #fail(failure: Error): void {
    this.#hartGone = true;
    this.#event({ kind: "log", domain: "machine", line: failure.message });
    this.#ended.reject(failure);
  }

  kill(domain: string): void {
    this.#site(domain).supervisor.fail("killed by command");
  }

  inject(domain: string, fault: DomainFault): void {
    const { plan, supervisor } = this.#site(domain);
    if (plan.isolation === "worker" && fault !== "crash") {
      throw new Error(`Cannot inject "${fault}" into "${domain}": a worker does not contain it`);
    }
    supervisor.inject(fault);
  }

  #site(domain: string): Site {
    const site = this.#sites.get(domain);
    if (site === undefined) throw new Error(`There is no service domain "${domain}"`);
    return site;
  }

  async stop(): Promise<void> {
    this.#stopPrograms();
    await this.wait();
  }

  #stopPrograms(): void {
    this.#controlPage.stop();
    this.#opener.doorbell(this.#hartBell).ring();
  }

  wait(): Promise<MachineReport> {
    return this.#report ??= this.#finish();
  }

  async #finish(): Promise<MachineReport> {
    let failure: Error | undefined;
    await this.#ended.promise.catch((reason) => failure = reason);
    const seconds = (performance.now() - this.#startedMs) / 1000;
    if (failure !== undefined) {
      await this.#stopDomains();
      this.#hart.terminate();
      this.#devices.terminate();
      throw failure;
    }
    // A loop is not ended from outside: it is asked to, and ends once its file systems are written back.
    const counters = await this.#hart.request<HartCounters>({ kind: "stop" });
    this.#hartGone = true;
    await this.#stopDomains();
    const faults = await this.#devices.request<number[]>({ kind: "faults" });
    this.#devices.post({ kind: "stop" });
    await this.#devicesStopped.promise;
    this.#devices.terminate();
    const report = this.#makeReport(counters, faults, seconds);
    this.#opener.release();
    return report;
  }

  /** Each domain stops before those that it calls: what it holds is written back through them. */
  async #stopDomains(): Promise<void> {
    const stopped = new Map<string, Promise<void>>();
    const stop = (name: string): Promise<void> => {
      let stopping = stopped.get(name);
      if (stopping === undefined) {
        const clients = this.#ringsOf("server", this.#domain(name)).map((index) =>
          this.plan.rings[index].client
        );
        stopping = Promise.all(clients.filter((client) => this.#sites.has(client)).map(stop))
          .then(() => this.#sites.get(name)!.supervisor.stop());
        stopped.set(name, stopping);
      }
      return stopping;
    };
    await Promise.all([...this.#sites.keys()].map(stop));
  }

  #makeReport(counters: HartCounters, faults: number[], seconds: number): MachineReport {
    const domains = this.plan.domains.map((domain) => {
      const site = this.#sites.get(domain.name);
      const own = counters.rings.filter(({ index }) =>
        this.plan.rings[index].server === domain.name
      );
      const served = site?.supervisor.counters;
      const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
      return {
        name: domain.name,
        isolation: domain.isolation,
        memoryBytes: domain.memory.sizeBytes,
        heapBytes: served?.heapBytes ?? counters.heapBytes,
        calls: served?.calls ?? counters.calls,
        roundTrips: sum(own.map((ring) => ring.roundTrips)),
        doorbells: sum(own.map((ring) => ring.doorbells)) + (served?.doorbells ?? 0),
        restarts: site?.supervisor.restarts ?? 0,
        generation: site?.supervisor.generation ?? 1,
        faults: sum(
          this.plan.machine.devices.map((device, index) =>
            device.domain === domain.name ? faults[index] : 0
          ),
        ),
      };
    });
    return {
      name: this.plan.name,
      programs: this.plan.programs.map(({ name }) => ({
        name,
        status: this.#statuses.get(name) ?? 1,
      })),
      domains,
      missingCalls: counters.missing.map(([name, count]) => ({ name, count })),
      seconds,
      residentBytes: Deno.memoryUsage().rss,
    };
  }
}

function memoryKind(domain: DomainPlan): MemoryGrant["kind"] {
  return domain.isolation === "process" ? "mapped" : "threads";
}

const mechanisms: Record<"process" | "worker", IsolationMechanism> = {
  process: processIsolation(new URL("./domain_process.ts", import.meta.url)),
  worker: workerIsolation(new URL("./domain_worker.ts", import.meta.url)),
};

/** Permissions of the machine's own threads are stated, since a worker that inherits all shares all. */
const NOTHING = { net: false, env: false, run: false, sys: false, write: false } as const;

/** The device thread may open the images, and those only. */
function imagePermissions(
  plan: Plan,
  bases: Map<string, BaseImage>,
): { read: string[]; write: string[] } {
  const images = plan.machine.devices.flatMap((device) =>
    device.image === undefined ? [] : [device]
  );
  const kept = [...bases.values()].flatMap(({ keep }) => keep === undefined ? [] : [keep]);
  return {
    read: [
      ...images.map((device) => device.image!),
      ...[...bases.values()].map(({ base }) => base),
      ...kept,
    ],
    write: [
      ...images.filter((device) => !device.readOnly).map((device) => device.image!),
      ...kept,
    ],
  };
}
