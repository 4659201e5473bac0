// A manifest without errors -> the plan. Pure: the same manifest gives the same plan, byte for byte.
import { limits } from "../../schemas/limits.ts";
import type { System } from "../../schemas/manifest.ts";
import type { DevicePlan } from "../../schemas/machine_plan.ts";
import type {
  ComponentPlan,
  DomainPlan,
  MountPlan,
  Plan,
  ProgramPlan,
  RoutePlan,
} from "../../schemas/plan.ts";
import { stopSignals } from "../../schemas/program_shape.ts";
import { planIommu } from "../isolation/iommu.ts";
import { planPermissions } from "../isolation/permissions.ts";
import type { Node } from "../source/node.ts";
import { isAddress, pathAt } from "../source/load.ts";
import { planFaults } from "./faults.ts";
import { planNetwork, planSettings } from "./network.ts";
import { layOut, REGISTERS_BASE } from "./memory_map.ts";
import type { Instance, Placement } from "./placement.ts";

/** A system call, and the group of components that serves it. */
export interface CallGroup {
  number: number;
  name: string;
  group: string;
}

export function makePlan(
  system: System,
  root: Node,
  placement: Placement,
  calls: readonly CallGroup[],
): Plan {
  const layout = layOut(system, placement);
  const devices = planDevices(system, root, placement);
  const domains = layout.spaces.map((space, id): DomainPlan => {
    const domain = system.domains[space.name];
    const recovery = domain.recovery;
    return {
      name: space.name,
      id,
      primary: domain.primary,
      isolation: domain.primary ? "none" : domain.isolation ?? "process",
      memory: { address: space.address, sizeBytes: space.sizeBytes, heapBytes: space.heapBytes },
      components: placement.instances.filter((one) => one.space === space.name).map((one) =>
        planComponent(one, system, placement)
      ),
      devices: devices.filter((device) => device.domain === space.name).map((device) =>
        device.name
      ),
      permissions: planPermissions(),
      recovery: {
        policy: recovery?.policy ?? "fail",
        clients: recovery?.clients ?? "error",
        backoffMs: recovery?.backoff ?? 0,
        maxRestarts: recovery?.policy === "restart" ? recovery.restarts : 0,
        standby: recovery?.policy === "restart" && recovery.standby,
        heartbeatMs: recovery?.heartbeat ?? 1000,
      },
    };
  });
  const mounts = planMounts(system, placement);
  return {
    version: 1,
    name: system.name,
    machine: {
      memoryBytes: system.machine.memory,
      userMemoryBytes: Math.min(
        system.machine.memory - layout.usedBytes,
        limits.userMemoryBytes.max,
      ),
      harts: system.machine.harts,
      devices,
      iommu: planIommu(layout, devices),
    },
    domains,
    rings: layout.rings,
    routes: planRoutes(placement, mounts, calls),
    mounts,
    programs: Object.entries(system.programs).map(([name, program], index) =>
      planProgram(root, name, program, index)
    ),
    ...(system.faults.length === 0 ? {} : { faults: planFaults(system, placement) }),
    ...(system.ready === undefined ? {} : { ready: system.ready }),
  };
}

/** What programs have that say nothing of how they are stopped. */
const USUAL_STOP_MS = 5000;

function planProgram(
  root: Node,
  name: string,
  program: System["programs"][string],
  index: number,
): ProgramPlan {
  const { run, argv0, args, env, cwd, uid, gid, stdin } = program;
  // A path that begins at the machine's root names a file of the machine, anything else a module.
  const module = isAddress(run) ? run : pathAt(root, ["programs", name, "run"], run);
  const executable: Pick<ProgramPlan, "kind" | "module" | "path"> = run.startsWith("/")
    ? { kind: "elf", path: run }
    : { kind: "native", module };
  return {
    name,
    ...executable,
    argv0: argv0 ?? executable.path ?? executable.module!,
    args,
    env,
    cwd,
    uid,
    gid,
    console: index * 2,
    errors: index * 2 + 1,
    stdin,
    terminal: false,
    ...planCourse(program),
  };
}

/** When a program starts, how it is watched and how it ends: what the manifest says beyond the usual. */
function planCourse(
  { depends_on, health, restart, restart_limit, restart_backoff, stop_signal, stop_timeout }:
    System["programs"][string],
): Pick<ProgramPlan, "dependsOn" | "health" | "restart" | "stop"> {
  const dependsOn = Object.entries(depends_on).map(([program, until]) => ({ program, until }));
  return {
    ...(dependsOn.length === 0 ? {} : { dependsOn }),
    ...(health === undefined ? {} : {
      health: {
        ...(health.run === undefined ? {} : { run: [health.run, ...health.args] }),
        ...(health.connect === undefined ? {} : { connect: health.connect }),
        intervalMs: health.interval,
        timeoutMs: health.timeout,
        retries: health.retries,
        startPeriodMs: health.start_period,
      },
    }),
    ...(restart === "no" ? {} : {
      restart: { when: restart, limit: restart_limit, backoffMs: restart_backoff },
    }),
    ...(stop_signal === "SIGTERM" && stop_timeout === USUAL_STOP_MS ? {} : {
      stop: { signal: stopSignals[stop_signal], timeoutMs: stop_timeout },
    }),
  };
}

function planComponent(
  instance: Instance,
  system: System,
  placement: Placement,
): ComponentPlan {
  const needs = placement.edges.filter((edge) => edge.from === instance).flatMap((edge) =>
    edge.providers.map((provider) => ({
      interface: edge.interface,
      component: provider.name,
      domain: provider.space,
      transport: provider.space === instance.space ? "call" as const : "ring" as const,
    }))
  );
  return {
    name: instance.name,
    component: instance.component,
    needs,
    ...(instance.device === undefined ? {} : { device: instance.device }),
    settings: planSettings(instance, system, placement),
  };
}

/** Where a disk's content comes from, in paths of the host. */
function planDisk(
  root: Node,
  place: string[],
  { image, rootfs }: System["machine"]["devices"][string],
): Pick<DevicePlan, "image" | "rootfs"> {
  if (rootfs === undefined) return { image: pathAt(root, [...place, "image"], image!) };
  const at = (name: string, path: string) => pathAt(root, [...place, "rootfs", name], path);
  const { debian, folder, tar, size, links, files, prepare, keep } = rootfs;
  return {
    rootfs: {
      ...(debian ? { debian } : {}),
      ...(folder === undefined ? {} : { folder: at("folder", folder) }),
      ...(tar === undefined ? {} : { tar: at("tar", tar) }),
      ...(rootfs.image === undefined ? {} : { image: at("image", rootfs.image) }),
      ...(size === undefined ? {} : { sizeBytes: size }),
      links,
      files: Object.fromEntries(
        Object.entries(files).map((
          [path, file],
        ) => [path, pathAt(root, [...place, "rootfs", "files", path], file)]),
      ),
      ...(prepare === undefined ? {} : { prepare }),
      ...(keep === undefined ? {} : { keep: at("keep", keep) }),
    },
  };
}

function planDevices(system: System, root: Node, placement: Placement): DevicePlan[] {
  return Object.entries(system.machine.devices).map(([name, device], id) => {
    const driver = placement.instances.find((instance) => instance.device === name);
    if (!driver) throw new Error(`Device "${name}" has no driver: the manifest was not checked`);
    const disk = device.model !== "virtio-blk" ? {} : {
      ...planDisk(root, ["machine", "devices", name], device),
      ...(device.create
        ? { create: { format: device.create.format, sizeBytes: device.create.size } }
        : {}),
      readOnly: device.readOnly,
    };
    const network = device.model !== "virtio-net" ? {} : {
      network: planNetwork(
        device,
        id,
        (file) => pathAt(root, ["machine", "devices", name, "capture"], file),
      ),
    };
    return {
      name,
      model: device.model,
      id,
      domain: driver.space,
      driver: driver.name,
      registers: REGISTERS_BASE + id * 4096,
      interrupt: id + 1,
      ...disk,
      ...network,
    };
  });
}

/** A mount is served by the VFS that holds its file system; its index is that of the file system there. */
function planMounts(system: System, placement: Placement): MountPlan[] {
  const types = {
    ext4: "ext4",
    tmpfs: "tmpfs",
    devfs: "devtmpfs",
    procfs: "proc",
    sysfs: "sysfs",
  } as const;
  return Object.entries(system.mounts).map(([path, { filesystem, slice }]) => {
    const edge = placement.edges.find((edge) =>
      edge.interface === "filesystem" &&
      edge.providers.some((one) =>
        one.component === filesystem && (slice === undefined || one.slice === slice)
      )
    );
    if (!edge) throw new Error(`Mount "${path}" has no file system: the manifest was not checked`);
    const index = edge.providers.findIndex((one) =>
      one.component === filesystem && (slice === undefined || one.slice === slice)
    );
    return {
      path,
      type: types[filesystem],
      domain: edge.from.space,
      component: edge.from.name,
      index,
    };
  });
}

/** Calls on files go to whoever serves the root, unless a descriptor or another mount says otherwise. */
function planRoutes(
  placement: Placement,
  mounts: MountPlan[],
  calls: readonly CallGroup[],
): RoutePlan[] {
  const root = mounts.find((mount) => mount.path === "/");
  return calls.flatMap(({ number, name, group }): RoutePlan[] => {
    const servers = placement.instances.filter((instance) => instance.described.serves === group);
    const server = servers.find((one) =>
      one.name === root?.component && one.space === root.domain
    ) ?? servers[0];
    return server ? [{ number, name, component: server.name, domain: server.space }] : [];
  });
}
