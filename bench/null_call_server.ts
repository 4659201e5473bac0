// The serving end of the null-call measurement: a process that answers every request at once.
import { MemoryOpener } from "../runtime/hypervisor/memory/opener.ts";
import { RingServer } from "../runtime/hypervisor/ring/server.ts";

const { ring, shape } = JSON.parse(Deno.args[0]);
const opener = new MemoryOpener();
const memory = opener.open(ring).buffer;
opener.seal();
const server: RingServer = new RingServer(
  memory,
  shape,
  1,
  { ring: () => false },
  (request) => server.complete(request.slot, 0, 0, 0),
);
for (;;) {
  if (server.poll() === 0) Atomics.pause();
  else server.publish();
}
