// The backends besides address translation: segments that lose frames, tap devices of Linux, captures.
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { NetworkBackend } from "../../runtime/hardware/network/backend.ts";
import { Capture } from "../../runtime/hardware/network/capture.ts";
import { type Frame, NO_BYTES } from "../../runtime/hardware/network/frame.ts";
import { LoopSegments } from "../../runtime/hardware/network/loop_segment.ts";
import { openTap } from "../../runtime/hardware/network/tap.ts";
import { SHUT } from "../../runtime/kernel/network/constants.ts";
import type { LoopPlan } from "../../schemas/machine_plan.ts";
import { seededRandom } from "../../schemas/seeded_random.ts";
import { echoServer, IN, NetworkGuest, OUT } from "./network_guest.ts";

const good: LoopPlan = {
  kind: "loop",
  segment: "lan",
  seed: 7,
  loss: 0,
  duplication: 0,
  reordering: 0,
  delayMs: 0,
};

/** Time that passes when nothing else happens, and what waits for it. */
class Time {
  nowNs = 0;
  readonly #calls: { dueNs: number; call: () => void }[] = [];

  readonly host = {
    nowMs: () => this.nowNs / 1e6,
    after: (delayMs: number, call: () => void) => {
      this.#calls.push({ dueNs: this.nowNs + delayMs * 1e6, call });
    },
    wake: () => {},
  };

  /** Goes on to what is next, at most to a time. */
  pass(untilNs: number): void {
    this.#calls.sort((left, right) => left.dueNs - right.dueNs);
    this.nowNs = Math.max(this.nowNs, Math.min(untilNs, this.#calls[0]?.dueNs ?? Infinity));
    while (this.#calls.length > 0 && this.#calls[0].dueNs <= this.nowNs) {
      this.#calls.shift()!.call();
    }
  }
}

/** What of a thousand frames arrives, and in which order. */
function arrivals(plan: LoopPlan): number[] {
  const time = new Time();
  const segments = new LoopSegments(time.host);
  const [from, to] = [segments.attach(plan), segments.attach(plan)];
  const other = segments.attach({ ...plan, segment: "other" });
  const got: number[] = [];
  const take = (): void => {
    for (let frame = to.receive(); frame !== undefined; frame = to.receive()) {
      got.push(frame.head[0] << 8 | frame.head[1]);
    }
  };
  for (let number = 0; number < 1000; number++) {
    assert(from.send({ head: Uint8Array.of(number >> 8, number), body: NO_BYTES }));
    time.pass(time.nowNs + 100_000);
    take();
  }
  for (let turns = 0; turns < 3000; turns++) {
    time.pass(time.nowNs + 1e6);
    take();
  }
  assertEquals([from.receive(), other.receive()], [undefined, undefined]);
  return got;
}

Deno.test("loop: a good segment delivers everything, in order, to the others on it", () => {
  const all = Array.from({ length: 1000 }, (_, number) => number);
  assertEquals(arrivals(good), all);
  assertEquals(arrivals({ ...good, delayMs: 20 }), all);
});

Deno.test("loop: what goes wrong is what was asked for, and the same for the same seed", () => {
  const bad = { ...good, loss: 0.1, duplication: 0.05, reordering: 0.1, delayMs: 5 };
  const got = arrivals(bad), different = new Set(got);
  assert(different.size > 850 && different.size < 950, `${different.size} arrived`);
  const twice = got.length - different.size;
  assert(twice > 20 && twice < 80, `${twice} twice`);
  const overtaken = got.filter((number, index) => index > 0 && number < got[index - 1]).length;
  assert(overtaken > 40 && overtaken < 150, `${overtaken} overtaken`);
  assertEquals(arrivals(bad), got);
  assert(String(arrivals({ ...bad, seed: 8 })) !== String(got));
});

for (const loss of [0, 0.02]) {
  Deno.test(`loop: two machines talk, with ${loss * 100} % of frames lost`, () => {
    const time = new Time();
    const segments = new LoopSegments(time.host);
    const plan = { ...good, loss, duplication: loss, reordering: loss, delayMs: 1 };
    const [client, server] = [1, 2].map((number) =>
      new NetworkGuest(segments.attach(plan), {
        mac: Uint8Array.of(2, 0, 0, 0, 0, number),
        clock: () => time.nowNs,
        tcpip: { addresses: [`10.7.0.${number}/24`] },
      })
    );
    const serve = echoServer(server.listen(7));
    const connection = client.open("10.7.0.2", 7);
    const next = seededRandom(3);
    const data = new Uint8Array(1 << 20).map(() => next()), back = new Uint8Array(data.length);
    let sent = 0, received = 0, over = false;
    for (let turns = 0; !over; turns++) {
      assert(turns < 1_000_000, `${sent} bytes sent, ${received} back`);
      client.turn();
      server.turn();
      serve();
      while (sent < data.length && (connection.readiness & OUT) !== 0) {
        sent += connection.send(data.subarray(sent, sent + 65536), 0);
        if (sent === data.length) connection.shutdown(SHUT.WR);
      }
      while (!over && (connection.readiness & IN) !== 0) {
        const { count } = connection.receive(back.subarray(received), 0);
        received += count;
        over = count === 0;
      }
      client.turn();
      server.turn();
      time.pass(Math.min(client.nextDeadlineNs, server.nextDeadlineNs, time.nowNs + 1e9));
    }
    assertEquals(received, data.length);
    assert(data.every((byte, at) => byte === back[at]));
  });
}

Deno.test("capture: records are those of pcap, and large packets have their checksums", () => {
  const frames: Frame[] = [];
  const backend: NetworkBackend = {
    mtu: 1500,
    pending: false,
    send: () => true,
    receive: () => frames.shift(),
    reset() {},
    close() {},
  };
  const written: number[] = [];
  let open = true;
  const file = {
    // A file that takes half of what it is given is to get the rest as well.
    writeSync: (bytes: Uint8Array) => {
      const count = Math.ceil(bytes.length / 2);
      written.push(...bytes.subarray(0, count));
      return count;
    },
    close: () => open = false,
  };
  const capture = new Capture(backend, file, () => 1_700_000_000_123_456_789n);
  const head = new Uint8Array(54).fill(1), body = new Uint8Array(3000).fill(2);
  head.set([8, 0, 0x45], 12);
  head.set([0, 0], 50);
  capture.send({ head: new Uint8Array(60).fill(9), body: NO_BYTES });
  frames.push({
    head,
    body,
    offload: { checksumStart: 34, checksumOffset: 16, segmentBytes: 1000 },
  });
  assertEquals(capture.receive()?.body.length, 3000);
  capture.close();
  assertEquals(open, false);
  const view = new DataView(Uint8Array.from(written).buffer);
  assertEquals([view.getUint32(0, true), view.getUint16(4, true)], [0xa1b2_3c4d, 2]);
  assertEquals([24, 28, 32, 36].map((at) => view.getUint32(at, true)), [
    1_700_000_000,
    123_456_789,
    60,
    60,
  ]);
  const second = 24 + 16 + 60 + 16;
  assertEquals(view.getUint32(second - 8, true), 3054);
  assertEquals(view.byteLength, second + 3054);
  let sum = 0;
  for (let at = second + 34; at < view.byteLength; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  assertEquals(sum, 0xffff);
  // The frame itself is as it was.
  assertEquals([...head.subarray(50, 52)], [0, 0]);
});

Deno.test("tap: a device that is not there is named", () => {
  assertThrows(
    () => openTap("virtuos-none", () => {}),
    Error,
    "Cannot use tap device virtuos-none: there is none (make it: ip tuntap add dev virtuos-none mode tap)",
  );
});

/** A namespace of the network for a program, which may make tap devices in it. */
function inNamespace(program: string): { success: boolean; out: string } {
  try {
    const { success, stdout, stderr } = new Deno.Command("unshare", {
      args: ["-rn", "sh", "-c", program],
    }).outputSync();
    return { success, out: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  } catch (failure) {
    return { success: false, out: String(failure) };
  }
}

const usable = inNamespace("ip tuntap add dev tap0 mode tap");
Deno.test({
  name: `tap: Linux and a machine talk${usable.success ? "" : ` (skipped, ${usable.out.trim()})`}`,
  ignore: !usable.success,
  fn: () => {
    const program = new URL("tap/tap_backend.ts", import.meta.url).pathname;
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const { success, out } = inNamespace(`
      ip link set lo up
      ip tuntap add dev tap0 mode tap
      ip addr add 10.9.0.1/24 dev tap0
      ip link set tap0 up
      ${Deno.execPath()} run --quiet --no-check --config ${config} --allow-all ${program} tap0
    `);
    assert(success, out);
    assertEquals(JSON.parse(out), {
      echoed: 4_000_000,
      same: true,
      again: "Cannot use tap device tap0: it is in use",
    });
  },
});
