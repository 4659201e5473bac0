// Address translation for a machine that is not ours: garbage in its frames, and tables that it fills.
import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../schemas/seeded_random.ts";
import { finishFrame, type Frame, NO_BYTES } from "../../runtime/hardware/network/frame.ts";
import { MAX_TCP_FLOWS } from "../../runtime/hardware/network/user/tcp_flows.ts";
import { UserNetwork } from "../../runtime/hardware/network/user/user_network.ts";
import { MAC, plan, silentHost } from "./user_network_guest.ts";

Deno.test("user network: garbage in frames harms nobody, and tables have a bound", async () => {
  const seed = 17;
  const next = seededRandom(seed);
  const host = silentHost();
  const random = (into: Uint8Array) => into.forEach((_, at) => into[at] = next());
  const network = new UserNetwork({ ...plan, allow: [{ host: "*" }] }, MAC, host, random, () => {});
  const kept: Uint8Array[] = [];
  const numbers = (count: number) => Array.from({ length: count }, () => next() & 0xff);
  let answers = 0;
  for (let attempt = 0; attempt < 40_000; attempt++) {
    let head: Uint8Array;
    if (kept.length > 0 && next() % 3 === 0) {
      head = kept[next() % kept.length].slice();
      for (let flips = next() % 6; flips > 0; flips--) head[next() % head.length] = next();
    } else {
      // A packet that is nearly right: its lengths and its header's sum are.
      const protocol = [1, 6, 17, 6][next() % 4];
      const payload = Uint8Array.from(numbers(next() % 100));
      if (protocol === 6 && payload.length > 20) {
        payload[12] = 0x50 + (next() % 8 << 4);
        payload[13] = [2, 16, 17, 18, 24, 4][next() % 6];
        payload[0] = payload[2] = 0;
      }
      head = Uint8Array.from([
        ...numbers(12),
        ...[8, 0, 0x45, 0, 0, 20 + payload.length, 0, 0, 0, 0, 64, protocol, 0, 0],
        ...[10, 0, 2, 15, 10, 0, 2, next() % 8],
        ...payload,
      ]);
      let sum = 0;
      for (let at = 14; at < 34; at += 2) sum += head[at] << 8 | head[at + 1];
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
      head.set([~sum >> 8, ~sum], 24);
      if (kept.length < 500) kept.push(head);
      else kept[attempt % 500] = head;
    }
    try {
      network.send({ head, body: NO_BYTES });
      for (let frame: Frame | undefined, count = 0; count < 8; count++) {
        frame = network.receive();
        if (frame === undefined) break;
        finishFrame(frame);
        answers++;
      }
    } catch (failure) {
      throw new Error(`seed ${seed}, attempt ${attempt}: ${(failure as Error).stack}`);
    }
    if (attempt % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    assert(network.tcp.count <= MAX_TCP_FLOWS);
  }
  assert(answers > 9_000, `${answers} answers`);
  network.reset();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([network.tcp.count, host.open], [0, 0]);
});
