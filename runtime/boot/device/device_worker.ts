// The thread of the machine's hardware: IOMMU and device models, and the only holder of host resources.
// It opens what its models need, gives up its permissions, and then serves windows and messages.
import { FileImage } from "../../hardware/device/file_image.ts";
import { Platform } from "../../hardware/device/platform.ts";
import { FailingDisk } from "../../hardware/fault/failing_disk.ts";
import { LossyBackend } from "../../hardware/fault/lossy_backend.ts";
import { RequestCountdown } from "../../hardware/fault/request_countdown.ts";
import { VirtioBlk } from "../../hardware/device/virtio_blk.ts";
import { VirtioNet } from "../../hardware/device/virtio_net.ts";
import { Backends, parseMac } from "../../hardware/network/open_backend.ts";
import { VirtioConsole } from "../../hardware/device/virtio_console.ts";
import { Poller } from "../../hardware/poller.ts";
import { Timers } from "../../hardware/timers.ts";
import type { TerminalSize } from "../../hardware/device/virtio.ts";
import type { DeviceModel } from "../../hardware/device/virtio_device.ts";
import { VirtioRng } from "../../hardware/device/virtio_rng.ts";
import { openClock } from "../../hypervisor/memory/host_clock.ts";
import { MemoryOpener } from "../../hypervisor/memory/opener.ts";
import { isPolled, type MemoryGrant } from "../../hypervisor/memory/shared_memory.ts";
import type { DevicePlan, MachinePlan } from "../../../schemas/machine_plan.ts";
import type { FaultDescription, FaultPlan } from "../../../schemas/plan.ts";
import { OverlayImage } from "../../image/overlay/overlay_image.ts";
import { Attention } from "../attention.ts";
import { HostCalls, runDevices } from "./device_loop.ts";
import type { BaseImage } from "../image/root_file_systems.ts";
import { Recorder } from "../../trace/recorder.ts";
import { self } from "../worker_scope.ts";

/** The first message. */
export interface DeviceWorkerSetup {
  machine: MachinePlan;
  consolePorts: number;
  /** what is to go wrong in devices at certain requests */
  faults: FaultPlan[];
  /** domains whose connections outlive their instances */
  outliving: string[];
  /** disks over images that stay as they are: by name of the device */
  bases: [device: string, base: BaseImage][];
  bell: MemoryGrant;
  /** whether a domain with devices cannot ring the bell: the thread must not sleep for long */
  shortSleeps: boolean;
  attention: SharedArrayBuffer;
  trace: SharedArrayBuffer;
  /** every mapped object and bell it will ever be given, so that it can open them now */
  grants: MemoryGrant[];
  bells: MemoryGrant[];
}

export type DeviceRequest =
  | {
    kind: "admit";
    address: number;
    memory: MemoryGrant;
    windows: { device: string; memory: MemoryGrant }[];
    bell: MemoryGrant;
  }
  | { kind: "fence"; address: number; devices: string[] }
  | { kind: "input"; port: number; bytes: Uint8Array }
  | { kind: "end-input"; port: number }
  | { kind: "resize"; port: number; size: TerminalSize }
  | { kind: "written"; port: number; bytes: number }
  | { kind: "fault"; device: string; fault: FaultDescription }
  | { kind: "counters" }
  | { kind: "stop" };

export interface DeviceCounters {
  /** that the IOMMU has recorded, by index of the device in the plan */
  faults: number[];
  /** turns of the host's event loop that its loop waited for */
  eventLoopTurns: number;
}

const MAX_SLEEP_NS = 20e6;
/** As a hart sleeps that a worker cannot wake: a request of a disk takes up to that long. */
const SHORT_SLEEP_NS = 0.5e6;

self.onmessage = ({ data }: MessageEvent<DeviceWorkerSetup>) => {
  run(data).catch((failure) => {
    setTimeout(() => {
      throw failure;
    });
  });
};

/** Whether a device makes connections of the host while the machine runs, or answers datagrams. */
function connects({ network }: DevicePlan): boolean {
  if (network?.backend.kind !== "user") return false;
  const { allow, forward } = network.backend;
  return allow.length > 0 || forward.some(({ protocol }) => protocol === "udp");
}

/** A disk's image: a file, or what a machine changes over one that stays as it is. */
function openImage(device: DevicePlan, base: BaseImage | undefined): FileImage | OverlayImage {
  if (base === undefined) return new FileImage(device.image!, device.readOnly ?? false).claim();
  if (device.readOnly) return new FileImage(base.base, true);
  return base.keep === undefined
    ? OverlayImage.inMemory(base.base)
    : OverlayImage.inFile(base.base, base.keep, base.identity);
}

async function run(setup: DeviceWorkerSetup): Promise<void> {
  const opener = new MemoryOpener();
  const opened = new Map(
    setup.grants.filter((grant) => grant.kind === "mapped").map((
      grant,
    ) => [grant.name, opener.open(grant)]),
  );
  const open = (grant: MemoryGrant) => opened.get(grant.name) ?? opener.open(grant);
  const bell = open(setup.bell);
  const poller = isPolled(bell) ? new Poller() : undefined;
  const sleeper = poller ? opener.polledDoorbell(bell, poller) : opener.doorbell(bell);
  const bells = new Map(
    setup.bells.map((grant) => [grant.name, opener.doorbell(opener.open(grant))]),
  );
  const log = (line: string) => self.postMessage({ kind: "log", line });
  const images: (FileImage | OverlayImage)[] = [];
  const bases = new Map(setup.bases);
  const consoles: VirtioConsole[] = [];
  const { directory, contexts } = setup.machine.iommu;
  const trace = new Recorder(setup.trace, () => performance.timeOrigin + performance.now());
  const platform = new Platform(directory, contexts, log, trace);
  const host = new HostCalls();
  const nowMs = () => performance.now();
  const nowNs = openClock(), timers = new Timers(nowNs);
  const backends = new Backends(() => host.called(), poller && { poller, timers });
  /** devices in which something may go wrong */
  const faulty = new Map<string, { begin(fault: FaultDescription): void }>();
  const countdownsOf = ({ name }: DevicePlan) =>
    setup.faults.filter(({ place }) => place === name).map((fault, index) =>
      new RequestCountdown(fault, index)
    );
  const makeModel = async (device: DevicePlan): Promise<DeviceModel> => {
    switch (device.model) {
      case "virtio-blk": {
        const image = openImage(device, bases.get(device.name));
        images.push(image);
        const model = new VirtioBlk(image, device.name, log);
        const disk = new FailingDisk(model, countdownsOf(device), nowMs, log);
        faulty.set(device.name, disk);
        return disk;
      }
      case "virtio-console": {
        const model = new VirtioConsole(
          setup.consolePorts,
          (port, bytes) => self.postMessage({ kind: "output", port, bytes }),
        );
        consoles.push(model);
        return model;
      }
      case "virtio-net": {
        const { network } = device;
        const cable = new LossyBackend(
          await backends.open(network!, setup.outliving.includes(device.domain)),
          countdownsOf(device),
          nowMs,
          log,
        );
        faulty.set(device.name, cable);
        return new VirtioNet(cable, parseMac(network!.mac));
      }
      case "virtio-rng":
        return new VirtioRng((bytes) => crypto.getRandomValues(bytes));
    }
  };
  try {
    for (const device of setup.machine.devices) {
      const context = setup.machine.iommu.contexts.find((each) => each.device === device.name)!;
      platform.plug(device.name, context, await makeModel(device));
    }
  } catch (failure) {
    // An image that is missing, or a port in use, is nothing that went wrong here: no stack is of use.
    self.postMessage({ kind: "failed", reason: (failure as Error).message });
    return self.close();
  }
  // What is open stays usable; nothing else of the host can be reached from here on.
  opener.seal();
  for (const name of ["read", "write", "ffi", "run", "env", "sys", "import"] as const) {
    Deno.permissions.revokeSync({ name });
  }
  // Connections are made as long as the machine runs: to what is allowed, which is all that was granted.
  if (!setup.machine.devices.some(connects)) {
    Deno.permissions.revokeSync({ name: "net" });
    backends.seal();
  }

  let stopping = false;
  const attention = new Attention(setup.attention);
  const serve = (request: DeviceRequest): unknown => {
    switch (request.kind) {
      case "admit":
        platform.admit(
          { address: request.address, buffer: open(request.memory).buffer },
          request.windows.map(({ device, memory }) => ({ device, buffer: open(memory).buffer })),
          request.bell.kind === "mapped"
            ? bells.get(request.bell.name)!
            : opener.doorbell(opener.open(request.bell)),
        );
        return;
      case "fence":
        platform.fence(request.address, request.devices);
        return;
      case "input":
        return consoles.every((model) => model.input(request.port, request.bytes));
      case "end-input":
        for (const model of consoles) model.endInput(request.port);
        return;
      case "resize":
        for (const model of consoles) model.resize(request.port, request.size);
        return;
      case "written":
        for (const model of consoles) model.written(request.port, request.bytes);
        return;
      case "fault":
        faulty.get(request.device)!.begin(request.fault);
        return;
      case "counters":
        return {
          faults: setup.machine.devices.map((device) => platform.faults(device.name)),
          eventLoopTurns: attention.turns,
        } satisfies DeviceCounters;
      case "stop":
        stopping = true;
    }
  };
  self.onmessage = ({ data }) => {
    try {
      self.postMessage({ reply: data.request, value: serve(data) });
    } catch (failure) {
      self.postMessage({ reply: data.request, failure: String(failure) });
    }
    attention.handled();
  };
  self.postMessage({ kind: "ready" });

  await runDevices({
    platform,
    sleeper,
    poller,
    timers,
    needEventLoop: () => backends.needEventLoop,
    host,
    attention,
    nowNs,
    maxSleepNs: setup.shortSleeps ? SHORT_SLEEP_NS : MAX_SLEEP_NS,
    faulted: (fault) => self.postMessage({ kind: "fault", fault }),
  }, () => stopping);
  for (const image of images) {
    if (!image.readOnly) image.flush();
    image.close();
  }
  backends.close();
  poller?.close();
  self.postMessage({ kind: "stopped" });
  self.close();
}
