// The service domains of a machine: starts them in the order in which they call each other, connects each
// supervisor with what it supervises, gives every generation its memory, rings and devices.
import type { DomainGrant, IsolationMechanism } from "../../hypervisor/isolation/domain_host.ts";
import { processIsolation } from "../../hypervisor/isolation/process.ts";
import { workerIsolation } from "../../hypervisor/isolation/worker.ts";
import { ControlPage } from "../../hypervisor/control_page.ts";
import { ringAnswers, ringBacklog } from "../../hypervisor/ring/layout.ts";
import { type LinkEnd, type LinkSide, RingLink } from "../../hypervisor/ring/ring_link.ts";
import { StatusPage } from "../../hypervisor/status_page.ts";
import { type Recovery, Supervisor } from "../../hypervisor/supervisor.ts";
import type { DomainPlan, FaultDescription, Plan } from "../../../schemas/plan.ts";
import type { MachineEvent } from "../../report.ts";
import type { DeviceThread } from "../device/device_thread.ts";
import type { HartThread } from "../hart/hart_thread.ts";
import type { MachineMemory } from "../machine_memory.ts";

/** When a domain serves for so long, the next start of it is prepared: what runs shortly needs none. */
const PREPARE_MS = 500;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export class ServiceDomains {
  readonly #mechanisms: Record<"process" | "worker", IsolationMechanism> = {
    process: processIsolation(new URL("./domain_process.ts", import.meta.url)),
    worker: workerIsolation(new URL("./domain_worker.ts", import.meta.url)),
  };
  /** timers of what is to be prepared, by domain */
  readonly #preparing = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #supervisors: Map<string, Supervisor>;
  readonly #links: RingLink[];
  /** how often each fault of the plan has happened at a request, in instances that are no more */
  readonly #past: number[];

  /**
   * @param lost called when one that must not fail did
   * @param bootedMs when the boot of the machine began
   */
  constructor(
    private readonly plan: Plan,
    private readonly services: DomainPlan[],
    private readonly memory: MachineMemory,
    private readonly hart: HartThread,
    private readonly devices: DeviceThread,
    private readonly event: (event: MachineEvent) => void,
    private readonly lost: () => void,
    private readonly bootedMs: number,
  ) {
    this.#supervisors = new Map(
      services.map((domain) => [domain.name, this.#makeSupervisor(domain)]),
    );
    this.#past = (plan.faults ?? []).map(() => 0);
    this.#links = plan.rings.map((ring, index) =>
      new RingLink(
        index,
        () => memory.rings[index].buffer,
        { client: this.#endOf(ring.client), server: this.#endOf(ring.server) },
        sleep,
      )
    );
  }

  /** Makes their starts short: what needs nothing of the machine yet begins. */
  prepare(): void {
    for (const [isolation, mechanism] of Object.entries(this.#mechanisms)) {
      mechanism.prepare?.(this.services.filter((domain) => domain.isolation === isolation));
    }
  }

  /** Starts all, those whose requests another serves after it. @throws Error when one does not get ready */
  async start(): Promise<void> {
    for (const domain of this.plan.domains) {
      if (!domain.primary) continue;
      for (const index of this.#ringsOf("client", domain)) void this.#links[index].open("client");
    }
    await this.#inOrder("client", (supervisor) => supervisor.start());
  }

  /** Stops all, each before those that it calls: what it holds is written back through them. */
  async stop(): Promise<void> {
    await this.#inOrder("server", (supervisor) => supervisor.stop());
    for (const timer of this.#preparing.values()) clearTimeout(timer);
    for (const mechanism of Object.values(this.#mechanisms)) await mechanism.close?.();
  }

  /** Has what the next instance of a domain needs at hand, should it be needed. */
  #prepareNext(plan: DomainPlan): void {
    clearTimeout(this.#preparing.get(plan.name));
    const timer = setTimeout(() => this.#mechanismOf(plan).prepare?.([plan]), PREPARE_MS);
    Deno.unrefTimer(timer);
    this.#preparing.set(plan.name, timer);
  }

  #mechanismOf({ isolation }: DomainPlan): IsolationMechanism {
    return this.#mechanisms[isolation as "process" | "worker"];
  }

  /** What failed and came back, in the order of the failures. */
  get recoveries(): Recovery[] {
    return [...this.#supervisors.values()].flatMap(({ recoveries }) => recoveries)
      .sort((a, b) => a.atMs - b.atMs);
  }

  /** The supervisor of a service domain, where it is one. */
  find(domain: string): Supervisor | undefined {
    return this.#supervisors.get(domain);
  }

  /** @throws Error for a domain that is not one */
  kill(domain: string): void {
    this.#get(domain).fail("killed by command");
  }

  /** @throws Error for a domain that is not one, or whose isolation does not contain the fault */
  inject(domain: string, fault: FaultDescription): void {
    const supervisor = this.#get(domain), { isolation, devices } = this.#planOf(domain);
    const { kind } = fault;
    const refuse = (why: string) => {
      throw new Error(`Cannot bring about "${kind}" in "${domain}": ${why}`);
    };
    if (isolation === "worker" && kind === "exhaust") refuse("a worker does not contain it");
    if (kind === "wild-dma" && devices.length === 0) refuse("it has no device");
    supervisor.inject(fault);
  }

  /** A device of a domain was told to reach for memory that is not the domain's: its driver is wild. */
  reached(device: string, address: string): void {
    const { domain } = this.plan.machine.devices.find(({ name }) => name === device)!;
    this.#supervisors.get(domain)?.fail(
      `device "${device}" reached for ${address}, which is not the domain's`,
    );
  }

  #get(domain: string): Supervisor {
    const supervisor = this.#supervisors.get(domain);
    if (supervisor === undefined) {
      const names = [...this.#supervisors.keys()];
      const known = names.length === 0 ? "the system has none" : `known: ${names.join(", ")}`;
      throw new Error(`There is no service domain "${domain}": ${known}`);
    }
    return supervisor;
  }

  #planOf(name: string): DomainPlan {
    return this.plan.domains.find((domain) => domain.name === name)!;
  }

  /** Does something with each, after it was done with all that it has rings with as that side. */
  async #inOrder(side: LinkSide, act: (supervisor: Supervisor) => Promise<void>): Promise<void> {
    const begun = new Map<string, Promise<void>>();
    const begin = (name: string): Promise<void> => {
      const supervisor = this.#supervisors.get(name);
      if (supervisor === undefined) return Promise.resolve();
      let acting = begun.get(name);
      if (acting === undefined) {
        const peers = this.#ringsOf(side, this.#planOf(name)).map((index) =>
          this.plan.rings[index][side === "client" ? "server" : "client"]
        );
        acting = Promise.all(peers.map(begin)).then(() => act(supervisor));
        begun.set(name, acting);
      }
      return acting;
    };
    await Promise.all([...this.#supervisors.keys()].map(begin));
  }

  /** The rings, by index in the plan, at one end of which a domain is. */
  #ringsOf(side: LinkSide, domain: DomainPlan): number[] {
    return this.plan.rings.flatMap((ring, index) => ring[side] === domain.name ? [index] : []);
  }

  /** A domain as its rings need it: the primary is always there, others come and go. */
  #endOf(name: string): LinkEnd {
    const { recovery, primary } = this.#planOf(name);
    const bell = () => this.memory.doorbell(this.memory.bellOf(name));
    if (primary) {
      return {
        page: () => this.memory.primary.control,
        bell,
        present: () => !this.hart.gone,
        limitMs: Infinity,
        late: () => {},
      };
    }
    return {
      page: () => new ControlPage(this.memory.domains.get(name)!.control.buffer),
      bell,
      present: () => this.#get(name).running,
      limitMs: recovery.heartbeatMs,
      late: () => this.#get(name).fail("did not let go of a ring"),
    };
  }

  #makeSupervisor(plan: DomainPlan): Supervisor {
    const served = this.#ringsOf("server", plan), called = this.#ringsOf("client", plan);
    const { rings } = this.memory;
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
      fenceDevices: () => this.devices.fence(plan),
      start: (generation) => this.#startInstance(plan, generation),
      backlog: () => served.reduce((sum, index) => sum + ringBacklog(rings[index].buffer), 0),
      answered: () =>
        served.some((index) => {
          const client = this.#endOf(this.plan.rings[index].client);
          const resumed = client.page().resumed(index, this.#links[index].generation);
          return resumed !== undefined && ((ringAnswers(rings[index].buffer) - resumed) | 0) > 0;
        }),
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
        this.event(event);
        if (event.kind === "domain-ready" && plan.recovery.standby) this.#prepareNext(plan);
        if (event.kind === "domain-gone" && plan.recovery.policy === "fail") this.lost();
      },
    }, this.bootedMs);
  }

  /** A worker gets new rings with each generation, and another that runs cannot be given them: it restarts. */
  #failClients(server: string): void {
    for (const ring of this.plan.rings) {
      if (ring.server !== server) continue;
      this.#supervisors.get(ring.client)?.fail(`domain "${server}", which it needs, failed`);
    }
  }

  async #startInstance(plan: DomainPlan, generation: number) {
    const own = this.memory.domains.get(plan.name)!;
    if (generation > 1) this.#countOccurrences(plan, new StatusPage(own.status.buffer));
    if (generation > 1) await this.#renewMemory(plan);
    for (const index of this.#ringsOf("client", plan)) {
      const link = this.#links[index], { server } = this.plan.rings[index];
      // A worker that serves gets its next ring when it starts: what is granted now must be that one.
      while (
        this.memory.domains.get(server)!.kind === "threads" && !link.has("server") &&
        !this.#get(server).gone
      ) await sleep(1);
      await link.open("client");
    }
    const status = new StatusPage(own.status.buffer);
    status.reset();
    await this.devices.admit(plan, own.memory, own.windows, own.bell);
    const log = (line: string) => this.event({ kind: "log", domain: plan.name, line });
    const instance = this.#mechanismOf(plan).start(this.#grantOf(plan, generation), log);
    return { instance, status };
  }

  /** What has happened in an instance does not happen again in the next. */
  #countOccurrences({ name }: DomainPlan, status: StatusPage): void {
    this.plan.faults?.forEach(({ place, at }, index) => {
      if (at === "domain" && place === name) this.#past[index] += status.occurrences(index);
    });
  }

  async #renewMemory(plan: DomainPlan): Promise<void> {
    const bell = this.memory.domains.get(plan.name)!.bell.grant;
    for (const index of this.memory.renew(plan)) {
      if (!this.#planOf(this.plan.rings[index].client).primary) continue;
      await this.hart.replaceRing(index, this.memory.rings[index].grant, bell);
    }
  }

  #grantOf(plan: DomainPlan, generation: number): DomainGrant {
    const own = this.memory.domains.get(plan.name)!;
    const rings = this.plan.rings.flatMap((ring, index) =>
      ring.client === plan.name || ring.server === plan.name ? [{ ring, index }] : []
    );
    return {
      plan,
      generation,
      memory: own.memory.grant,
      status: own.status.grant,
      bell: own.bell.grant,
      control: own.control.grant,
      trace: this.memory.traceOf(plan.name).grant,
      rings: rings.map(({ ring, index }) => ({
        index,
        plan: ring,
        contract: this.#planOf(ring.server).recovery.clients,
        replaceableClient: !this.#planOf(ring.client).primary,
        memory: this.memory.rings[index].grant,
        peerBell: this.memory.reachable(
          this.memory.bellOf(ring.client === plan.name ? ring.server : ring.client),
          own.kind,
        ),
      })),
      devices: own.windows.map(({ device, memory }) => {
        const { id, driver } = this.plan.machine.devices.find((each) => each.name === device)!;
        return { name: device, component: driver, id, window: memory.grant };
      }),
      deviceBell: this.memory.reachable(this.memory.deviceBell, own.kind),
      ...(own.keep === undefined ? {} : { keep: own.keep.grant }),
      faults: (this.plan.faults ?? []).flatMap((fault, index) =>
        fault.at === "domain" && fault.place === plan.name && fault.requests !== undefined
          ? [{ plan: fault, index, past: this.#past[index] }]
          : []
      ),
    };
  }
}
