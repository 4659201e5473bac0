// Every way through the states of RFC 9293 (figure 5), against a peer that sends what the test says.
import { assert, assertEquals } from "@std/assert";
import { E } from "../../../errno.ts";
import { SHUT } from "../../constants.ts";
import { at, FAR, World } from "../testing/world.ts";
import { ACK, FIN, RawConnection, RawPeer, SYN } from "../testing/raw_peer.ts";
import { errnoOf, join } from "../testing/transfer.ts";
import { State } from "./state.ts";

/** The states of all connections of the near host. */
function states(world: World): number[] {
  return world.near.transport.sockets().map(({ state }) => state);
}

const one = Uint8Array.of(42);

Deno.test("an active open goes through SYN-SENT to ESTABLISHED", () => {
  const world = new World();
  const peer = new RawPeer(world);
  const client = world.near.tcp();
  client.connect(at(FAR, 80));
  assertEquals([states(world), client.connecting], [[State.SYN_SENT], true]);
  assertEquals(errnoOf(() => client.connect(at(FAR, 80))), E.EALREADY);
  const [syn] = peer.take();
  assertEquals([syn.flags, syn.mss], [SYN, 1460]);
  peer.send({ flags: SYN | ACK, seq: 7, ack: syn.seq + 1, to: syn.from });
  const [ack] = peer.take();
  assertEquals([ack.flags, ack.seq, ack.ack], [ACK, syn.seq + 1 | 0, 8]);
  assertEquals([states(world), client.connecting], [[State.ESTABLISHED], false]);
  assertEquals(errnoOf(() => client.connect(at(FAR, 80))), E.EISCONN);
});

Deno.test("a passive open goes through SYN-RECEIVED to ESTABLISHED", () => {
  const world = new World();
  const peer = new RawPeer(world, 5000);
  const listener = world.near.listen(80);
  peer.send({ flags: SYN, seq: 100, ack: 0, to: 80 });
  const [answer] = peer.take();
  assertEquals([answer.flags, answer.ack], [SYN | ACK, 101]);
  assertEquals([states(world), errnoOf(() => listener.accept())], [[State.LISTEN], E.EAGAIN]);
  peer.send({ flags: ACK, seq: 101, ack: answer.seq + 1, to: 80, data: one });
  peer.take();
  assertEquals(states(world), [State.LISTEN, State.ESTABLISHED]);
  const accepted = listener.accept();
  const buffer = new Uint8Array(4);
  assertEquals([accepted.receive(buffer, 0).count, buffer[0]], [1, 42]);
  assertEquals(accepted.peer, at(FAR, 5000));
});

Deno.test("both sides open at the same time (figure 7)", () => {
  const world = new World();
  const peer = new RawPeer(world);
  const client = world.near.tcp();
  client.connect(at(FAR, 80));
  const [syn] = peer.take();
  peer.send({ flags: SYN, seq: 300, ack: 0, to: syn.from });
  const [both] = peer.take();
  assertEquals([both.flags, both.seq, both.ack], [SYN | ACK, syn.seq, 301]);
  assertEquals(states(world), [State.SYN_RECEIVED]);
  peer.send({ flags: SYN | ACK, seq: 300, ack: syn.seq + 1, to: syn.from });
  peer.take();
  // The peer's SYN again is answered, its acknowledgement comes with the next segment at the latest.
  peer.send({ flags: ACK, seq: 301, ack: syn.seq + 1, to: syn.from });
  peer.take();
  assertEquals(states(world), [State.ESTABLISHED]);
});

Deno.test("two stacks that open to each other have one connection", () => {
  const world = new World({ delayNs: 5e6 });
  const left = world.near.tcp(), right = world.far.tcp();
  left.bind(at("0.0.0.0", 1000));
  right.bind(at("0.0.0.0", 2000));
  left.connect(at(FAR, 2000));
  right.connect(at("10.0.0.1", 1000));
  assert(world.run(() => !left.connecting && !right.connecting, 5e9));
  assertEquals([left.takeError(), right.takeError()], [0, 0]);
  left.send(one, 0);
  assert(world.run(() => right.queuedIn === 1, 1e9));
});

Deno.test("we close first: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT", () => {
  const world = new World();
  const c = new RawConnection(world);
  c.endpoint.shutdown(SHUT.WR);
  const [fin] = c.peer.take();
  assertEquals([fin.flags & FIN, states(world)], [FIN, [State.FIN_WAIT_1]]);
  c.theirs++;
  c.send(ACK);
  c.peer.take();
  assertEquals(states(world), [State.FIN_WAIT_2]);
  c.send(ACK, { data: one });
  c.ours++;
  c.peer.take(100e6);
  assertEquals(c.endpoint.queuedIn, 1);
  c.send(FIN | ACK);
  c.ours++;
  const [last] = c.peer.take();
  assertEquals([last.flags, last.ack, states(world)], [ACK, c.ours, [State.TIME_WAIT]]);
  // The FIN again is acknowledged again.
  c.send(FIN | ACK, { seq: c.ours - 1 });
  assertEquals(c.peer.take().map(({ ack }) => ack), [c.ours]);
  world.pass(61e9);
  assertEquals(states(world), []);
  assertEquals(c.endpoint.receive(new Uint8Array(4), 0).count, 1);
});

Deno.test("both sides close at the same time: CLOSING", () => {
  const world = new World();
  const c = new RawConnection(world);
  c.endpoint.shutdown(SHUT.WR);
  c.peer.take();
  c.send(FIN | ACK);
  c.ours++;
  c.peer.take();
  assertEquals(states(world), [State.CLOSING]);
  c.theirs++;
  c.send(ACK);
  c.peer.take();
  assertEquals(states(world), [State.TIME_WAIT]);
});

Deno.test("a FIN with the acknowledgement of ours leads to TIME-WAIT at once", () => {
  const world = new World();
  const c = new RawConnection(world);
  c.endpoint.shutdown(SHUT.WR);
  c.peer.take();
  c.theirs++;
  c.send(FIN | ACK);
  c.peer.take();
  assertEquals(states(world), [State.TIME_WAIT]);
});

Deno.test("the peer closes first: CLOSE-WAIT, LAST-ACK", () => {
  const world = new World();
  const c = new RawConnection(world);
  c.send(FIN | ACK, { data: one });
  c.ours += 2;
  c.peer.take();
  assertEquals(states(world), [State.CLOSE_WAIT]);
  assertEquals(c.endpoint.readiness & 0x2001, 0x2001);
  const buffer = new Uint8Array(4);
  assertEquals([c.endpoint.receive(buffer, 0).count, c.endpoint.receive(buffer, 0).count], [1, 0]);
  assertEquals(c.endpoint.send(one, 0), 1);
  const [data] = c.peer.take();
  assertEquals([...data.data], [42]);
  c.theirs++;
  c.send(ACK);
  c.endpoint.close();
  c.peer.take();
  assertEquals(states(world), [State.LAST_ACK]);
  c.theirs++;
  c.send(ACK);
  c.peer.take();
  assertEquals(states(world), []);
});

Deno.test("a closed endpoint that never hears the peer's FIN is forgotten", () => {
  const world = new World();
  const c = new RawConnection(world);
  c.endpoint.close();
  c.peer.take();
  c.theirs++;
  c.send(ACK);
  c.peer.take();
  assertEquals(states(world), [State.FIN_WAIT_2]);
  world.pass(61e9);
  assertEquals(states(world), []);
});

Deno.test("half-closed connections carry data the other way", () => {
  const world = new World({ delayNs: 1e6 });
  const client = world.near.tcp();
  const server = join(world, client, world.far.listen(80), at(FAR, 80));
  client.shutdown(SHUT.WR);
  assertEquals(errnoOf(() => client.send(one, 0)), E.EPIPE);
  assert(world.run(() => (server.readiness & 1) !== 0, 1e9));
  assertEquals(server.receive(new Uint8Array(1), 0).count, 0);
  for (let round = 0; round < 10; round++) {
    server.send(new Uint8Array(5000).fill(round), 0);
    assert(world.run(() => client.queuedIn === 5000, 10e9));
    const buffer = new Uint8Array(5000);
    client.receive(buffer, 0);
    assertEquals(buffer[4999], round);
  }
});

Deno.test("a program may connect to itself", () => {
  const world = new World();
  const self = world.near.tcp();
  self.bind(at("127.0.0.1", 4000));
  self.connect(at("127.0.0.1", 4000));
  assert(world.run(() => !self.connecting, 5e9));
  self.send(one, 0);
  assert(world.run(() => self.queuedIn === 1, 1e9));
});
