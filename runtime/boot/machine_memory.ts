// The memory of a machine on its host: one object for each thing that the plan lists, of the kind that
// reaches whoever is to see it.
import { WINDOW_BYTES } from "../hardware/device/register_window.ts";
import type { Doorbell } from "../hardware/doorbell.ts";
import { CONTROL_BYTES, ControlPage } from "../hypervisor/control_page.ts";
import { CHECKPOINT_BYTES } from "../kernel/network/tcpip/tcp/checkpoint.ts";
import { mappedMemoryAvailable } from "../hypervisor/memory/linux_memory.ts";
import { MemoryOpener } from "../hypervisor/memory/opener.ts";
import type { MemoryGrant, SharedMemory } from "../hypervisor/memory/shared_memory.ts";
import { moveRingCounts } from "../hypervisor/ring/ring_counters.ts";
import { STATUS_BYTES } from "../hypervisor/status_page.ts";
import { TRACE_BYTES } from "../trace/recorder.ts";
import type { DomainPlan, Plan } from "../../schemas/plan.ts";

/** The registers of a device. */
export interface Window {
  device: string;
  memory: SharedMemory;
}

/** What there is for one service domain. */
export interface DomainMemory {
  kind: MemoryGrant["kind"];
  memory: SharedMemory;
  status: SharedMemory;
  control: SharedMemory;
  bell: SharedMemory;
  windows: Window[];
  /** what each of its instances gets as the last one left it */
  keep?: SharedMemory;
}

/** What the devices' records are kept under: no domain has this name. */
const DEVICES = "";

export class MachineMemory {
  /** the primary domain's */
  readonly primary: { memory: SharedMemory; windows: Window[]; control: ControlPage };
  readonly control: SharedMemory;
  readonly hartBell: SharedMemory;
  readonly deviceBell: SharedMemory;
  /** by index in the plan */
  readonly rings: SharedMemory[];
  /** by name of the service domain */
  readonly domains = new Map<string, DomainMemory>();
  /** where threads record what they do: by name of the domain; of the devices under "" */
  readonly traces = new Map<string, SharedMemory>();
  readonly #opener = new MemoryOpener();

  /** @param services the domains besides the primary */
  constructor(private readonly plan: Plan, services: DomainPlan[]) {
    const opener = this.#opener;
    const mapped = services.length === 0
      ? mappedMemoryAvailable()
      : services.some((domain) => domain.isolation === "process");
    const bells = mapped ? "mapped" : "threads";
    this.control = opener.create("control", CONTROL_BYTES, "threads");
    this.hartBell = opener.createBell("hart bell", bells);
    this.deviceBell = bells === "mapped" && hearsHost(plan)
      ? opener.createPolledBell("device bell")
      : opener.createBell("device bell", bells);
    const primary = plan.domains.find((domain) => domain.primary)!;
    this.primary = {
      memory: opener.create("primary memory", primary.memory.sizeBytes, "threads"),
      windows: this.#windowsOf(primary, "threads"),
      control: new ControlPage(this.control.buffer),
    };
    this.rings = plan.rings.map((ring) => {
      const server = plan.domains.find((domain) => domain.name === ring.server)!;
      return opener.create(`ring ${ring.name}`, ring.sizeBytes, kindOf(server));
    });
    for (const name of [DEVICES, primary.name]) {
      this.traces.set(name, opener.create(`trace ${name}`, TRACE_BYTES, "threads"));
    }
    for (const domain of services) {
      const kind = kindOf(domain);
      this.traces.set(domain.name, opener.create(`trace ${domain.name}`, TRACE_BYTES, kind));
      this.domains.set(domain.name, {
        kind,
        ...this.#ownOf(domain, kind),
        ...(keepsConnections(domain)
          ? { keep: opener.create(`${domain.name} keep`, CHECKPOINT_BYTES, kind) }
          : {}),
        bell: opener.createBell(`${domain.name} bell`, kind),
      });
    }
  }

  /** The bell of a domain: the hart's, for the primary. */
  bellOf(domain: string): SharedMemory {
    return this.domains.get(domain)?.bell ?? this.hartBell;
  }

  /** Where a domain records what it does; the devices, where none is named. */
  traceOf(domain: string | undefined): SharedMemory {
    return this.traces.get(domain ?? DEVICES)!;
  }

  doorbell(bell: SharedMemory): Doorbell {
    return this.#opener.doorbell(bell);
  }

  /** A bell that a domain of this kind can ring; one that never sleeps where it cannot reach the real one. */
  reachable(bell: SharedMemory, kind: MemoryGrant["kind"]): MemoryGrant {
    return bell.grant.kind === kind
      ? bell.grant
      : this.#opener.createBell("unreachable bell", kind).grant;
  }

  /**
   * Memory of a new generation. A process is gone for certain, so its objects are emptied and used
   * again; a worker may still run somewhere, so it never gets to see the new ones.
   * @returns the rings, by index in the plan, that are other objects now
   */
  renew(domain: DomainPlan): number[] {
    const own = this.domains.get(domain.name)!;
    // Its neighbours keep the bell: one that is rung by mistake costs a turn of a loop.
    this.#opener.resetBell(own.bell);
    if (own.kind === "mapped") {
      for (const memory of [own.memory, ...own.windows.map((window) => window.memory)]) {
        this.#opener.clear(memory);
      }
      return [];
    }
    Object.assign(own, this.#ownOf(domain, own.kind));
    if (own.keep !== undefined) {
      const last = new Uint8Array(own.keep.buffer);
      own.keep = this.#opener.create(`${domain.name} keep`, CHECKPOINT_BYTES, own.kind);
      new Uint8Array(own.keep.buffer).set(last);
    }
    return this.plan.rings.flatMap((ring, index) => {
      if (ring.server !== domain.name) return [];
      const last = this.rings[index];
      this.rings[index] = this.#opener.create(`ring ${ring.name}`, ring.sizeBytes, own.kind);
      moveRingCounts(last.buffer, this.rings[index].buffer);
      return [index];
    });
  }

  /** Gives everything back: nobody may use it any more. */
  release(): void {
    this.#opener.release();
  }

  #ownOf(
    { name, memory, devices }: DomainPlan,
    kind: MemoryGrant["kind"],
  ): Pick<DomainMemory, "memory" | "status" | "control" | "windows"> {
    return {
      memory: this.#opener.create(`${name} memory`, memory.sizeBytes, kind),
      status: this.#opener.create(`${name} status`, STATUS_BYTES, kind),
      control: this.#opener.create(`${name} control`, CONTROL_BYTES, kind),
      windows: this.#windowsOf({ devices }, kind),
    };
  }

  #windowsOf({ devices }: Pick<DomainPlan, "devices">, kind: MemoryGrant["kind"]): Window[] {
    return devices.map((device) => ({
      device,
      memory: this.#opener.create(`window ${device}`, WINDOW_BYTES, kind),
    }));
  }
}

/** Whether the connections of a domain's devices outlive an instance of it: it keeps them, or they are another's. */
export function outlivedByConnections(domain: DomainPlan): boolean {
  return keepsConnections(domain) ||
    domain.components.every(({ component }) => component !== "tcpip");
}

/** Whether connections outlive an instance: its callers are promised that calls are only late. */
function keepsConnections({ components, recovery }: DomainPlan): boolean {
  return recovery.policy === "restart" && recovery.clients === "retry" &&
    components.some(({ component }) => component === "tcpip");
}

/** Whether the devices' thread has connections of the host. */
function hearsHost({ machine }: Plan): boolean {
  return machine.devices.some(({ network }) => network !== undefined);
}

function kindOf(domain: DomainPlan): MemoryGrant["kind"] {
  return domain.isolation === "process" ? "mapped" : "threads";
}
