// The program of a domain isolated by a process: opens the memory it was granted, gives up every
// permission, then runs kernel code. Arguments: the grant as JSON, and its limit of private memory.
import { LinuxMemory } from "../hypervisor/memory/linux_memory.ts";
import { MemoryOpener } from "../hypervisor/memory/opener.ts";
import type { DomainGrant } from "../hypervisor/isolation/domain_host.ts";
import { StatusPage } from "../hypervisor/status_page.ts";
import { type OpenedGrant, runDomain } from "./domain_main.ts";

const permissions = ["ffi", "run", "read", "write", "net", "env", "sys", "import"] as const;

function openGrant(grant: DomainGrant): OpenedGrant {
  const opener = new MemoryOpener();
  const bell = (memory: DomainGrant["bell"]) => opener.doorbell(opener.open(memory));
  const opened = {
    memory: opener.open(grant.memory).buffer,
    status: opener.open(grant.status).buffer,
    sleeper: bell(grant.bell),
    deviceBell: bell(grant.deviceBell),
    rings: grant.rings.map((ring) => ({
      memory: opener.open(ring.memory).buffer,
      peerBell: bell(ring.peerBell),
    })),
    windows: grant.devices.map((device) => opener.open(device.window).buffer),
  };
  opener.seal();
  return opened;
}

const grant: DomainGrant = JSON.parse(Deno.args[0]);
const opened = openGrant(grant);
const limits = new LinuxMemory();
limits.limitDataBytes(Number(Deno.args[1]));
limits.close();
for (const name of permissions) Deno.permissions.revokeSync({ name });

try {
  runDomain(grant, opened, (line) => console.log(line));
} catch (failure) {
  new StatusPage(opened.status).fail(
    failure instanceof Error ? `${failure.message}\n${failure.stack}` : String(failure),
  );
  Deno.exit(1);
}
Deno.exit(0);
