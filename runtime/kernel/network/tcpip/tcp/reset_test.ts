// Resets: in every state, at the right place only (RFC 9293, 3.10.7; RFC 5961), and what is answered with one.
import { assert, assertEquals } from "@std/assert";
import { E } from "../../../errno.ts";
import { SHUT, SO, SOL } from "../../constants.ts";
import { at, FAR, World } from "../testing/world.ts";
import { ACK, FIN, RawConnection, RawPeer, RST, SYN } from "../testing/raw_peer.ts";
import { errnoOf } from "../testing/transfer.ts";
import { State } from "./state.ts";

/** The states of all connections of the near host. */
function states(world: World): number[] {
  return world.near.transport.sockets().map(({ state }) => state);
}

const one = Uint8Array.of(42);

Deno.test("data for a closed endpoint is answered with a reset", () => {
  const world = new World();
  const c = new RawConnection(world);
  c.endpoint.close();
  c.peer.take();
  c.theirs++;
  c.send(ACK, { data: one });
  assertEquals(c.peer.take().map(({ flags }) => flags & RST), [RST]);
  assertEquals(states(world), []);
});

Deno.test("closing with unread data, or with SO_LINGER of zero, resets", () => {
  for (const linger of [false, true]) {
    const world = new World();
    const c = new RawConnection(world);
    const option = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
    if (linger) c.endpoint.setOption(SOL.SOCKET, SO.LINGER, option);
    else c.send(ACK, { data: one });
    c.peer.take();
    c.endpoint.close();
    assertEquals(c.peer.take().map(({ flags }) => flags & RST), [RST]);
    assertEquals(states(world), []);
  }
});

/** Brings a connection into a state. */
const ways: [string, (c: RawConnection) => void, number][] = [
  ["ESTABLISHED", () => {}, E.ECONNRESET],
  ["FIN-WAIT-1", (c) => {
    c.endpoint.shutdown(SHUT.WR);
    c.peer.take();
  }, E.ECONNRESET],
  ["FIN-WAIT-2", (c) => {
    c.endpoint.shutdown(SHUT.WR);
    c.peer.take();
    c.theirs++;
    c.send(ACK);
    c.peer.take();
  }, E.ECONNRESET],
  ["CLOSE-WAIT", (c) => {
    c.send(FIN | ACK);
    c.ours++;
    c.peer.take();
  }, E.EPIPE],
  ["CLOSING", (c) => {
    c.endpoint.shutdown(SHUT.WR);
    c.peer.take();
    c.send(FIN | ACK);
    c.ours++;
    c.peer.take();
  }, 0],
  ["LAST-ACK", (c) => {
    c.send(FIN | ACK);
    c.ours++;
    c.peer.take();
    c.endpoint.shutdown(SHUT.WR);
    c.peer.take();
  }, 0],
];

for (const [name, way, errno] of ways) {
  Deno.test(`a reset in ${name} ends the connection, at exactly the right place only`, () => {
    const world = new World();
    const c = new RawConnection(world);
    way(c);
    const before = states(world);
    c.send(RST, { seq: c.ours + 10 });
    const [challenge] = c.peer.take();
    assertEquals([challenge.flags & RST, challenge.ack, states(world)], [0, c.ours, before]);
    c.send(RST, { seq: c.ours + 1_000_000 });
    assertEquals(c.peer.take(), []);
    c.send(SYN, { seq: c.ours });
    c.peer.take();
    assertEquals(states(world), before);
    c.send(RST);
    c.peer.take();
    assertEquals([states(world), c.endpoint.takeError()], [[], errno]);
    assertEquals(errnoOf(() => c.endpoint.send(one, 0)), E.EPIPE);
    assertEquals(c.endpoint.receive(new Uint8Array(1), 0).count, 0);
  });
}

Deno.test("a reset in SYN-SENT must acknowledge the SYN", () => {
  const world = new World();
  const peer = new RawPeer(world);
  const client = world.near.tcp();
  client.connect(at(FAR, 80));
  const [syn] = peer.take();
  peer.send({ flags: RST | ACK, seq: 0, ack: syn.seq, to: syn.from });
  peer.take();
  assertEquals(client.connecting, true);
  peer.send({ flags: RST | ACK, seq: 0, ack: syn.seq + 1, to: syn.from });
  peer.take();
  assertEquals([client.connecting, client.takeError()], [false, E.ECONNREFUSED]);
});

Deno.test("a reset in SYN-RECEIVED is forgotten with the half-open connection", () => {
  const world = new World();
  const peer = new RawPeer(world, 5000);
  const listener = world.near.listen(80);
  peer.send({ flags: SYN, seq: 100, ack: 0, to: 80 });
  const [answer] = peer.take();
  peer.send({ flags: RST, seq: 101, ack: 0, to: 80 });
  peer.send({ flags: ACK, seq: 101, ack: answer.seq + 1, to: 80 });
  const [reset] = peer.take();
  assertEquals([reset.flags, errnoOf(() => listener.accept())], [RST, E.EAGAIN]);
});

Deno.test("what belongs to no connection is reset", () => {
  const world = new World();
  const peer = new RawPeer(world, 5000);
  peer.send({ flags: SYN, seq: 100, ack: 0, to: 80 });
  const [one] = peer.take();
  assertEquals([one.flags, one.seq, one.ack], [RST | ACK, 0, 101]);
  peer.send({ flags: ACK, seq: 100, ack: 77, to: 80 });
  const [other] = peer.take();
  assertEquals([other.flags, other.seq], [RST, 77]);
  peer.send({ flags: RST, seq: 100, ack: 77, to: 80 });
  assertEquals(peer.take(), []);
});

Deno.test("in TIME-WAIT a later SYN begins a new connection, an earlier one does not", () => {
  const world = new World();
  const listener = world.near.listen(80);
  const peer = new RawPeer(world, 5000);
  peer.send({ flags: SYN, seq: 100, ack: 0, to: 80 });
  const [answer] = peer.take();
  peer.send({ flags: ACK, seq: 101, ack: answer.seq + 1, to: 80 });
  peer.take();
  listener.accept().close();
  const [fin] = peer.take();
  peer.send({ flags: FIN | ACK, seq: 101, ack: fin.seq + 1, to: 80 });
  peer.take();
  assertEquals(states(world), [State.LISTEN, State.TIME_WAIT]);
  peer.send({ flags: SYN, seq: 50, ack: 0, to: 80 });
  assertEquals(peer.take().map(({ flags, ack }) => [flags, ack]), [[ACK, 102]]);
  peer.send({ flags: SYN, seq: 5000, ack: 0, to: 80 });
  const [again] = peer.take();
  assertEquals([again.flags, again.ack], [SYN | ACK, 5001]);
  assert((again.seq - fin.seq | 0) > 65_535, "the new stream begins beyond the old one");
});
