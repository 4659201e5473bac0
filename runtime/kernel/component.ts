// What a component is to the domain that hosts it. The catalogue of names and interfaces is
// schemas/components.ts; the constructors are in kernel/components.ts.
import type { Coroutine } from "./coroutine.ts";
import type { Environment } from "./environment.ts";

/**
 * How a component is made: with its environment, its settings and its neighbours by interface name
 * (an array of them where the interface is one that may come several times).
 */
export interface ComponentConstructor {
  (
    environment: Environment,
    needs: Record<string, unknown>,
    settings: Record<string, unknown>,
  ): Component;
}

/** What components count. */
export interface ComponentCounters {
  /** pages of files that were in memory when a reader came, and those that it had to wait for */
  pageCacheHits: number;
  pageCacheMisses: number;
}

export interface Component {
  /** interface name -> implementation, for the components that need it */
  readonly provides: Record<string, unknown>;
  /** what it has counted, for whoever shows it */
  counters?(): ComponentCounters;
  /** runs before the domain says it is ready: mount, replay, probe */
  start?(): Coroutine<void>;
  /** runs on an orderly stop, in reverse order: write back, unmount */
  stop?(): Coroutine<void>;
}
