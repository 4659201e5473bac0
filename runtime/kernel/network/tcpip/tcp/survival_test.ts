// The stack dies again and again, at random moments, under a program that sends bytes and one that sends them
// back: every byte comes once and in its place, and soon. On the loopback interface both ends die.
import { assert, assertEquals, assertLess } from "@std/assert";
import { E } from "../../../errno.ts";
import { SHUT } from "../../constants.ts";
import type { StreamEndpoint } from "../../endpoint.ts";
import { errnoOf, join, pattern } from "../testing/transfer.ts";
import { at, Death, seededRandom, World, type WorldSettings } from "../testing/world.ts";
import { CHECKPOINT_BYTES } from "./checkpoint.ts";
import { State } from "./state.ts";

const BYTES = 1_000_000;
const PIECE_BYTES = 16_384;

/** A program's side of a connection: it knows what it has got, and what it was told that was taken. */
class Side {
  got = 0;
  put = 0;
  /** taken of a call that was not answered */
  #untold = 0;

  constructor(public endpoint: StreamEndpoint, readonly handle: number) {
    endpoint.keep(handle);
  }

  /** There is another stack: asks for the connection there. */
  claim(world: World): void {
    const restored = world.near.transport.restored();
    const endpoint = [...restored].find(([handle]) => handle === this.handle)?.[1];
    assert(endpoint !== undefined, `the connection ${this.handle} is lost`);
    this.endpoint = endpoint;
    this.#untold = endpoint.claim(this.got) - this.put;
    assert(this.#untold >= 0, `${-this.#untold} bytes were taken and are lost`);
  }

  /** @returns bytes taken; 0 for none now */
  send(data: Uint8Array): number {
    let count = this.#untold;
    this.#untold = 0;
    const errno = count > 0 ? 0 : errnoOf(() => count = this.endpoint.send(data, 0));
    assert(errno === 0 || errno === E.EAGAIN, `errno ${errno}`);
    this.put += count;
    return count;
  }

  /** @returns bytes that came; -1 for none now */
  receive(into: Uint8Array): number {
    let count = -1;
    this.endpoint.confirm(this.got);
    const errno = errnoOf(() => count = this.endpoint.receive(into, 0).count);
    assert(errno === 0 || errno === E.EAGAIN, `errno ${errno}`);
    this.got += Math.max(0, count);
    return count;
  }
}

/** Ends a direction; a stack that died may have done so already, and the peer have acknowledged it. */
function finish({ endpoint }: Side): void {
  const errno = errnoOf(() => endpoint.shutdown(SHUT.WR));
  assert(errno === 0 || errno === E.ENOTCONN, `errno ${errno}`);
}

/** @param deaths how often the stack dies @param far whether the other end is on another host */
function echo(
  settings: WorldSettings & { seed: number; readings: number },
  deaths: number,
  far: boolean,
): void {
  const keep = new Uint8Array(new SharedArrayBuffer(CHECKPOINT_BYTES));
  const world = new World({ ...settings, keep });
  const random = seededRandom(settings.seed + 1000);
  const host = far ? world.far : world.near;
  const server = host.listen(80);
  const client = new Side(world.near.tcp(), 1);
  const echoing = new Side(join(world, client.endpoint, server, at(host.ip, 80)), 2);
  const sides = far ? [client] : [client, echoing];

  const data = pattern(BYTES, settings.seed);
  const piece = new Uint8Array(PIECE_BYTES), held = new Uint8Array(PIECE_BYTES);
  let sent = 0, heldFrom = 0, heldTo = 0, clientShut = false, echoShut = false, over = false;
  /** What the program does without waiting. @returns whether it did anything */
  const step = () => {
    const done = sent + heldFrom + heldTo + client.got;
    if (sent < BYTES) sent += client.send(data.subarray(sent, sent + 5000));
    else if (!clientShut) {
      finish(client);
      clientShut = true;
    }
    if (heldFrom < heldTo) heldFrom += echoing.send(held.subarray(heldFrom, heldTo));
    else if (!echoShut) {
      heldFrom = heldTo = 0;
      const count = echoing.receive(held);
      heldTo = Math.max(0, count);
      if (count === 0) {
        finish(echoing);
        echoShut = true;
      }
    }
    const before = client.got, count = client.receive(piece);
    over = count === 0;
    for (let index = 0; index < count; index++) {
      if (piece[index] !== data[before + index]) throw new Error(`byte ${before + index} is wrong`);
    }
    return done !== sent + heldFrom + heldTo + client.got;
  };

  const begun = world.nowNs;
  let left = deaths;
  const live = () => {
    if (left > 0) world.readingsLeft = Math.floor(random() * settings.readings * 2);
    return world.run(() => {
      while (step());
      return over;
    }, 600e9);
  };
  for (let ended = false; !ended;) {
    try {
      assert(live(), `sent ${sent}, back ${client.got}, deaths left ${left}`);
      ended = true;
    } catch (failure) {
      if (!(failure instanceof Death)) throw failure;
      left--;
      world.nowNs += random() * 200e6;
      world.revive();
      for (const side of random() < 0.5 ? sides : sides.toReversed()) side.claim(world);
    }
  }
  assertEquals(client.got, BYTES);
  assertLess(left, deaths);
  // Each time what was in flight is repeated, which may have to wait for a timeout.
  const seconds = (world.nowNs - begun) / 1e9;
  assert(seconds < 3 + 1.5 * deaths, `${seconds} s`);
}

const seeds = Array.from({ length: 40 }, (_, index) => index + 1);

Deno.test("a connection outlives 10 stacks that have both ends, 40 seeds", () => {
  for (const seed of seeds) echo({ seed, readings: 20 + 2 * seed }, 10, false);
});

Deno.test("a connection outlives 10 stacks that have one end, 40 seeds", () => {
  for (const seed of seeds) {
    const link = { delayNs: 1e6, loss: seed % 3 / 100, offload: seed % 2 === 0 };
    echo({ seed, readings: 300, ...link }, 10, true);
  }
});

Deno.test("connections wait for owners that come late, and not for those that never knew of them", () => {
  const keep = new Uint8Array(new SharedArrayBuffer(CHECKPOINT_BYTES));
  const world = new World({ keep });
  const client = new Side(world.near.tcp(), 1);
  new Side(join(world, client.endpoint, world.near.listen(80), at(world.near.ip, 80)), 2);
  world.revive();
  world.pass(3600e9);
  client.claim(world);
  client.endpoint.keep(1);
  assertEquals(client.send(pattern(100, 1)), 100);
  world.near.transport.claimed();
  // Nobody asks for the other end: once it has been waited for, its peer is told.
  world.pass(9e9);
  assertEquals(client.receive(new Uint8Array(1)), -1);
  world.pass(2e9);
  assertEquals(errnoOf(() => client.endpoint.receive(new Uint8Array(1), 0)), E.ECONNRESET);
});

Deno.test("who connects to a port is refused once its listener would be back, and not before", () => {
  const keep = new Uint8Array(new SharedArrayBuffer(CHECKPOINT_BYTES));
  const world = new World({ keep });
  world.near.listen(80);
  world.revive();
  const refused = (seconds: number) => {
    const peer = world.far.tcp();
    errnoOf(() => peer.connect(at(world.near.ip, 81)));
    world.pass(seconds * 1e9);
    return !peer.connecting;
  };
  assertEquals(refused(2), false);
  world.near.listen(80);
  world.near.transport.claimed();
  assertEquals(refused(1), true);
});

Deno.test("a listener gets its port back from connections that end before it is there again", () => {
  const keep = new Uint8Array(new SharedArrayBuffer(CHECKPOINT_BYTES));
  const world = new World({ keep });
  const client = world.near.tcp();
  const server = join(world, client, world.near.listen(80), at(world.near.ip, 80));
  // Both ends are in this stack: the last segments go to and fro before anybody listens.
  server.close();
  client.close();
  world.revive();
  const { near } = world;
  world.run(() => false, 2e9);
  const states = near.transport.sockets().filter(({ local }) => local.port === 80);
  assertEquals(states.map(({ state }) => state), [State.TIME_WAIT]);
  const listener = near.listen(80);
  near.transport.claimed();
  listener.close();
  // From then on the port is theirs.
  assertEquals(errnoOf(() => near.listen(80)), E.EADDRINUSE);
});
