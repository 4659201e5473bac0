// What runs inside a service domain, whatever keeps it apart: opens nothing, knows nobody but the
// memory it was granted. Builds the components, serves the rings, ends when told.
import type { Bell, Sleeper } from "../../hardware/doorbell.ts";
import { WildRegisters } from "../../hardware/fault/wild_registers.ts";
import { WindowRegisters } from "../../hardware/device/register_window.ts";
import { ControlPage } from "../../hypervisor/control_page.ts";
import type { DomainGrant } from "../../hypervisor/isolation/domain_host.ts";
import { corruptRing } from "../../hypervisor/fault/corrupt_ring.ts";
import { DomainFaults } from "../../hypervisor/fault/domain_faults.ts";
import { Command, State, StatusPage } from "../../hypervisor/status_page.ts";
import { Assembly } from "../../kernel/assembly.ts";
import type { Coroutine, Tasks } from "../../kernel/coroutine.ts";
import { DomainLoop, type PollSource } from "../../kernel/domain_loop.ts";
import { DeviceAttachment } from "../../kernel/drivers/device_attachment.ts";
import { Connection } from "../../kernel/remote/transport/connection.ts";
import { serveInterface, standIn } from "../../kernel/remote/interfaces.ts";
import { LinkFollower } from "../../kernel/remote/transport/link_follower.ts";
import type { ServiceServer } from "../../kernel/remote/transport/service_server.ts";
import { makeTrap } from "../../kernel/remote/transport/trap.ts";
import { kernelEnvironment } from "../kernel_environment.ts";

/** Memory and bells of a domain, already opened by the mechanism that hosts it. */
export interface OpenedGrant {
  memory: ArrayBufferLike;
  status: ArrayBufferLike;
  control: ArrayBufferLike;
  trace: ArrayBufferLike;
  sleeper: Sleeper;
  rings: { memory: ArrayBufferLike; peerBell: Bell }[];
  windows: ArrayBufferLike[];
  deviceBell: Bell;
  keep?: ArrayBufferLike;
  /** nanoseconds of a clock that does not jump */
  nowNs: () => number;
}

/** Sleeps are bounded: a signal that a hostile peer swallowed costs at most this. */
const MAX_SLEEP_NS = 20e6;
/** How often counters are published. */
const REPORT_NS = 50e6;

/** Runs the domain until it is told to stop. @throws whatever kernel code throws: the domain failed */
export function runDomain(
  grant: DomainGrant,
  opened: OpenedGrant,
  log: (line: string) => void,
): void {
  const status = new StatusPage(opened.status);
  const control = new ControlPage(opened.control);
  const { address, sizeBytes } = grant.plan.memory;
  const { keep, nowNs } = opened;
  const environment = kernelEnvironment(nowNs, opened.memory, address, opened.trace, log, keep);
  const { tasks } = environment;
  const sources: PollSource[] = [];
  const servers: ServiceServer[] = [];
  const links: LinkFollower[] = [];
  const trap = makeTrap(opened.sleeper, nowNs, MAX_SLEEP_NS);
  const registers: WildRegisters[] = [];
  const served = grant.rings.flatMap(({ plan }, index) =>
    plan.server === grant.plan.name ? [{ plan, ...opened.rings[index] }] : []
  );
  const faults = new DomainFaults(status, grant.faults, {
    after: (ms, act) => later(tasks, ms, act),
    corruptRing: () => {
      for (const { plan, memory, peerBell } of served) {
        corruptRing(memory, plan);
        peerBell.ring();
      }
    },
    goWild: () => registers.forEach((each) => each.goWild(address + sizeBytes)),
    log,
  });
  /** Tells the supervisor of the other end that it wrote nonsense. */
  const accuseOf = (line: number, name: string) => (reason: string) => {
    log(`ring "${name}": ${reason}`);
    control.accuse(line);
  };
  const assembly = new Assembly(grant.plan, environment, {
    attachment: (device) => {
      const index = grant.devices.findIndex((candidate) => candidate.name === device);
      const window = new WindowRegisters(opened.windows[index], opened.deviceBell, nowNs);
      const wild = new WildRegisters(window, opened.memory, address);
      registers.push(wild);
      const made = new DeviceAttachment(wild, grant.devices[index].id);
      sources.push(made);
      return made;
    },
    remote: (need) => {
      const index = grant.rings.findIndex(({ plan }) =>
        plan.client === grant.plan.name && plan.server === need.domain &&
        plan.interface === need.interface
      );
      const { plan, index: line, contract } = grant.rings[index];
      const { memory, peerBell } = opened.rings[index];
      const connection = new Connection(
        memory,
        plan,
        0,
        peerBell,
        accuseOf(line, plan.name),
        plan.style === "trap" ? trap : undefined,
        nowNs,
        tasks,
        line,
      );
      connection.lose("down");
      sources.push(connection);
      links.push(
        new LinkFollower(control, line, {
          up: (generation) => {
            connection.restore(memory, generation, peerBell);
            control.resume(line, generation, 0);
          },
          down: (gone) => {
            connection.lose(gone ? "gone" : "down");
            return true;
          },
        }),
      );
      return standIn(need.interface, connection, contract, environment);
    },
  });
  grant.rings.forEach(({ plan, index: line, replaceableClient }, index) => {
    if (plan.server !== grant.plan.name) return;
    const provider = [...assembly.components.values()].find((component) =>
      plan.interface in component.provides
    );
    if (provider === undefined) {
      throw new Error(`Domain "${grant.plan.name}" has nothing to serve ring "${plan.name}"`);
    }
    const server = serveInterface(
      plan,
      provider.provides[plan.interface],
      opened.rings[index],
      environment,
      replaceableClient ? accuseOf(line, plan.name) : undefined,
      line,
    );
    servers.push(server);
    faults.watch(plan.interface, server.ring);
    sources.push(server);
    links.push(new LinkFollower(control, line, server));
  });

  const spinNs = Math.max(0, ...grant.rings.map(({ plan }) => plan.spinUs)) * 1000;
  const loop = new DomainLoop(sources, tasks, opened.sleeper, {
    nowNs,
    spinNs,
    maxSleepNs: MAX_SLEEP_NS,
  });
  const report = () =>
    status.publish({
      calls: servers.reduce((sum, server) => sum + server.ring.calls, 0),
      refused: servers.reduce((sum, server) => sum + server.ring.refused, 0),
      doorbells: servers.reduce((sum, server) => sum + server.ring.doorbells, 0),
      spins: loop.spins,
      ...assembly.counters,
      heapBytes: heapBytes(),
    });

  let ended = false;
  const runToEnd = (work: Coroutine<void>, then: () => void) =>
    tasks.spawn(work, (_value, failure) => {
      if (failure !== undefined) throw failure;
      then();
    });
  tasks.spawn(function* () {
    for (;;) {
      yield* tasks.sleep(REPORT_NS);
      report();
    }
  }());
  for (const link of links) link.follow();
  runToEnd(assembly.start(), () => {
    report();
    status.state = State.READY;
  });
  let stopping = false;
  while (!ended) {
    for (let index = 0; index < links.length; index++) links[index].follow();
    if (!loop.turn()) loop.wait();
    if (!loop.clockTurn) continue;
    status.beat();
    const command = status.command;
    if (command === Command.KILL) return;
    faults.follow();
    if (command === Command.STOP && !stopping) {
      stopping = true;
      runToEnd(assembly.stop(), () => ended = true);
    }
  }
  report();
  status.state = State.STOPPED;
}

/** Does something in a later turn of the domain's loop; what goes wrong there is the domain's failure. */
function later(tasks: Tasks, ms: number, act: () => void): void {
  const waiting = function* (): Coroutine<void> {
    yield* tasks.sleep(ms * 1e6);
    act();
  };
  tasks.spawn(waiting(), (_value, failure) => {
    if (failure !== undefined) throw failure;
  });
}

function heapBytes(): number {
  const usage = Deno.memoryUsage();
  return usage.heapUsed + usage.external;
}
