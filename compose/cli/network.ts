// Only an archive of packages is ever asked over the network, by the thread that makes images: the others
// have no permission to, and this one gives its own up before a machine runs.
import type { Plan } from "../../schemas/plan.ts";

/** Whether something of the machine may have to be fetched. */
export function fetches({ machine }: Plan): boolean {
  return machine.devices.some(({ rootfs }) => rootfs?.debian !== undefined);
}

/** From here on nothing of this process reaches the network. */
export function giveUpNetwork(): void {
  Deno.permissions.revokeSync({ name: "net" });
}
