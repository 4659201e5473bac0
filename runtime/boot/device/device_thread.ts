// The thread of the device models, as the machine that started it sees it.
import type { TerminalSize } from "../../hardware/device/virtio.ts";
import { hex } from "../../hardware/physical_memory.ts";
import type { SharedMemory } from "../../hypervisor/memory/shared_memory.ts";
import { faultPlaces } from "../../../schemas/faults.ts";
import type { DomainPlan, FaultDescription, Plan } from "../../../schemas/plan.ts";
import type { MachineEvent } from "../../report.ts";
import { AttentiveWorker } from "../attention.ts";
import type { DeviceCounters, DeviceRequest, DeviceWorkerSetup } from "./device_worker.ts";
import { type MachineMemory, outlivedByConnections, type Window } from "../machine_memory.ts";
import type { BaseImage } from "../image/root_file_systems.ts";

/** What the thread tells. */
export interface DeviceListener {
  output(port: number, bytes: Uint8Array): void;
  event(event: MachineEvent): void;
  failed(failure: Error): void;
}

export class DeviceThread {
  readonly #worker: AttentiveWorker;
  readonly #ready = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();

  /** @param setup what it needs besides the memory */
  constructor(
    private readonly plan: Plan,
    memory: MachineMemory,
    setup: { bases: Map<string, BaseImage>; consolePorts: number },
    private readonly listener: DeviceListener,
  ) {
    const worker = new Worker(new URL("./device_worker.ts", import.meta.url), {
      type: "module",
      name: "devices",
      deno: {
        // Stated one by one, since a worker that inherits all shares all.
        permissions: {
          net: networkPermission(plan),
          env: false,
          run: false,
          sys: false,
          ffi: "inherit",
          ...imagePermissions(plan, setup.bases),
        },
      },
    });
    const attention = new SharedArrayBuffer(4);
    this.#worker = new AttentiveWorker(
      worker,
      attention,
      memory.doorbell(memory.deviceBell),
      (message) => this.#receive(message as Record<string, unknown>),
      (failure) => this.#fail(failure),
    );
    const grants = [], bells = [memory.hartBell.grant];
    for (const domain of memory.domains.values()) {
      grants.push(domain.memory.grant, ...domain.windows.map((window) => window.memory.grant));
      bells.push(domain.bell.grant);
    }
    worker.postMessage(
      {
        machine: plan.machine,
        consolePorts: setup.consolePorts,
        outliving: plan.domains.filter(outlivedByConnections).map(({ name }) => name),
        faults: (plan.faults ?? []).filter(({ at, requests }) =>
          at === "device" && requests !== undefined
        ),
        bases: [...setup.bases],
        bell: memory.deviceBell.grant,
        shortSleeps: [...memory.domains.values()].some(({ kind, windows }) =>
          windows.length > 0 && kind !== memory.deviceBell.grant.kind
        ),
        attention,
        trace: memory.traceOf(undefined).buffer as SharedArrayBuffer,
        grants,
        bells,
      } satisfies DeviceWorkerSetup,
    );
  }

  /** Resolves when the images are open and the host is out of reach. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Lets the devices of a domain reach its memory. */
  admit(
    domain: DomainPlan,
    memory: SharedMemory,
    windows: Window[],
    bell: SharedMemory,
  ): Promise<void> {
    return this.#request({
      kind: "admit",
      address: domain.memory.address,
      memory: memory.grant,
      windows: windows.map((window) => ({ device: window.device, memory: window.memory.grant })),
      bell: bell.grant,
    });
  }

  /** From when this resolves on, no transfer touches the domain's memory. */
  fence({ memory, devices }: DomainPlan): Promise<void> {
    return this.#request({ kind: "fence", address: memory.address, devices });
  }

  /** Gives a console port what was typed. @returns false when it holds too much already */
  input(port: number, bytes: Uint8Array): Promise<boolean> {
    return this.#request({ kind: "input", port, bytes });
  }

  endInput(port: number): void {
    this.#post({ kind: "end-input", port });
  }

  /** Says that a console port is a terminal, and how large that is now. */
  resize(port: number, size: TerminalSize): void {
    this.#post({ kind: "resize", port, size });
  }

  /** Says that the host has written that much of what a port gave out. */
  written(port: number, bytes: number): void {
    this.#post({ kind: "written", port, bytes });
  }

  /** Has something go wrong in a device. @throws Error for one in which that does not happen */
  inject(device: string, fault: FaultDescription): void {
    const { devices } = this.plan.machine;
    const model = devices.find(({ name }) => name === device)?.model;
    if (model === undefined) {
      const known = devices.map(({ name }) => name).join(", ");
      throw new Error(`There is no device "${device}": known: ${known}`);
    }
    if (faultPlaces[fault.kind] !== model) {
      throw new Error(`"${fault.kind}" does not happen in a ${model}, which "${device}" is`);
    }
    this.#post({ kind: "fault", device, fault });
  }

  /** What it has counted so far. */
  counters(): Promise<DeviceCounters> {
    return this.#request({ kind: "counters" });
  }

  /** Brings images to their disks, and ends the thread. */
  async stop(): Promise<void> {
    this.#post({ kind: "stop" });
    await this.#stopped.promise;
    this.terminate();
  }

  terminate(): void {
    this.#worker.terminate();
  }

  #post(request: DeviceRequest): void {
    this.#worker.post(request);
  }

  #request<T>(request: DeviceRequest): Promise<T> {
    return this.#worker.request<T>(request);
  }

  #fail(failure: Error): void {
    this.#ready.reject(failure);
    this.listener.failed(failure);
  }

  #receive(message: Record<string, unknown>): void {
    switch (message.kind) {
      case "ready":
        return this.#ready.resolve();
      case "failed":
        return this.#fail(new Error(String(message.reason)));
      case "stopped":
        return this.#stopped.resolve();
      case "output":
        return this.listener.output(message.port as number, message.bytes as Uint8Array);
      case "log":
        return this.listener.event({ kind: "log", domain: "devices", line: String(message.line) });
      case "fault": {
        const fault = message.fault as { deviceId: number; cause: number; address: number };
        const device = this.plan.machine.devices.find((each) => each.id === fault.deviceId)?.name ??
          String(fault.deviceId);
        return this.listener.event({
          kind: "iommu-fault",
          device,
          cause: fault.cause,
          address: hex(fault.address),
        });
      }
    }
  }
}

/**
 * The thread may listen where the plan forwards from, and connect to where it allows; with "*" and with
 * datagrams, which are sent to whoever asks, that is anywhere.
 */
function networkPermission(plan: Plan): string[] | "inherit" | false {
  const places = new Set<string>();
  for (const { network } of plan.machine.devices) {
    if (network?.backend.kind !== "user") continue;
    const { forward, allow } = network.backend;
    if (allow.some(({ host }) => host === "*")) return "inherit";
    for (const { protocol, host, port } of forward) {
      const loopback = host === "127.0.0.1" || host === "::1";
      if (protocol === "udp" && !loopback) return "inherit";
      places.add(place(host, protocol === "udp" ? undefined : port));
    }
    for (const { host, port } of allow) {
      for (const each of host === "localhost" ? ["127.0.0.1", "::1"] : [host]) {
        places.add(place(each, port));
      }
    }
    // Sockets for datagrams that the machine sends are bound to any port of any address.
    if (allow.length > 0) {
      for (const any of ["0.0.0.0", "::", "127.0.0.1", "::1"]) places.add(place(any, 0));
    }
  }
  return places.size === 0 ? false : [...places];
}

function place(host: string, port: number | undefined): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return port === undefined ? name : `${name}:${port}`;
}

/** The thread may open the images and write the captures, and nothing else. */
function imagePermissions(
  plan: Plan,
  bases: Map<string, BaseImage>,
): { read: string[]; write: string[] } {
  const { devices } = plan.machine;
  const images = devices.filter((device) => device.image !== undefined);
  const captures = devices.flatMap(({ network }) => network?.capture ?? []);
  const over = [...bases.values()];
  const kept = over.flatMap(({ keep }) => keep ?? []);
  const written = images.filter((device) => !device.readOnly);
  return {
    read: [
      ...images.map(({ image }) => image!),
      ...over.map(({ base }) => base),
      ...kept,
    ],
    write: [...written.map(({ image }) => image!), ...kept, ...captures],
  };
}
