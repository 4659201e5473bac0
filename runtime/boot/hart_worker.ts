// The thread of the primary domain: its kernel components, and the hart that runs user programs.
import type { Bell } from "../hardware/doorbell.ts";
import { WindowRegisters } from "../hardware/device/register_window.ts";
import { ControlPage, LinkState } from "../hypervisor/control_page.ts";
import { MemoryOpener } from "../hypervisor/memory/opener.ts";
import type { MemoryGrant } from "../hypervisor/memory/shared_memory.ts";
import { Assembly } from "../kernel/assembly.ts";
import { type Coroutine, Tasks, WaitQueue } from "../kernel/coroutine.ts";
import { createDomainMemory } from "../kernel/domain_memory.ts";
import { DomainLoop, type PollSource } from "../kernel/domain_loop.ts";
import { DeviceAttachment } from "../kernel/drivers/device_attachment.ts";
import type { Environment } from "../kernel/environment.ts";
import { E, Errno } from "../kernel/errno.ts";
import { request, textPayload } from "../kernel/process/mounts.ts";
import type { Processes } from "../kernel/process/process_component.ts";
import { FileDescription } from "../kernel/process/description.ts";
import { resolve, type Resolved } from "../kernel/process/resolve.ts";
import { Connection } from "../kernel/remote/connection.ts";
import { ContractService } from "../kernel/remote/contract_service.ts";
import { standIn } from "../kernel/remote/interfaces.ts";
import type { Service } from "../kernel/service.ts";
import { O } from "../kernel/vfs/constants.ts";
import { Call, Private, WalkFlag } from "../kernel/vfs/protocol.ts";
import type { ProcessView } from "../kernel/vfs/procfs.ts";
import { systemCall } from "../../schemas/syscalls.ts";
import type { ClientContract, Plan, ProgramPlan } from "../../schemas/plan.ts";
import { Hart } from "../user/hart.ts";
import type { NativeMain } from "../user/native/posix.ts";
import { NativeProgram } from "../user/native/program.ts";
import { Attention } from "./attention.ts";
import { self } from "./worker_scope.ts";

/** The first message. */
export interface HartWorkerSetup {
  plan: Plan;
  memory: MemoryGrant;
  bell: MemoryGrant;
  deviceBell: MemoryGrant;
  windows: { device: string; memory: MemoryGrant }[];
  control: SharedArrayBuffer;
  attention: SharedArrayBuffer;
  /** rings whose client is the primary, by index in the plan */
  rings: { index: number; memory: MemoryGrant; bell: MemoryGrant }[];
  /** whether a server cannot ring the hart's bell: it must not sleep for long */
  shortSleeps: boolean;
}

export type HartRequest =
  | { kind: "run" }
  | { kind: "ring"; index: number; memory: MemoryGrant; bell: MemoryGrant }
  | { kind: "stop" };

export interface HartCounters {
  calls: number;
  /** by index of the ring in the plan */
  rings: { index: number; roundTrips: number; doorbells: number }[];
  missing: [name: string, count: number][];
  heapBytes: number;
}

const MAX_SLEEP_NS = 20e6;
const SHORT_SLEEP_NS = 0.5e6;
const SIGTERM = 15;
/** Deaths of a server that making one mount point survives. */
const MOUNT_TRIES = 8;

interface Link {
  index: number;
  connection: Connection;
  contract: ContractService | undefined;
  terms: ClientContract;
  domain: string;
  seen: number;
  memory: ArrayBufferLike;
  bell: Bell;
}

self.onmessage = ({ data }: MessageEvent<HartWorkerSetup>) => {
  run(data).catch((failure) => {
    setTimeout(() => {
      throw failure;
    });
  });
};

async function run(setup: HartWorkerSetup): Promise<void> {
  const { plan } = setup;
  const domain = plan.domains.find((each) => each.primary)!;
  const opener = new MemoryOpener();
  const nowNs = () => performance.now() * 1e6;
  const tasks = new Tasks(nowNs);
  const environment: Environment = {
    nowNs,
    realtimeNs: () =>
      BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n,
    random: (into) => into.set(crypto.getRandomValues(new Uint8Array(into.length))),
    tasks,
    memory: createDomainMemory(opener.open(setup.memory).buffer, domain.memory.address),
    log: (line) => self.postMessage({ kind: "log", line }),
  };
  const control = new ControlPage(setup.control);
  const sleeper = opener.doorbell(opener.open(setup.bell));
  const deviceBell = opener.doorbell(opener.open(setup.deviceBell));
  const sources: PollSource[] = [];
  const links = setup.rings.map(({ index, memory, bell }): Link => {
    const ring = plan.rings[index];
    const buffer = opener.open(memory).buffer;
    const serverBell = opener.doorbell(opener.open(bell));
    const connection = new Connection(
      buffer,
      ring,
      0,
      serverBell,
      (reason) => {
        environment.log(`ring "${ring.name}": ${reason}`);
        control.accuse(index);
      },
    );
    connection.lose("down");
    sources.push(connection);
    const contract = plan.domains.find((each) => each.name === ring.server)!.recovery.clients;
    return {
      index,
      connection,
      contract: ring.interface === "disk"
        ? undefined
        : new ContractService(connection, contract, environment.tasks),
      terms: contract,
      domain: ring.server,
      seen: control.linkWord(index),
      memory: buffer,
      bell: serverBell,
    };
  });

  const follow = (link: Link) => {
    if (!control.linkChanged(link.index, link.seen)) return;
    const word = link.seen = control.linkWord(link.index);
    const { state, generation } = ControlPage.linkOf(word);
    if (state === LinkState.UP) {
      link.connection.restore(link.memory, generation, link.bell);
      if (link.contract !== undefined) {
        tasks.spawn(link.contract.recover(), (_value, failure) => {
          if (failure !== undefined) throw failure;
        });
      }
    } else link.connection.lose(state === LinkState.GONE ? "gone" : "down");
    control.acknowledge(link.index, word);
  };

  const assembly = new Assembly(domain, environment, {
    attachment: (device) => {
      const window = setup.windows.find((each) => each.device === device)!;
      const made = new DeviceAttachment(
        new WindowRegisters(opener.open(window.memory).buffer, deviceBell, nowNs),
      );
      sources.push(made);
      return made;
    },
    remote: (need) => {
      const link = links.find((each) =>
        each.domain === need.domain && plan.rings[each.index].interface === need.interface
      );
      if (link === undefined) {
        throw new Error(`No ring leads to "${need.interface}" of domain "${need.domain}"`);
      }
      return link.contract ??
        standIn(need.interface, link.connection, link.terms, environment);
    },
  });
  const spinNs = Math.max(0, ...setup.rings.map(({ index }) => plan.rings[index].spinUs)) * 1000;
  const maxSleepNs = setup.shortSleeps ? SHORT_SLEEP_NS : MAX_SLEEP_NS;
  const loop = new DomainLoop(sources, tasks, sleeper, { nowNs, spinNs, maxSleepNs });
  const attention = new Attention(setup.attention);
  let stopping = false;
  const hart = new Hart(loop, tasks, {
    attend: () => {
      for (const link of links) follow(link);
    },
    attentionNeeded: () => attention.needed,
    turnEventLoop: () => attention.turnEventLoop(),
  });

  const missing = new Map<string, number>();
  const running: NativeProgram[] = [];
  const serviceOf = (component: string, of: string): Service =>
    of === domain.name
      ? assembly.interface<Service>(component, "files")
      : links.find((link) => link.domain === of && link.contract !== undefined)!.contract!;

  const broughtUp = new WaitQueue();
  let bringingUp = false;

  const startPrograms = async (): Promise<void> => {
    bringingUp = true;
    // Somebody is under way who does not wait for a system call: the event loop has to turn.
    hart.adopt();
    const mains = new Map<string, NativeMain>();
    for (const program of plan.programs) {
      mains.set(program.name, (await import(toUrl(program.module))).default as NativeMain);
    }
    // Modules are loaded and memory is open: programs and kernel need nothing of the host from here on.
    opener.seal();
    for (const name of ["read", "write", "ffi", "run", "net", "env", "sys", "import"] as const) {
      Deno.permissions.revokeSync({ name });
    }
    tasks.spawn(bringUp(), (processes, failure) => {
      bringingUp = false;
      broughtUp.wakeAll();
      hart.retire();
      if (failure !== undefined) {
        const reason = failure instanceof Errno ? `mounting failed: ${failure}` : String(failure);
        self.postMessage({ kind: "failed", reason });
        stopping = true;
        return;
      }
      self.postMessage({ kind: "booted" });
      for (const program of plan.programs) {
        startProgram(processes!, program, mains.get(program.name)!);
      }
    });
  };

  /** Components give back what they hold, file systems to their disks, while those still answer. */
  function* shutDown(): Coroutine<void> {
    while (bringingUp) yield broughtUp;
    yield* assembly.stop();
  }

  function* bringUp(): Coroutine<Processes> {
    yield* assembly.start();
    const name = [...assembly.components].find(([, component]) => "syscalls" in component.provides)
      ?.[0];
    if (name === undefined) throw new Error("The primary domain has no process component");
    const processes = assembly.interface<Processes>(name, "syscalls");
    const table = processes.mounts;
    const ordered = [...plan.mounts].sort((a, b) =>
      a.path.length - b.path.length || (a.path < b.path ? -1 : 1)
    );
    for (const mount of ordered) {
      const service = serviceOf(mount.component, mount.domain);
      if (mount.path === "/") {
        yield* table.mount(service, mount.index, mount.type, "/", undefined);
        continue;
      }
      const init = yield* processes.start("init", ["init"], 0, 0);
      const parent = yield* resolve(init, init.root, mount.path, WalkFlag.PARENT);
      yield* makeDirectory(parent);
      const covers = yield* resolve(
        init,
        init.root,
        mount.path,
        WalkFlag.FOLLOW | WalkFlag.DIRECTORY,
      );
      yield* table.mount(service, mount.index, mount.type, mount.path, {
        mount: covers.mount,
        handle: covers.handle,
      });
      yield* request(parent.mount.service, Call.CLOSE, [parent.handle]);
      yield* processes.end(init, 0);
    }
    for (const component of assembly.components.values()) {
      const show = component.provides.processView as ((view: ProcessView) => void) | undefined;
      show?.(processes.view);
    }
    return processes;
  }

  /** A mount point, where there is none. A server that dies meanwhile may have made it or not: asked again. */
  function* makeDirectory(parent: Resolved): Coroutine<void> {
    for (let tries = 1;; tries++) {
      try {
        const payload = textPayload(parent.name);
        yield* request(parent.mount.service, Call.MKDIRAT, [
          parent.handle,
          parent.name.length,
          0o755,
        ], payload);
        return;
      } catch (failure) {
        if (!(failure instanceof Errno)) throw failure;
        if (failure.errno === E.EEXIST || failure.errno === E.EROFS) return;
        if (failure.errno !== E.EIO || tries === MOUNT_TRIES) throw failure;
      }
    }
  }

  function* prepare(
    processes: Processes,
    program: ProgramPlan,
  ): Coroutine<[NativeProgram, string[]]> {
    const argv = [program.module, ...program.args];
    const process = yield* processes.start(program.name, argv, program.uid, program.gid);
    for (let fd = 0; fd < 3; fd++) {
      const found = yield* resolve(
        process,
        process.root,
        `/dev/hvc${program.console}`,
        WalkFlag.FOLLOW,
      );
      yield* request(found.mount.service, Private.OPEN, [found.handle, O.RDWR]);
      const location = { mount: found.mount, handle: found.handle };
      process.addDescription(
        new FileDescription(
          location,
          O.RDWR,
          found.mode,
          process.credential,
          (body) => tasks.spawn(body),
        ),
        false,
      );
    }
    const cwd = yield* resolve(
      process,
      process.root,
      program.cwd,
      WalkFlag.FOLLOW | WalkFlag.DIRECTORY,
    );
    yield* request(process.cwd.mount.service, Call.CLOSE, [process.cwd.handle]);
    process.cwd = { mount: cwd.mount, handle: cwd.handle };
    const count = (number: number) => {
      const name = systemCall(number)?.name ?? String(number);
      missing.set(name, (missing.get(name) ?? 0) + 1);
    };
    return [new NativeProgram(hart, processes, process, count), argv];
  }

  function startProgram(processes: Processes, program: ProgramPlan, main: NativeMain): void {
    hart.adopt();
    tasks.spawn(prepare(processes, program), (prepared, failure) => {
      hart.retire();
      const ended = (status: number, reason?: string) =>
        self.postMessage({ kind: "program-ended", program: program.name, status, reason });
      if (failure !== undefined) return ended(126, `cannot start: ${failure}`);
      const [native, argv] = prepared!;
      running.push(native);
      self.postMessage({ kind: "program-started", program: program.name });
      native.run(main, argv, program.env).then((status) => ended(status));
    });
  }

  self.onmessage = ({ data }) => {
    const message = data as HartRequest & { request: number };
    if (message.kind === "run") {
      void startPrograms().catch((failure) =>
        self.postMessage({ kind: "failed", reason: String(failure) })
      );
    }
    if (message.kind === "ring") {
      const link = links.find((each) => each.index === message.index)!;
      link.memory = opener.open(message.memory).buffer;
      link.bell = opener.doorbell(opener.open(message.bell));
    }
    attention.handled();
    if (message.kind === "stop") {
      return void tasks.spawn(shutDown(), (_value, failure) => {
        if (failure !== undefined) environment.log(`stopping: ${failure}`);
        stopping = true;
        self.postMessage({ reply: message.request, value: counters() });
      });
    }
    self.postMessage({ reply: message.request });
  };
  const counters = (): HartCounters => ({
    calls: hart.calls,
    rings: links.map(({ index, connection: { ring } }) => ({
      index,
      roundTrips: ring.roundTrips,
      doorbells: ring.doorbells,
    })),
    missing: [...missing],
    heapBytes: Deno.memoryUsage().heapUsed,
  });
  self.postMessage({ kind: "ready" });

  let killed = false;
  await hart.run(() => {
    if (control.stopping && !killed) {
      killed = true;
      for (const program of running) program.kill(SIGTERM);
    }
    return stopping;
  });
  self.close();
}

/** A module's path as the plan has it, or a URL. */
function toUrl(module: string): string {
  return /^[a-z]+:\/\//.test(module) ? module : new URL(`file://${module}`).href;
}
