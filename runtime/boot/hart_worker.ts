// The thread of the primary domain: its kernel components, and the hart that runs user programs.
import type { Bell } from "../hardware/doorbell.ts";
import { RegionRecorder } from "../hardware/hart/dump.ts";
import { type EngineName, makeEngine } from "../hardware/hart/make_engine.ts";
import { WindowRegisters } from "../hardware/device/register_window.ts";
import { ControlPage } from "../hypervisor/control_page.ts";
import { MemoryOpener } from "../hypervisor/memory/opener.ts";
import type { MemoryGrant } from "../hypervisor/memory/shared_memory.ts";
import { Assembly } from "../kernel/assembly.ts";
import type { ComponentCounters } from "../kernel/component.ts";
import { type Coroutine, Tasks, WaitQueue } from "../kernel/coroutine.ts";
import { createDomainMemory } from "../kernel/domain_memory.ts";
import { DomainLoop, type PollSource } from "../kernel/domain_loop.ts";
import { DeviceAttachment } from "../kernel/drivers/device_attachment.ts";
import type { Terminal } from "../kernel/drivers/terminal.ts";
import type { Environment } from "../kernel/environment.ts";
import { Errno } from "../kernel/errno.ts";
import type { Processes } from "../kernel/process/process_component.ts";
import type { Process } from "../kernel/process/process.ts";
import { Connection } from "../kernel/remote/connection.ts";
import { ContractService } from "../kernel/remote/contract_service.ts";
import { standIn } from "../kernel/remote/interfaces.ts";
import { LinkFollower } from "../kernel/remote/link_follower.ts";
import { makeTrap } from "../kernel/remote/trap.ts";
import type { Service } from "../kernel/service.ts";
import type { ProcessView } from "../kernel/vfs/procfs.ts";
import { systemCall } from "../../schemas/syscalls.ts";
import type { ClientContract, Plan } from "../../schemas/plan.ts";
import { toByteString } from "../kernel/vfs/protocol.ts";
import { Recorder } from "../trace/recorder.ts";
import { startProgram } from "../user/guest/exec.ts";
import { traceCalls } from "../user/guest/strace.ts";
import { GuestHart } from "../user/guest/guest_hart.ts";
import { Hart } from "../user/hart.ts";
import type { NativeMain } from "../user/native/posix.ts";
import { NativeProgram } from "../user/native/program.ts";
import { Attention } from "./attention.ts";
import { mountTree } from "./mount_tree.ts";
import { DEFAULT_ENVIRONMENT, Programs, type Runner } from "./programs.ts";
import { type SessionRequest, Sessions } from "./sessions.ts";
import { self } from "./worker_scope.ts";

/** The first message. */
export interface HartWorkerSetup {
  plan: Plan;
  memory: MemoryGrant;
  bell: MemoryGrant;
  deviceBell: MemoryGrant;
  windows: { device: string; memory: MemoryGrant }[];
  control: SharedArrayBuffer;
  trace: SharedArrayBuffer;
  attention: SharedArrayBuffer;
  /** rings whose client is the primary, by index in the plan */
  rings: { index: number; memory: MemoryGrant; bell: MemoryGrant }[];
  /** whether a server cannot ring the hart's bell: it must not sleep for long */
  shortSleeps: boolean;
  /** whether system calls of ELF programs are told */
  strace: boolean;
  engine: EngineName;
  /** whether translated code is told at the end */
  dump: boolean;
}

export type HartRequest =
  | { kind: "run" }
  | { kind: "start"; program: string }
  | SessionRequest
  | { kind: "signal"; program: string; number: number }
  | { kind: "ring"; index: number; memory: MemoryGrant; bell: MemoryGrant }
  | { kind: "counters" }
  | { kind: "stop" };

export interface HartCounters extends ComponentCounters {
  calls: number;
  /** turns of its loop that found nothing to do */
  spins: number;
  callCounts: [name: string, count: number][];
  missing: [name: string, count: number][];
  heapBytes: number;
}

const MAX_SLEEP_NS = 20e6;
/** Where a worker domain cannot ring the hart's bell: docs/decisions/2026-11-23-worker-beside-process.md. */
const SHORT_SLEEP_NS = 0.5e6;

interface Link {
  index: number;
  connection: Connection;
  contract: ContractService | undefined;
  terms: ClientContract;
  domain: string;
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
  const trace = new Recorder(setup.trace, () => performance.timeOrigin + performance.now());
  const tasks = new Tasks(nowNs, trace);
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
  const maxSleepNs = setup.shortSleeps ? SHORT_SLEEP_NS : MAX_SLEEP_NS;
  const trap = makeTrap(sleeper, nowNs, maxSleepNs);
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
      ring.style === "trap" ? trap : undefined,
      nowNs,
      tasks,
      index,
    );
    connection.lose("down");
    sources.push(connection);
    const contract = plan.domains.find((each) => each.name === ring.server)!.recovery.clients;
    return {
      index,
      connection,
      contract: ring.interface === "files"
        ? new ContractService(connection, contract, environment.tasks)
        : undefined,
      terms: contract,
      domain: ring.server,
      memory: buffer,
      bell: serverBell,
    };
  });

  const followers = links.map((link) =>
    new LinkFollower(control, link.index, {
      up: (generation) => {
        link.connection.restore(link.memory, generation, link.bell);
        const resume = () => control.resume(link.index, generation, link.connection.ring.answers);
        if (link.contract === undefined) return resume();
        tasks.spawn(link.contract.recover(), (_value, failure) => {
          if (failure !== undefined) throw failure;
          resume();
        });
      },
      down: (gone) => {
        link.connection.lose(gone ? "gone" : "down");
        return true;
      },
    })
  );

  const assembly = new Assembly(domain, environment, {
    attachment: (device) => {
      const window = setup.windows.find((each) => each.device === device)!;
      const made = new DeviceAttachment(
        new WindowRegisters(opener.open(window.memory).buffer, deviceBell, nowNs),
        plan.machine.devices.find(({ name }) => name === device)!.id,
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
  const loop = new DomainLoop(sources, tasks, sleeper, {
    nowNs,
    spinNs,
    maxSleepNs,
    adaptive: true,
  });
  const attention = new Attention(setup.attention);
  let stopping = false;
  const hart = new Hart(loop, tasks, {
    attend: () => {
      for (const follower of followers) follower.follow();
    },
    attentionNeeded: () => attention.needed,
    turnEventLoop: () => attention.turnEventLoop(),
  });

  const missing = new Map<string, number>();
  const countMissing = (number: number) => {
    const name = systemCall(number)?.name ?? String(number);
    missing.set(name, (missing.get(name) ?? 0) + 1);
  };
  let programs: Programs | undefined, sessions: Sessions | undefined;
  const serviceOf = (component: string, of: string): Service =>
    of === domain.name
      ? assembly.interface<Service>(component, "files")
      : links.find((link) => link.domain === of && link.contract !== undefined)!.contract!;

  const broughtUp = new WaitQueue();
  let bringingUp = false;

  const prepare = async (): Promise<void> => {
    bringingUp = true;
    // Somebody is under way who does not wait for a system call: the event loop has to turn.
    hart.leave();
    const mains = new Map<string, NativeMain>();
    for (const { name, module } of plan.programs) {
      if (module !== undefined) {
        mains.set(name, (await import(toUrl(module))).default as NativeMain);
      }
    }
    // Modules are loaded and memory is open: programs and kernel need nothing of the host from here on.
    opener.seal();
    for (const name of ["read", "write", "ffi", "run", "net", "env", "sys", "import"] as const) {
      Deno.permissions.revokeSync({ name });
    }
    tasks.spawn(bringUp(), (processes, failure) => {
      bringingUp = false;
      broughtUp.wakeAll();
      hart.enter();
      if (failure !== undefined) {
        const reason = failure instanceof Errno ? `mounting failed: ${failure}` : String(failure);
        self.postMessage({ kind: "failed", reason });
        stopping = true;
        return;
      }
      let guest: GuestHart | undefined;
      const execute = function* (process: Process, path: string, env: Record<string, string>) {
        guest ??= makeGuest(processes!);
        const environment = Object.entries({ ...DEFAULT_ENVIRONMENT, ...env }).map((
          [name, value],
        ) => `${name}=${value}`);
        yield* startProgram(guest, process, path, process.argv, environment.map(toByteString));
      };
      const native: Runner = function* (process, program) {
        new NativeProgram(hart, processes!, process, countMissing)
          .run(mains.get(program.name)!, process.argv, program.env);
      };
      const elf: Runner = (process, { path, env }) => execute(process, path!, env);
      const terminal = [...assembly.components.values()].map(({ provides }) => provides.terminal)
        .find((provided) => provided !== undefined) as Terminal | undefined;
      if (terminal !== undefined) {
        tasks.spawn(function* (): Coroutine<void> {
          for (;;) {
            yield terminal.resized;
            programs?.resized();
          }
        }());
      }
      programs = new Programs(
        processes!,
        tasks,
        { native, elf },
        (message) => self.postMessage(message),
        (port) => terminal?.size(port),
      );
      sessions = new Sessions(
        processes!,
        tasks,
        execute,
        (message) => self.postMessage(message),
      );
      self.postMessage({ kind: "booted" });
    });
  };

  let recorder: RegionRecorder | undefined;
  const makeGuest = (processes: Processes): GuestHart => {
    processes.provideMemory(plan.machine.userMemoryBytes);
    return new GuestHart(
      hart,
      tasks,
      processes,
      (memory, pager, clock) => {
        if (setup.dump) recorder = new RegionRecorder(memory);
        return makeEngine(setup.engine, memory, pager, clock, recorder);
      },
      {
        missing: countMissing,
        ...(setup.strace
          ? {
            traced: traceCalls(plan.routes, (line) => self.postMessage({ kind: "strace", line })),
          }
          : {}),
      },
    );
  };

  /** Components give back what they hold, file systems to their disks, while those still answer. */
  function* shutDown(): Coroutine<void> {
    while (bringingUp) yield broughtUp;
    // What still runs would find file systems that are gone.
    if (programs !== undefined) yield* programs.endAll();
    yield* assembly.stop();
  }

  function* bringUp(): Coroutine<Processes> {
    yield* assembly.start();
    const name = [...assembly.components].find(([, component]) => "syscalls" in component.provides)
      ?.[0];
    if (name === undefined) throw new Error("The primary domain has no process component");
    const processes = assembly.interface<Processes>(name, "syscalls");
    yield* mountTree(processes, plan.mounts, serviceOf);
    for (const component of assembly.components.values()) {
      const show = component.provides.processView as ((view: ProcessView) => void) | undefined;
      show?.(processes.view);
    }
    return processes;
  }

  self.onmessage = ({ data }) => {
    const message = data as HartRequest & { request: number };
    if (message.kind === "run") {
      void prepare().catch((failure) =>
        self.postMessage({ kind: "failed", reason: String(failure) })
      );
    }
    if (message.kind === "start") {
      programs!.start(plan.programs.find(({ name }) => name === message.program)!);
    }
    if ("session" in message) sessions!.receive(message);
    if (message.kind === "signal") programs?.signal(message.number, message.program);
    if (message.kind === "ring") {
      const link = links.find((each) => each.index === message.index)!;
      link.memory = opener.open(message.memory).buffer;
      link.bell = opener.doorbell(opener.open(message.bell));
    }
    attention.handled();
    if (message.kind === "counters") {
      return self.postMessage({ reply: message.request, value: counters() });
    }
    if (message.kind === "stop") {
      return void tasks.spawn(shutDown(), (_value, failure) => {
        if (failure !== undefined) environment.log(`stopping: ${failure}`);
        stopping = true;
        for (const region of recorder?.texts() ?? []) {
          self.postMessage({ kind: "translated", ...region });
        }
        self.postMessage({ reply: message.request, value: counters() });
      });
    }
    self.postMessage({ reply: message.request });
  };
  const counters = (): HartCounters => ({
    calls: hart.calls,
    spins: loop.spins,
    ...assembly.counters,
    callCounts: Array.from(hart.callCounts.entries()).filter(([, count]) => count > 0)
      .sort(([, a], [, b]) => b - a)
      .map(([number, count]) => [systemCall(number)?.name ?? String(number), count]),
    missing: [...missing],
    heapBytes: Deno.memoryUsage().heapUsed,
  });
  self.postMessage({ kind: "ready" });

  await hart.run(() => stopping);
  self.close();
}

/** A module's path as the plan has it, or a URL. */
function toUrl(module: string): string {
  return /^[a-z]+:\/\//.test(module) ? module : new URL(`file://${module}`).href;
}
