// Frames from the network are hostile: seeded mutations of real traffic, and of nothing, go into a stack
// with all kinds of sockets. Nothing may throw, memory stays bounded, and the stack works afterwards.
// FUZZ_FRAMES sets how many frames, FUZZ_SEED where they begin.
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { Errno } from "../../errno.ts";
import { AF, IPPROTO, SHUT, SOCK } from "../constants.ts";
import type { Endpoint, StreamEndpoint } from "../endpoint.ts";
import { addToSum, checksumOf } from "./checksum.ts";
import { at, FAR, FAR_6, NEAR, seededRandom, World } from "./testing/world.ts";
import { Flow, join, pattern } from "./testing/transfer.ts";
import { get16, put16, put32 } from "../../../hardware/network_order.ts";

/** Reads a number from the environment, where the test may. */
function setting(name: string, fallback: number): number {
  const state = Deno.permissions.querySync({ name: "env", variable: name }).state;
  return state === "granted" ? Number(Deno.env.get(name) ?? fallback) : fallback;
}

const FRAMES = setting("FUZZ_FRAMES", 100_000), SEED = setting("FUZZ_SEED", 1);
const CORPUS = 2000;

/** Makes checksums right again, so that what is wrong lies deeper. */
function repair(frame: Uint8Array): void {
  const etherType = frame.length >= 14 ? get16(frame, 12) : 0;
  let transportAt = 0, protocol = 0, pseudo = 0, end = frame.length;
  if (etherType === 0x0800 && frame.length >= 34) {
    const headerBytes = (frame[14] & 15) * 4;
    if (headerBytes < 20 || 14 + headerBytes > frame.length) return;
    put16(frame, 24, 0);
    put16(frame, 24, checksumOf(addToSum(frame, 14, 14 + headerBytes)));
    transportAt = 14 + headerBytes;
    protocol = frame[23];
    end = Math.max(transportAt, Math.min(frame.length, 14 + get16(frame, 16)));
    pseudo = addToSum(frame, 26, 34);
  } else if (etherType === 0x86dd && frame.length >= 54) {
    transportAt = 54;
    protocol = frame[20];
    end = Math.max(54, Math.min(frame.length, 54 + get16(frame, 18)));
    pseudo = addToSum(frame, 22, 54);
  } else return;
  const offset = protocol === IPPROTO.TCP
    ? 16
    : protocol === IPPROTO.UDP
    ? 6
    : protocol === IPPROTO.ICMP || protocol === IPPROTO.ICMPV6
    ? 2
    : -1;
  if (offset < 0 || end - transportAt < offset + 2) return;
  if (protocol === IPPROTO.ICMP) pseudo = 0;
  else pseudo += protocol + end - transportAt;
  put16(frame, transportAt + offset, 0);
  put16(frame, transportAt + offset, checksumOf(addToSum(frame, transportAt, end, pseudo)));
}

class Mutator {
  constructor(private readonly random: () => number, private readonly corpus: Uint8Array[]) {}

  #below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  next(): Uint8Array {
    if (this.random() < 0.02) {
      return new Uint8Array(this.#below(1600)).map(() => this.#below(256));
    }
    return this.change(this.corpus[this.#below(this.corpus.length)]);
  }

  /** Another frame in the place of one. */
  change(original: Uint8Array): Uint8Array {
    let frame: Uint8Array = original.slice();
    for (let count = this.#below(4); count >= 0; count--) frame = this.#mutate(frame);
    if (this.random() < 0.8) repair(frame);
    return frame;
  }

  #mutate(frame: Uint8Array): Uint8Array {
    const kind = this.#below(9);
    if (frame.length < 16) return frame;
    // Headers matter more than payload.
    const at = this.#below(this.random() < 0.8 ? Math.min(frame.length, 90) : frame.length);
    if (kind === 0) frame[at] ^= 1 << this.#below(8);
    else if (kind === 1) frame[at] = this.#below(256);
    else if (kind === 2) frame[at] = [0, 1, 127, 128, 255][this.#below(5)];
    else if (kind === 3) put16(frame, Math.min(at, frame.length - 2), this.#below(0x1_0000));
    else if (kind === 4) return frame.slice(0, this.#below(frame.length));
    else if (kind === 5) {
      const longer = new Uint8Array(frame.length + this.#below(64));
      longer.set(frame);
      return longer;
    } else if (kind === 6 && frame.length >= 54 && frame[23] === IPPROTO.TCP) {
      // Any flags, or numbers a little off.
      if (this.random() < 0.5) frame[47] = this.#below(64);
      else put32(frame, this.random() < 0.5 ? 38 : 42, get16(frame, 40) + this.#below(5000));
    } else if (kind === 7 && frame.length >= 34) put16(frame, 20, this.#below(0x1_0000));
    else if (kind === 8) {
      const other = this.corpus[this.#below(this.corpus.length)];
      const cut = Math.min(frame.length, other.length, 14 + this.#below(60));
      frame.set(other.subarray(cut, Math.min(other.length, frame.length)), cut);
    }
    return frame;
  }
}

/** Keeps frames of real traffic to the near host. */
function collect(world: World): Uint8Array[] {
  const corpus: Uint8Array[] = [];
  world.link.filter = (frame, from) => {
    if (from === world.link.devices[1] && corpus.length < CORPUS) corpus.push(frame.slice());
    return true;
  };
  return corpus;
}

/** Uses an endpoint in some way; errors are answers too. */
function use(endpoint: Endpoint, random: () => number, buffer: Uint8Array): void {
  const choice = random();
  try {
    if (choice < 0.5) endpoint.receive(buffer, 0);
    else if (choice < 0.8) endpoint.send(buffer.subarray(0, Math.floor(random() * 3000)), 0);
    else if (choice < 0.81) endpoint.shutdown(SHUT.WR);
    else endpoint.takeError();
  } catch (failure) {
    if (!(failure instanceof Errno)) throw failure;
  }
}

Deno.test(`${FRAMES} hostile frames do no harm, seed ${SEED}`, () => {
  const world = new World({ seed: SEED, delayNs: 1e5 });
  const random = seededRandom(SEED);
  const { near, far, link } = world;
  const corpus = collect(world);
  const listeners = [near.listen(80), near.listen(81, true)];
  const udp = [near.udp(), near.udp(true)];
  udp[0].bind(at("0.0.0.0", 53));
  udp[1].bind(at("::", 54));
  udp[0].setOption(0, 35, Uint8Array.of(224, 0, 0, 9, 0, 0, 0, 0));
  const raw = near.transport.open(AF.INET, SOCK.RAW, IPPROTO.ICMP);
  const open: Endpoint[] = [...udp, raw];
  const talk = () => {
    for (const six of [false, true]) {
      const client = far.tcp(six), [ip, port] = six ? ["fd00::1", 81] : [NEAR, 80];
      const server = join(world, client, listeners[six ? 1 : 0], at(ip, port as number));
      const outward = near.tcp(six);
      const far80 = far.listen(2000 + Math.floor(random() * 20_000), six);
      const inward = join(world, outward, far80, at(six ? FAR_6 : FAR, far80.local.port));
      const flow = new Flow(pattern(30_000, 3), client, server, 5000, false);
      const back = new Flow(pattern(30_000, 3), outward, inward, 5000, false);
      world.run(() => {
        const one = flow.step(), other = back.step();
        return one && other;
      }, 5e9);
      open.push(server, outward);
      const asker = far.udp(six);
      asker.connect(at(ip as string, six ? 54 : 53));
      asker.send(new Uint8Array(5000), 0);
      asker.send(new Uint8Array(10), 0);
      const ping = far.transport.open(six ? AF.INET6 : AF.INET, SOCK.DGRAM, six ? 58 : 1);
      ping.connect(at(ip as string, 0));
      ping.send(Uint8Array.of(six ? 128 : 8, 0, 0, 0, 0, 0, 0, 1, 2, 3), 0);
      const closed = far.udp(six);
      closed.connect(at(ip as string, 9));
      closed.send(new Uint8Array(10), 0);
      outward.send(new Uint8Array(10), 0);
      world.pass(1e9);
      for (const each of [asker, ping, closed]) each.close();
      far80.close();
    }
  };
  talk();
  assert(corpus.length > 50);
  const mutator = new Mutator(random, corpus);
  const device = link.devices[0], buffer = new Uint8Array(4096);
  // What the far host would answer is not wanted any more.
  link.filter = () => false;
  for (let count = 0; count < FRAMES; count++) {
    device.received(mutator.next(), random() < 0.1);
    if (count % 16 === 0) use(open[Math.floor(random() * open.length)], random, buffer);
    if (count % 256 === 0) world.pass(random() * 5e8);
    if (count % 5000 === 0) accept(listeners, open);
    if (open.length > 200) open.splice(3, 100).forEach((each) => each.close());
  }
  assertLess(near.stack.tcp.flows.size, 5000);
  for (const each of [...open, ...listeners]) each.close();
  world.pass(3000e9);
  assertEquals(near.stack.tcp.flows.size, 0);
  works(world);
});

function accept(listeners: StreamEndpoint[], open: Endpoint[]): void {
  for (const listener of listeners) {
    while ((listener.readiness & 1) !== 0) open.push(listener.accept());
  }
}

/** The stack still carries bytes. */
function works(world: World): void {
  world.link.filter = () => true;
  // The far host's frames were all lost, and its neighbours may have been forgotten meanwhile.
  world.pass(100e9);
  const client = world.near.tcp();
  const server = join(world, client, world.far.listen(8080), at(FAR, 8080));
  const flow = new Flow(pattern(100_000, 3), client, server);
  assert(world.run(() => flow.step(), 100e9));
  assertEquals(flow.wrongAt, -1);
}

Deno.test(`connections whose frames are changed on the way do no harm, seed ${SEED}`, () => {
  const rounds = Math.ceil(FRAMES / 1000);
  let changed = 0;
  for (let round = 0; round < rounds; round++) {
    const world = new World({ seed: SEED + round, delayNs: 2e6, mtu: 600 + round % 3 * 450 });
    const { near, far, link, random } = world;
    const listener = far.listen(80), six = far.listen(81, true);
    const mutator = new Mutator(random, [new Uint8Array(60)]);
    link.filter = (frame, from) => {
      if (random() > 0.1) return true;
      changed++;
      link.launch(from, mutator.change(frame));
      return random() < 0.5;
    };
    const open: Endpoint[] = [];
    for (let count = 0; count < 6; count++) {
      const client = near.tcp(count % 2 === 1);
      client.connect(count % 2 === 1 ? at(FAR_6, 81) : at(FAR, 80));
      open.push(client);
    }
    const buffer = new Uint8Array(20_000);
    for (let step = 0; step < 60; step++) {
      world.pass(20e6);
      accept([listener, six], open);
      for (const each of open) use(each, random, buffer);
    }
    for (const each of [...open, listener, six]) each.close();
    link.filter = () => true;
    world.pass(3000e9);
    const left = near.stack.tcp.flows.size + far.stack.tcp.flows.size;
    assertEquals(left, 0, `seed ${SEED + round}`);
  }
  assertGreater(changed, rounds);
});
