// The thread of the primary domain: its kernel components, and the hart that runs user programs.
import { WindowRegisters } from "../../hardware/device/register_window.ts";
import type { Doorbell } from "../../hardware/doorbell.ts";
import { openClock } from "../../hypervisor/memory/host_clock.ts";
import { MemoryOpener } from "../../hypervisor/memory/opener.ts";
import type { MemoryGrant } from "../../hypervisor/memory/shared_memory.ts";
import { Assembly } from "../../kernel/assembly.ts";
import type { ComponentCounters } from "../../kernel/component.ts";
import { type Coroutine, type Tasks, WaitQueue } from "../../kernel/coroutine.ts";
import { DomainLoop, type PollSource } from "../../kernel/domain_loop.ts";
import { DeviceAttachment } from "../../kernel/drivers/device_attachment.ts";
import type { Terminal } from "../../kernel/drivers/terminal.ts";
import type { Environment } from "../../kernel/environment.ts";
import { Errno } from "../../kernel/errno.ts";
import type { Processes } from "../../kernel/process/process_component.ts";
import { makeTrap } from "../../kernel/remote/transport/trap.ts";
import type { Service } from "../../kernel/service.ts";
import type { Hardware } from "../../kernel/process/sysfs/system_tree.ts";
import type { ProcessView } from "../../kernel/vfs/procfs.ts";
import type { SystemView } from "../../kernel/vfs/sysfs.ts";
import type { DomainPlan } from "../../../schemas/plan.ts";
import { systemCall } from "../../../schemas/syscalls.ts";
import { Hart } from "../../user/hart.ts";
import type { NativeMain } from "../../user/native/posix.ts";
import { Attention } from "../attention.ts";
import { failureText } from "../failure_text.ts";
import { kernelEnvironment } from "../kernel_environment.ts";
import { diskOf } from "../hardware.ts";
import { mountTree } from "../mount_tree.ts";
import { PrimaryRings, type RingGrant } from "../primary_rings.ts";
import type { SessionRequest } from "../session/sessions.ts";
import { UserPrograms, type UserSettings } from "../program/user_programs.ts";
import { self } from "../worker_scope.ts";

/** The first message. */
export interface HartWorkerSetup extends UserSettings {
  memory: MemoryGrant;
  bell: MemoryGrant;
  deviceBell: MemoryGrant;
  windows: { device: string; memory: MemoryGrant }[];
  control: SharedArrayBuffer;
  trace: SharedArrayBuffer;
  attention: SharedArrayBuffer;
  /** what its kernel cannot see of the machine */
  hardware: Hardware;
  /** rings whose client is the primary */
  rings: RingGrant[];
  /** whether a server cannot ring the hart's bell: it must not sleep for long */
  shortSleeps: boolean;
}

export type HartRequest =
  | { kind: "run" }
  | { kind: "start"; program: string }
  | SessionRequest
  | { kind: "signal"; program: string; number: number }
  | { kind: "ring" } & RingGrant
  | { kind: "counters" }
  | { kind: "stop" };

export interface HartCounters extends ComponentCounters {
  calls: number;
  /** turns of its loop that found nothing to do */
  spins: number;
  /** turns of the host's event loop that its loop waited for */
  eventLoopTurns: number;
  callCounts: [name: string, count: number][];
  missing: [name: string, count: number][];
  heapBytes: number;
}

const MAX_SLEEP_NS = 20e6;
/** How long it looks for what devices have for it, where no ring says how long. */
const SPIN_NS = 1e6;
/** Where a worker domain cannot ring the hart's bell: docs/decisions/2026-11-23-worker-beside-process.md. */
const SHORT_SLEEP_NS = 0.5e6;

self.onmessage = ({ data }: MessageEvent<HartWorkerSetup>) => {
  const primary = new Primary(data);
  self.onmessage = ({ data }) => primary.receive(data);
  primary.run().catch((failure) => {
    setTimeout(() => {
      throw failure;
    });
  });
};

class Primary {
  readonly #domain: DomainPlan;
  readonly #opener = new MemoryOpener();
  readonly #environment: Environment & { tasks: Tasks };
  readonly #rings: PrimaryRings;
  readonly #assembly: Assembly;
  readonly #loop: DomainLoop;
  readonly #attention: Attention;
  readonly #hart: Hart;
  /** there once everything is mounted */
  #programs: UserPrograms | undefined;
  #bringingUp = false;
  readonly #broughtUp = new WaitQueue();
  #stopping = false;

  constructor(private readonly setup: HartWorkerSetup) {
    const { plan, shortSleeps } = setup;
    const opener = this.#opener;
    const domain = this.#domain = plan.domains.find((each) => each.primary)!;
    const nowNs = openClock();
    const environment = this.#environment = kernelEnvironment(
      nowNs,
      opener.open(setup.memory).buffer,
      domain.memory.address,
      setup.trace,
      (line) => self.postMessage({ kind: "log", line }),
    );
    const sleeper = opener.doorbell(opener.open(setup.bell));
    const deviceBell = opener.doorbell(opener.open(setup.deviceBell));
    const maxSleepNs = shortSleeps ? SHORT_SLEEP_NS : MAX_SLEEP_NS;
    const trap = makeTrap(sleeper, nowNs, maxSleepNs);
    const rings = this.#rings = new PrimaryRings(
      plan,
      setup.rings,
      setup.control,
      opener,
      environment,
      trap,
    );
    const sources: PollSource[] = rings.connections;
    this.#assembly = new Assembly(domain, environment, {
      attachment: (device) => {
        const made = this.#attach(device, deviceBell);
        sources.push(made);
        return made;
      },
      remote: (need) => rings.standIn(need.domain, need.interface),
    });
    rings.keepPages();
    this.#loop = new DomainLoop(sources, environment.tasks, sleeper, {
      nowNs,
      spinNs: setup.rings.length === 0
        ? SPIN_NS
        : Math.max(...setup.rings.map(({ index }) => plan.rings[index].spinUs)) * 1000,
      maxSleepNs,
    });
    const attention = this.#attention = new Attention(setup.attention);
    this.#hart = new Hart(this.#loop, environment.tasks, {
      attend: () => rings.follow(),
      attentionNeeded: () => attention.needed,
      turnEventLoop: () => attention.turnEventLoop(),
    });
  }

  #attach(device: string, bell: Doorbell): DeviceAttachment {
    const { windows, plan } = this.setup;
    const window = windows.find((each) => each.device === device)!;
    const { id } = plan.machine.devices.find(({ name }) => name === device)!;
    return new DeviceAttachment(
      new WindowRegisters(this.#opener.open(window.memory).buffer, bell, this.#environment.nowNs),
      id,
    );
  }

  /** Runs until it is told to stop. */
  async run(): Promise<void> {
    self.postMessage({ kind: "ready" });
    await this.#hart.run(() => this.#stopping);
    self.close();
  }

  receive(message: HartRequest & { request: number }): void {
    const programs = this.#programs;
    if ("session" in message) programs!.receive(message);
    else if (message.kind === "run") {
      void this.#prepare().catch((failure: Error) => failed(failure.message));
    } else if (message.kind === "start") programs!.start(message.program);
    else if (message.kind === "signal") programs?.signal(message.number, message.program);
    else if (message.kind === "ring") {
      this.#rings.replace(message.index, message.memory, message.bell);
    }
    this.#attention.handled();
    if (message.kind === "stop") return this.#stop(message.request);
    const value = message.kind === "counters" ? this.#counters() : undefined;
    self.postMessage({ reply: message.request, value });
  }

  async #prepare(): Promise<void> {
    this.#bringingUp = true;
    // Somebody is under way who does not wait for a system call: the event loop has to turn.
    this.#hart.leave();
    const mains = new Map<string, NativeMain>();
    for (const { name, module } of this.setup.plan.programs) {
      if (module !== undefined) mains.set(name, await loadMain(name, module));
    }
    // Modules are loaded and memory is open: programs and kernel need nothing of the host from here on.
    this.#opener.seal();
    for (const name of ["read", "write", "ffi", "run", "net", "env", "sys", "import"] as const) {
      Deno.permissions.revokeSync({ name });
    }
    this.#environment.tasks.spawn(this.#bringUp(), (processes, failure) => {
      this.#bringingUp = false;
      this.#broughtUp.wakeAll();
      this.#hart.enter();
      if (failure !== undefined) {
        const why = failure instanceof Errno ? `mounting failed: ${failure}` : failureText(failure);
        failed(`Domain "${this.#domain.name}" did not start: ${why}`);
        this.#stopping = true;
        return;
      }
      this.#programs = new UserPrograms(
        this.setup,
        this.#hart,
        this.#environment.tasks,
        processes!,
        mains,
        this.#terminal(),
        (message) => self.postMessage(message),
      );
      self.postMessage({ kind: "booted" });
    });
  }

  *#bringUp(): Coroutine<Processes> {
    const assembly = this.#assembly;
    yield* assembly.start();
    const name = [...assembly.components].find(([, component]) => "syscalls" in component.provides)
      ?.[0];
    if (name === undefined) throw new Error("The primary domain has no process component");
    const processes = assembly.interface<Processes>(name, "syscalls");
    const serviceOf = (component: string, domain: string): Service =>
      domain === this.#domain.name
        ? assembly.interface<Service>(component, "files")
        : this.#rings.files(domain);
    const { plan } = this.setup;
    yield* mountTree(processes, plan.mounts, serviceOf, (mount) => diskOf(plan, mount));
    const { hardware } = this.setup;
    yield* processes.showDisks(hardware.disks);
    for (const { provides } of assembly.components.values()) {
      const showProcesses = provides.processView as ((view: ProcessView) => void) | undefined;
      showProcesses?.(processes.processView(hardware));
      const showSystem = provides.systemView as ((view: SystemView) => void) | undefined;
      showSystem?.(processes.systemView(hardware));
    }
    return processes;
  }

  #terminal(): Terminal | undefined {
    for (const { provides } of this.#assembly.components.values()) {
      if (provides.terminal !== undefined) return provides.terminal as Terminal;
    }
  }

  #stop(request: number): void {
    this.#environment.tasks.spawn(this.#shutDown(), (_value, failure) => {
      if (failure !== undefined) this.#environment.log(`stopping: ${failure}`);
      this.#stopping = true;
      for (const region of this.#programs?.texts() ?? []) {
        self.postMessage({ kind: "translated", ...region });
      }
      const code = this.#programs?.savedCode();
      if (code !== undefined) self.postMessage({ kind: "saved-code", code });
      self.postMessage({ reply: request, value: this.#counters() });
    });
  }

  /** Components give back what they hold, file systems to their disks, while those still answer. */
  *#shutDown(): Coroutine<void> {
    while (this.#bringingUp) yield this.#broughtUp;
    // What still runs would find file systems that are gone.
    if (this.#programs !== undefined) yield* this.#programs.endAll();
    yield* this.#rings.settled();
    yield* this.#assembly.stop();
  }

  #counters(): HartCounters {
    const own = this.#assembly.counters, kept = this.#rings.counters;
    return {
      calls: this.#hart.calls,
      spins: this.#loop.spins,
      eventLoopTurns: this.#attention.turns,
      pageCacheHits: own.pageCacheHits + kept.pageCacheHits,
      pageCacheMisses: own.pageCacheMisses + kept.pageCacheMisses,
      callCounts: Array.from(this.#hart.callCounts.entries()).filter(([, count]) => count > 0)
        .sort(([, a], [, b]) => b - a)
        .map(([number, count]) => [systemCall(number)?.name ?? String(number), count]),
      missing: this.#programs?.missing ?? [],
      heapBytes: Deno.memoryUsage().heapUsed,
    };
  }
}

function failed(reason: string): void {
  self.postMessage({ kind: "failed", reason });
}

/** The function of a native program. @throws Error */
async function loadMain(name: string, module: string): Promise<NativeMain> {
  const loaded = await import(toUrl(module)).catch((failure) => {
    throw new Error(`Cannot load program "${name}": ${failure.message ?? failure}`);
  });
  if (typeof loaded.default === "function") return loaded.default;
  throw new Error(`Cannot run program "${name}": ${module} has no function as default export`);
}

/** A module's path as the plan has it, or a URL. */
function toUrl(module: string): string {
  return /^[a-z]+:\/\//.test(module) ? module : new URL(`file://${module}`).href;
}
