// Builds the components of one domain as the plan says and gives each its neighbours: local ones
// directly, remote ones as the stand-ins that the domain's rings provide.
import { interfaces } from "../../schemas/components.ts";
import type { ComponentPlan, DomainPlan } from "../../schemas/plan.ts";
import type { Component, ComponentCounters } from "./component.ts";
import { constructors } from "./components.ts";
import type { Coroutine } from "./coroutine.ts";
import type { Environment } from "./environment.ts";

const plural = new Set(
  interfaces.filter((described) => described.many).map((described) => described.name),
);

/** What the host of a domain supplies besides the plan. */
export interface Neighbours {
  /** stand-in for an interface that a component of another domain provides */
  remote(need: ComponentPlan["needs"][number]): unknown;
  /** what a driver needs of its device */
  attachment(device: string): unknown;
}

export class Assembly {
  /** in the order they were made: providers before those that need them */
  readonly components = new Map<string, Component>();

  /** @throws Error when the plan names a component that is not there, or one that needs itself */
  constructor(plan: DomainPlan, environment: Environment, neighbours: Neighbours) {
    const planned = new Map(plan.components.map((component) => [component.name, component]));
    const making = new Set<string>();
    const make = (name: string): Component => {
      const done = this.components.get(name);
      if (done !== undefined) return done;
      const component = planned.get(name);
      const create = component && constructors[component.component];
      if (component === undefined || create === undefined) {
        throw new Error(`Domain "${plan.name}" has no component "${name}"`);
      }
      if (making.has(name)) throw new Error(`Component "${name}" needs itself`);
      making.add(name);
      const needs: Record<string, unknown> = {};
      for (const need of component.needs) {
        const provider = need.transport === "ring"
          ? neighbours.remote(need)
          : make(need.component).provides[need.interface];
        if (plural.has(need.interface)) {
          ((needs[need.interface] ??= []) as unknown[]).push(provider);
        } else needs[need.interface] = provider;
      }
      const settings = component.device === undefined
        ? component.settings
        : { ...component.settings, attachment: neighbours.attachment(component.device) };
      const made = create(environment, needs, settings);
      this.components.set(name, made);
      return made;
    };
    // Drivers take what they need of the domain's memory; a page cache takes what is left.
    for (const component of plan.components) if (component.device) make(component.name);
    for (const component of plan.components) make(component.name);
  }

  /** Starts every component, providers first. */
  *start(): Coroutine<void> {
    for (const component of this.components.values()) if (component.start) yield* component.start();
  }

  /** Stops every component, providers last. */
  *stop(): Coroutine<void> {
    for (const component of [...this.components.values()].reverse()) {
      if (component.stop) yield* component.stop();
    }
  }

  /** What its components have counted, together. */
  get counters(): ComponentCounters {
    const sum: ComponentCounters = { pageCacheHits: 0, pageCacheMisses: 0 };
    for (const { counters } of this.components.values()) {
      const own = counters?.();
      sum.pageCacheHits += own?.pageCacheHits ?? 0;
      sum.pageCacheMisses += own?.pageCacheMisses ?? 0;
    }
    return sum;
  }

  /** What a component of this domain provides. @throws Error where there is no such thing */
  interface<T>(component: string, name: string): T {
    const provided = this.components.get(component)?.provides[name];
    if (provided === undefined) {
      throw new Error(`Component "${component}" does not provide "${name}"`);
    }
    return provided as T;
  }
}
