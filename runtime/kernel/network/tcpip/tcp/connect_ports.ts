// Ports to connect from (RFC 6056): one port may lead to many places, but only once to each.
import type { Path } from "../ip/path.ts";
import type { Stack } from "../stack.ts";
import { TimeWait } from "./time_wait.ts";

/**
 * A port that nobody has but to connect from, and from which nobody connects to the same place.
 * @throws Errno EADDRINUSE
 */
export function choosePort(stack: Stack, path: Path, remotePort: number): number {
  const { ports } = stack.tcp;
  return ports.choose((port) => {
    for (const holder of ports.holders(port) ?? []) {
      if (!holder.chosen) return false;
    }
    return isFree(stack, path, port, remotePort);
  });
}

/** Whether there is no connection between these ports, or one whose time is over: that is then forgotten. */
export function isFree(
  { tcp, nowNs }: Stack,
  { source, destination }: Path,
  port: number,
  remotePort: number,
): boolean {
  const flow = tcp.flows.find(source, 0, destination, 0, source.length, port, remotePort);
  if (flow === undefined) return true;
  if (!(flow instanceof TimeWait) || !flow.reusable(nowNs())) return false;
  flow.end();
  return true;
}
