// Runs inside a network namespace with a tap device, named by the first argument: a machine on the backend
// "tap" echoes what a socket of Linux sends. Prints what came of it as JSON.
import { seededRandom } from "../../../schemas/seeded_random.ts";
import { openTap } from "../../../runtime/hardware/network/tap.ts";
import { echoServer, NetworkGuest } from "../network_guest.ts";

const BYTES = 4_000_000, LIMIT_MS = 30_000;

const [name] = Deno.args;
const tap = openTap(name, () => {});
const guest = new NetworkGuest(tap, {
  mac: Uint8Array.of(2, 0, 0, 0, 0, 9),
  clock: () => performance.now() * 1e6,
  tcpip: { addresses: ["10.9.0.2/24"], gateway: "10.9.0.1" },
});
const serve = echoServer(guest.listen(7));
const again = ((): string => {
  try {
    openTap(name, () => {});
    return "";
  } catch (failure) {
    return (failure as Error).message;
  }
})();

const next = seededRandom(1);
const data = new Uint8Array(BYTES).map(() => next()), back = new Uint8Array(BYTES);
let echoed = 0, over = false;
const client = (async () => {
  const connection = await Deno.connect({ hostname: "10.9.0.2", port: 7 });
  const write = (async () => {
    for (let done = 0; done < BYTES;) done += await connection.write(data.subarray(done));
    await connection.closeWrite();
  })();
  for (let count: number | null = 0; count !== null && echoed < BYTES; echoed += count ?? 0) {
    count = await connection.read(back.subarray(echoed));
  }
  await write;
  connection.close();
  over = true;
})();
const begunMs = performance.now();
while (!over && performance.now() - begunMs < LIMIT_MS) {
  guest.turn();
  serve();
  await new Promise((resolve) => setTimeout(resolve, 0));
}
await client;
tap.close();
const same = data.every((byte, at) => byte === back[at]);
console.log(JSON.stringify({ echoed, same, again }));
