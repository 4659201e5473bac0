// The rings through which the primary domain calls service domains: who answers at their other ends, and what
// happens at this one when a domain is replaced.
import { ControlPage } from "../hypervisor/control_page.ts";
import type { MemoryOpener } from "../hypervisor/memory/opener.ts";
import type { MemoryGrant } from "../hypervisor/memory/shared_memory.ts";
import type { Bell } from "../hardware/doorbell.ts";
import type { RingClient } from "../hypervisor/ring/client.ts";
import type { ComponentCounters } from "../kernel/component.ts";
import type { Coroutine, Tasks } from "../kernel/coroutine.ts";
import type { Environment } from "../kernel/environment.ts";
import { ClientCache } from "../kernel/remote/page_cache/client_cache.ts";
import { Connection } from "../kernel/remote/transport/connection.ts";
import { ContractService } from "../kernel/remote/contract/contract_service.ts";
import { standIn } from "../kernel/remote/interfaces.ts";
import { KeptAttributes } from "../kernel/remote/attribute_cache/kept_attributes.ts";
import { LinkFollower } from "../kernel/remote/transport/link_follower.ts";
import { PagePool } from "../kernel/remote/page_cache/page_pool.ts";
import type { Service } from "../kernel/service.ts";
import type { ClientContract, Plan, RingPlan } from "../../schemas/plan.ts";

/** Of the domain's memory, for whoever asks for some later. */
const SPARE_BYTES = 1 << 20;
/** Most that goes to pages of files: each frame also takes 120 bytes of the kernel's heap. */
const MOST_KEPT_BYTES = 256 << 20;

/** One ring whose client is the primary. */
export interface RingGrant {
  /** in the plan */
  index: number;
  memory: MemoryGrant;
  /** its server's */
  bell: MemoryGrant;
}

interface Link {
  index: number;
  interface: string;
  domain: string;
  connection: Connection;
  /** of a ring that files go through */
  files: ContractService | undefined;
  /** and what the primary keeps of them: pages, and on top of those what is known of names */
  cache: ClientCache | undefined;
  names: KeptAttributes | undefined;
  contract: ClientContract;
  memory: ArrayBufferLike;
  bell: Bell;
}

export class PrimaryRings {
  readonly #links: Link[];
  readonly #followers: LinkFollower[];
  readonly #control: ControlPage;
  readonly #pages = new PagePool();

  /**
   * @param control where the supervisor tells what becomes of rings
   * @param trap waits for a server, where calls trap
   */
  constructor(
    private readonly plan: Plan,
    grants: RingGrant[],
    control: ArrayBufferLike,
    private readonly opener: MemoryOpener,
    private readonly environment: Environment & { tasks: Tasks },
    trap: (ring: RingClient) => void,
  ) {
    this.#control = new ControlPage(control);
    this.#links = grants.map((grant) => this.#link(grant, trap));
    this.#followers = this.#links.map((link) => this.#follower(link));
  }

  /** What the domain's loop looks at. */
  get connections(): Connection[] {
    return this.#links.map(({ connection }) => connection);
  }

  #link({ index, memory, bell }: RingGrant, trap: (ring: RingClient) => void): Link {
    const { environment, opener } = this;
    const ring = this.plan.rings[index];
    const opened = {
      memory: opener.open(memory).buffer,
      bell: opener.doorbell(opener.open(bell)),
    };
    const connection = new Connection(
      opened.memory,
      ring,
      0,
      opened.bell,
      (reason) => {
        environment.log(`ring "${ring.name}": ${reason}`);
        this.#control.accuse(index);
      },
      ring.style === "trap" ? trap : undefined,
      environment.nowNs,
      environment.tasks,
      index,
    );
    connection.lose("down");
    const contract = this.plan.domains.find(({ name }) => name === ring.server)!.recovery.clients;
    const files = ring.interface === "files"
      ? new ContractService(connection, contract, environment.tasks)
      : undefined;
    const cache = files && this.#isKept(ring)
      ? new ClientCache(files, this.#pages, environment.tasks)
      : undefined;
    const names = files && cache && new KeptAttributes(files, cache, environment.tasks);
    const { interface: of, server: domain } = ring;
    return { index, interface: of, domain, connection, files, cache, names, contract, ...opened };
  }

  /** Whether pages of a ring's files may be kept: who keeps them has to see every change. */
  #isKept({ clientCache, server }: RingPlan): boolean {
    const clients = this.plan.rings.filter((each) =>
      each.server === server && each.interface === "files"
    );
    return clientCache === true && clients.length === 1;
  }

  /** Gives what is left of the domain's memory to pages of files that the primary read. */
  keepPages(): void {
    if (this.#links.every(({ cache }) => cache === undefined)) return;
    const { memory } = this.environment;
    const bytes = Math.min(memory.freeBytes - SPARE_BYTES, MOST_KEPT_BYTES);
    if (bytes > 0) this.#pages.provide(memory.allocate(bytes).bytes);
  }

  /** Reads that pages kept here answered, and others that they could have. */
  get counters(): ComponentCounters {
    const caches = this.#links.flatMap(({ cache }) => cache ?? []);
    return {
      pageCacheHits: caches.reduce((sum, { hits }) => sum + hits, 0),
      pageCacheMisses: caches.reduce((sum, { misses }) => sum + misses, 0),
    };
  }

  #follower(link: Link): LinkFollower {
    const { connection, files, index } = link;
    return new LinkFollower(this.#control, index, {
      up: (generation) => {
        connection.restore(link.memory, generation, link.bell);
        const resume = () => this.#control.resume(index, generation, connection.ring.answers);
        if (files === undefined) return resume();
        this.environment.tasks.spawn(files.recover(), (_value, failure) => {
          if (failure !== undefined) throw failure;
          resume();
        });
      },
      down: (gone) => {
        connection.lose(gone ? "gone" : "down");
        return true;
      },
    });
  }

  /** Does what the supervisor has told; cheap where it has told nothing. */
  follow(): void {
    for (const follower of this.#followers) follower.follow();
  }

  /** Waits for what programs did not wait for. */
  *settled(): Coroutine<void> {
    for (const { cache } of this.#links) if (cache !== undefined) yield* cache.writes.settled();
  }

  /** Stands for an interface of another domain. @throws Error where no ring leads there */
  standIn(domain: string, name: string): unknown {
    const link = this.#links.find((each) => each.domain === domain && each.interface === name);
    if (link === undefined) throw new Error(`No ring leads to "${name}" of domain "${domain}"`);
    return link.names ?? link.files ??
      standIn(name, link.connection, link.contract, this.environment);
  }

  /** The files that a domain serves. */
  files(domain: string): Service {
    const link = this.#links.find((link) => link.domain === domain && link.files !== undefined)!;
    return link.names ?? link.files!;
  }

  /** The server has new memory: it is used from the next opening of the ring on. */
  replace(index: number, memory: MemoryGrant, bell: MemoryGrant): void {
    const link = this.#links.find((each) => each.index === index)!;
    link.memory = this.opener.open(memory).buffer;
    link.bell = this.opener.doorbell(this.opener.open(bell));
  }
}
