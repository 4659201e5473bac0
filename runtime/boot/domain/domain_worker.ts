// The module of a domain isolated by a worker. It has no permissions from its first line on; its
// memory comes in its first message.
import { openClock } from "../../hypervisor/memory/host_clock.ts";
import { MemoryOpener } from "../../hypervisor/memory/opener.ts";
import type { DomainGrant } from "../../hypervisor/isolation/domain_host.ts";
import { StatusPage } from "../../hypervisor/status_page.ts";
import { runDomain } from "./domain_main.ts";
import { failureText } from "../failure_text.ts";
import { self } from "../worker_scope.ts";

self.onmessage = ({ data: grant }: MessageEvent<DomainGrant>) => {
  const opener = new MemoryOpener();
  const buffer = (memory: DomainGrant["memory"]) => opener.open(memory).buffer;
  const bell = (memory: DomainGrant["bell"]) => opener.doorbell(opener.open(memory));
  const status = buffer(grant.status);
  let reason = "stopped";
  try {
    runDomain(grant, {
      memory: buffer(grant.memory),
      status,
      control: buffer(grant.control),
      trace: buffer(grant.trace),
      sleeper: bell(grant.bell),
      deviceBell: bell(grant.deviceBell),
      rings: grant.rings.map((ring) => ({
        memory: buffer(ring.memory),
        peerBell: bell(ring.peerBell),
      })),
      ...(grant.keep === undefined ? {} : { keep: buffer(grant.keep) }),
      windows: grant.devices.map((device) => buffer(device.window)),
      nowNs: openClock(),
    }, (log) => self.postMessage({ log }));
  } catch (failure) {
    reason = failureText(failure);
    new StatusPage(status).fail(reason);
  }
  self.postMessage({ ended: reason });
  self.close();
};
