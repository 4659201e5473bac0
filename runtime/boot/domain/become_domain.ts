// Turns a fresh process into a domain: opens the memory it was granted, limits itself, and gives up
// every permission. What runs afterwards can name nothing of the host.
// A line of standard input says what it is granted, and how many bytes of private memory it may have: until it
// comes, a process stands by.
import { openClock } from "../../hypervisor/memory/host_clock.ts";
import { LinuxMemory } from "../../hypervisor/memory/linux_memory.ts";
import { MemoryOpener } from "../../hypervisor/memory/opener.ts";
import type { DomainGrant } from "../../hypervisor/isolation/domain_host.ts";
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

/** The first line of standard input. It ends the process where the machine does not need it any more. */
function readLine(): string {
  const buffer = new Uint8Array(65_536), decoder = new TextDecoder();
  for (let line = "";;) {
    const count = Deno.stdin.readSync(buffer);
    if (count === null) Deno.exit(0);
    line += decoder.decode(buffer.subarray(0, count), { stream: true });
    if (line.endsWith("\n")) return line;
  }
}

/** Waits for the grant, opens it and seals the process. */
export function becomeDomain(): { grant: DomainGrant; opened: OpenedGrant } {
  const host = new LinuxMemory();
  host.ignoreInterrupts();
  const { grant, limitBytes }: { grant: DomainGrant; limitBytes: number } = JSON.parse(readLine());
  // A machine that is killed takes its domains with it.
  if (grant.memory.kind === "mapped") host.endWithParent(grant.memory.pid);
  const opened = openGrant(grant);
  host.limitDataBytes(limitBytes);
  host.close();
  for (const name of permissions) Deno.permissions.revokeSync({ name });
  return { grant, opened };
}
