// The hardware of a machine as one loop body: the IOMMU and all devices. Whoever owns a host thread
// for it calls `poll`; domains come and go through `admit` and `fence`.
import type { IommuContextPlan } from "../../../schemas/machine_plan.ts";
import type { Recorder } from "../../trace/recorder.ts";
import type { Bell } from "../doorbell.ts";
import { Iommu } from "../iommu/iommu.ts";
import type { FaultRecord } from "../iommu/fault_queue.ts";
import { iommuTableBytes, IommuTables } from "../iommu/tables.ts";
import { PhysicalMemory } from "../physical_memory.ts";
import { WindowPort } from "./register_window.ts";
import { type DeviceModel, VirtioDevice } from "./virtio_device.ts";

const NO_FAULTS: FaultRecord[] = [];

export class Platform {
  readonly memory = new PhysicalMemory();
  readonly iommu = new Iommu(this.memory);
  readonly #tables: IommuTables;
  readonly #devices = new Map<string, { device: VirtioDevice; context: IommuContextPlan }>();

  /**
   * @param directory physical address of the hypervisor's memory for IOMMU tables
   * @param trace takes what devices do, where somebody wants to know
   */
  constructor(
    directory: number,
    contexts: readonly IommuContextPlan[],
    private readonly log: (line: string) => void,
    private readonly trace?: Recorder,
  ) {
    const buffer = new ArrayBuffer(iommuTableBytes(contexts));
    this.memory.add(directory, buffer);
    this.#tables = new IommuTables(this.iommu, this.memory, directory, buffer);
  }

  /** Plugs in a device; it reaches nothing until its domain is admitted. */
  plug(name: string, context: IommuContextPlan, model: DeviceModel): VirtioDevice {
    const calls = {
      setFirstStage: (root: number) => this.#tables.setFirstStage(context.deviceId, root),
      invalidate: () => this.#tables.invalidatePages(context),
    };
    const { iommu, log, trace } = this;
    const device = new VirtioDevice(name, context.deviceId, model, iommu, calls, log, trace);
    this.#devices.set(name, { device, context });
    return device;
  }

  /** Gives a domain its devices: its memory appears, and its register windows are connected. */
  admit(
    memory: { address: number; buffer: ArrayBufferLike },
    windows: { device: string; buffer: ArrayBufferLike }[],
    bell: Bell,
  ): void {
    this.memory.add(memory.address, memory.buffer);
    for (const window of windows) {
      const { device, context } = this.#get(window.device);
      this.#tables.admit(context);
      device.attach(new WindowPort(window.buffer, bell));
    }
  }

  /** Takes a domain's devices and its memory away; no transfer touches it after this. */
  fence(address: number, devices: string[]): void {
    for (const name of devices) {
      const { device, context } = this.#get(name);
      this.#tables.fence(context.deviceId);
      device.attach(undefined);
    }
    this.memory.remove(address);
  }

  /** Faults recorded for a device since the start. */
  faults(device: string): number {
    return this.iommu.faultCount(this.#get(device).context.deviceId);
  }

  /** Takes the fault records there are. */
  takeFaults(): FaultRecord[] {
    if (!this.iommu.faults.pending) return NO_FAULTS;
    const records: FaultRecord[] = [];
    for (
      let record = this.iommu.faults.take();
      record !== undefined;
      record = this.iommu.faults.take()
    ) records.push(record);
    return records;
  }

  /** One turn over all devices. @returns whether there was anything to do */
  poll(): boolean {
    let worked = false;
    for (const { device } of this.#devices.values()) if (device.poll()) worked = true;
    return worked;
  }

  get pending(): boolean {
    for (const { device } of this.#devices.values()) if (device.pending) return true;
    return false;
  }

  #get(name: string): { device: VirtioDevice; context: IommuContextPlan } {
    const found = this.#devices.get(name);
    if (found === undefined) throw new Error(`There is no device "${name}"`);
    return found;
  }
}
