// A way to keep a service domain apart from the rest: what the supervisor needs of a mechanism.
import type { ArmedFault } from "../fault/domain_faults.ts";
import type { MemoryGrant } from "../memory/shared_memory.ts";
import type { ClientContract, DomainPlan, RingPlan } from "../../../schemas/plan.ts";

/** A ring of the domain, and the bell of whoever is at its other end. */
export interface RingGrant {
  /** its line in the control page */
  index: number;
  plan: RingPlan;
  /** what calls get that its server does not answer */
  contract: ClientContract;
  /** whether its client is a service domain, which can be replaced when it writes nonsense */
  replaceableClient: boolean;
  memory: MemoryGrant;
  peerBell: MemoryGrant;
}

/** Everything a domain is given: nothing else of the machine has a name inside it. */
export interface DomainGrant {
  plan: DomainPlan;
  generation: number;
  memory: MemoryGrant;
  status: MemoryGrant;
  /** who is at the other ends of its rings */
  control: MemoryGrant;
  /** where it records what it does, where somebody wants to know */
  trace: MemoryGrant;
  /** the bell it sleeps on */
  bell: MemoryGrant;
  rings: RingGrant[];
  /** register windows of its devices, and the bell of the thread that models them */
  devices: { name: string; component: string; id: number; window: MemoryGrant }[];
  deviceBell: MemoryGrant;
  /** what the next instance gets as this one leaves it */
  keep?: MemoryGrant;
  /** what is to go wrong in it at certain requests */
  faults: ArmedFault[];
}

/** How an instance of a domain ended. */
export interface DomainExit {
  /** for people: "killed by SIGKILL", "out of memory", what it threw */
  reason: string;
}

/** A running instance of a domain. */
export interface DomainInstance {
  /** resolves when it runs no more, or never where the mechanism cannot tell */
  readonly ended: Promise<DomainExit>;
  /** Ends it, as far as the mechanism can. @returns whether it certainly runs no more */
  kill(): Promise<boolean>;
}

export interface IsolationMechanism {
  /** kind of memory that reaches into the domain */
  readonly memory: MemoryGrant["kind"];
  start(grant: DomainGrant, log: (line: string) => void): DomainInstance;
  /** Makes the next start of each of these domains short, where the mechanism can. */
  prepare?(plans: DomainPlan[]): void;
  /** Nothing will be started any more. */
  close?(): Promise<void>;
}
