// Isolation by a Web Worker without permissions: an own heap and no host, but the same process. A
// worker that never returns from kernel code cannot be stopped (V8 does not interrupt it): it is
// fenced, told to stop by the kill flag of its loop, and left behind if it does not look.
import type { DomainGrant, DomainInstance, IsolationMechanism } from "./domain_host.ts";
import { Command, StatusPage } from "../status_page.ts";

/** How long a killed worker has to look at its flag before it is left behind. */
const GRACE_MS = 200;

/** @param module URL of the worker's module: it gets its grant as its first message */
export function workerIsolation(module: URL): IsolationMechanism {
  return {
    memory: "threads",
    start(grant: DomainGrant, log): DomainInstance {
      if (grant.status.kind !== "threads") {
        throw new Error("A worker domain needs memory of its own process");
      }
      const status = new StatusPage(grant.status.buffer);
      const worker = new Worker(module, {
        type: "module",
        name: `domain ${grant.plan.name}`,
        deno: { permissions: "none" },
      });
      const ended = new Promise<{ reason: string }>((resolve) => {
        worker.onmessage = (event) => {
          if (event.data.log !== undefined) log(event.data.log);
          if (event.data.ended !== undefined) resolve({ reason: event.data.ended });
        };
        worker.onerror = (event) => {
          event.preventDefault();
          resolve({ reason: event.message });
        };
      });
      worker.postMessage(grant);
      return {
        ended,
        async kill() {
          status.command = Command.KILL;
          const late = Promise.withResolvers<boolean>();
          const timer = setTimeout(() => late.resolve(false), GRACE_MS);
          const stopped = await Promise.race([ended.then(() => true), late.promise]);
          clearTimeout(timer);
          worker.terminate();
          return stopped;
        },
      };
    },
  };
}
