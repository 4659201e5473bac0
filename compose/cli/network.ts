// Over the network an archive of packages may be asked, by the thread that makes images, and a machine's own
// network may be led to the host's, by the thread of its devices. Nobody else has permission to, and this
// thread gives its own up as soon as those are served.
import type { Plan } from "../../schemas/plan.ts";

/** Whether something of the machine may have to be fetched. */
function fetches({ machine }: Plan): boolean {
  return machine.devices.some(({ rootfs }) => rootfs?.debian !== undefined);
}

/** Whether the machine's network uses the host's sockets. */
function usesSockets({ machine }: Plan): boolean {
  return machine.devices.some(({ network }) => network?.backend.kind === "user");
}

/**
 * From where it is no more needed on, nothing of this thread reaches the network.
 * @param point "start", or the kind of an event
 */
export function giveUpNetwork(plan: Plan, point: string): void {
  const over = point === "booted" || point === "images-ready" && !usesSockets(plan) ||
    point === "start" && !usesSockets(plan) && !fetches(plan);
  if (over) Deno.permissions.revokeSync({ name: "net" });
}
