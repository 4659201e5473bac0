// Turns a fresh process into a domain: opens the memory it was granted, limits itself, and gives up
// every permission. What runs afterwards can name nothing of the host.
// Arguments: the grant as JSON, and the limit of private memory in bytes.
import { openClock } from "../hypervisor/memory/host_clock.ts";
import { LinuxMemory } from "../hypervisor/memory/linux_memory.ts";
import { MemoryOpener } from "../hypervisor/memory/opener.ts";
import type { DomainGrant } from "../hypervisor/isolation/domain_host.ts";
import type { OpenedGrant } from "./domain_main.ts";

const permissions = ["ffi", "run", "read", "write", "net", "env", "sys", "import"] as const;

function openGrant(grant: DomainGrant): OpenedGrant {
  const opener = new MemoryOpener();
  const bell = (memory: DomainGrant["bell"]) => opener.doorbell(opener.open(memory));
  const opened = {
    memory: opener.open(grant.memory).buffer,
    status: opener.open(grant.status).buffer,
    control: opener.open(grant.control).buffer,
    trace: opener.open(grant.trace).buffer,
    sleeper: bell(grant.bell),
    deviceBell: bell(grant.deviceBell),
    rings: grant.rings.map((ring) => ({
      memory: opener.open(ring.memory).buffer,
      peerBell: bell(ring.peerBell),
    })),
    ...(grant.keep === undefined ? {} : { keep: opener.open(grant.keep).buffer }),
    windows: grant.devices.map((device) => opener.open(device.window).buffer),
    nowNs: openClock(),
  };
  opener.seal();
  return opened;
}

/** Opens the grant and seals the process. */
export function becomeDomain(): { grant: DomainGrant; opened: OpenedGrant } {
  const grant: DomainGrant = JSON.parse(Deno.args[0]);
  const host = new LinuxMemory();
  host.ignoreInterrupts();
  // A machine that is killed takes its domains with it.
  if (grant.memory.kind === "mapped") host.endWithParent(grant.memory.pid);
  const opened = openGrant(grant);
  host.limitDataBytes(Number(Deno.args[1]));
  host.close();
  for (const name of permissions) Deno.permissions.revokeSync({ name });
  return { grant, opened };
}
