// What a client of the socket server is told of readiness: every bit that it has to know of, and no noise.
import { assertEquals } from "@std/assert";
import { type Coroutine, isCoroutine } from "../../coroutine.ts";
import { E, Errno } from "../../errno.ts";
import { POLL } from "../../vfs/constants.ts";
import { encodeAddress } from "../address.ts";
import { AF, SO, SOCK, SOL } from "../constants.ts";
import type { StreamEndpoint } from "../endpoint.ts";
import {
  ENDED,
  EVENT_HEAD_BYTES,
  eventBytes,
  MOST_AHEAD_BYTES,
  RECEIVE_HEADER_BYTES,
  SocketCall,
  splitLevel,
} from "../protocol.ts";
import { Ready } from "../tcpip/endpoint_base.ts";
import { errnoOf } from "../tcpip/testing/transfer.ts";
import { at, FAR, World } from "../tcpip/testing/world.ts";
import { SocketServer } from "./sockets.ts";

const credential = { uid: 0, gid: 0, groups: [] };

/** A socket of the near host's server, connected to a program on the far one. */
class Connected {
  readonly world = new World({ delayNs: 1e6 });
  readonly server = new SocketServer(this.world.near.transport, 1);
  readonly handle: number;
  readonly far: StreamEndpoint;
  arrived = 0;
  unread = 0;

  constructor() {
    const listener = this.world.far.listen(80);
    this.handle = this.call(SocketCall.SOCKET, [AF.INET, SOCK.STREAM, 0]);
    const address = encodeAddress(at(FAR, 80));
    assertEquals(this.call(SocketCall.CONNECT, [this.handle], address), -E.EINPROGRESS);
    let far: StreamEndpoint | undefined;
    this.world.run(() => errnoOf(() => far = listener.accept()) === 0);
    this.far = far!;
    this.world.pass(10e6);
    assertEquals(this.events(), [POLL.OUT]);
    assertEquals(this.events(), []);
  }

  /** @returns its status; undefined where it waits */
  try(number: number, args: number[], payload: Uint8Array): number | undefined {
    try {
      const result = this.server.call({ number, args, credential, payload });
      if (!isCoroutine(result)) return result;
      const { done, value } = (result as Coroutine<number>).next();
      return done ? value : undefined;
    } catch (failure) {
      if (failure instanceof Errno) return -failure.errno;
      throw failure;
    }
  }

  call(number: number, args: number[], payload: Uint8Array = new Uint8Array(0)): number {
    return this.try(number, args, payload)!;
  }

  /** What is told of the socket, until there is nothing to tell: levels, and data as text. */
  news(room = 10_000): [level: number, data: string][] {
    const payload = new Uint8Array(room);
    const bytes = this.try(SocketCall.EVENTS, [], payload) ?? 0;
    const view = new DataView(payload.buffer);
    const news: [number, string][] = [];
    for (let at = 0; at + EVENT_HEAD_BYTES <= bytes;) {
      const count = view.getInt32(at + 8, true), start = at + EVENT_HEAD_BYTES;
      const data = new TextDecoder().decode(payload.subarray(start, start + count));
      news.push([view.getInt32(at + 4, true), data]);
      this.arrived += count;
      this.unread += count;
      at += eventBytes(count);
    }
    return news;
  }

  /** Levels that are told, where no data may come with them. */
  events(): number[] {
    return this.news().map(([level, data]) => {
      assertEquals(data, "");
      return level;
    });
  }

  /** The program reads what came ahead. */
  readAll(): void {
    this.unread = 0;
  }

  send(data: Uint8Array): number {
    return this.call(SocketCall.SENDTO, [this.handle, 0, 0, this.arrived, this.unread], data);
  }

  /** Sends until nothing more is taken, however long one waits. */
  fill(): void {
    for (let taken = true; taken;) {
      taken = false;
      while (this.send(new Uint8Array(60_000)) >= 0) taken = true;
      this.world.pass(100e6);
    }
  }

  receive(bytes: number): number {
    const payload = new Uint8Array(RECEIVE_HEADER_BYTES + bytes);
    const args = [this.handle, 0, this.arrived, this.unread];
    const status = this.call(SocketCall.RECVFROM, args, payload);
    if (status >= 0) this.arrived += splitLevel(status).count - RECEIVE_HEADER_BYTES;
    return status;
  }

  close(): number {
    return this.call(SocketCall.CLOSE, [this.handle, 0, this.arrived, this.unread]);
  }

  /** The far program sends, and it arrives. */
  farSends(text: string): void {
    this.far.send(new TextEncoder().encode(text), 0);
    this.world.pass(100e6);
  }
}

const LONG = "x".repeat(MOST_AHEAD_BYTES + 1);

Deno.test("little data comes with the news of it, and more once the program has read that", () => {
  const socket = new Connected();
  socket.farSends("one");
  assertEquals(socket.news(), [[POLL.OUT, "one"]]);
  socket.farSends("two");
  assertEquals(socket.news(), [[POLL.IN | POLL.OUT, ""]]);
  socket.readAll();
  assertEquals(splitLevel(socket.receive(100)).count, RECEIVE_HEADER_BYTES + 3);
  socket.farSends("three");
  assertEquals(socket.news(), [[POLL.OUT, "three"]]);
  socket.readAll();
  socket.send(new Uint8Array(1));
  socket.farSends("four");
  assertEquals(socket.news(), [[POLL.OUT, "four"]]);
  socket.send(new Uint8Array(1));
  socket.farSends("five");
  assertEquals(socket.news(), [[POLL.IN | POLL.OUT, ""]]);
});

Deno.test("the end of a stream is told with the last data", () => {
  const socket = new Connected();
  socket.far.send(new TextEncoder().encode("bye"), 0);
  socket.far.close();
  socket.world.pass(100e6);
  assertEquals(socket.news(), [[POLL.IN | POLL.OUT | Ready.RDHUP | ENDED, "bye"]]);
});

Deno.test("who asks while data is on its way gets nothing else before it", () => {
  const socket = new Connected();
  socket.farSends("first");
  const { arrived, unread } = socket;
  assertEquals(socket.news(), [[POLL.OUT, "first"]]);
  socket.farSends("second");
  Object.assign(socket, { arrived, unread });
  assertEquals(socket.receive(100), -E.EAGAIN);
  assertEquals(socket.news(), [[POLL.IN | POLL.OUT, ""]]);
});

Deno.test("data that has no room beside others' comes with the next news, or not at all", () => {
  const socket = new Connected();
  socket.farSends("seven bytes");
  assertEquals(socket.news(EVENT_HEAD_BYTES + 4), [[POLL.IN | POLL.OUT, ""]]);
  assertEquals(splitLevel(socket.receive(100)).count, RECEIVE_HEADER_BYTES + 11);
});

Deno.test("who wants bytes only together is sent none ahead", () => {
  const socket = new Connected();
  const option = Uint8Array.of(4, 0, 0, 0);
  socket.call(SocketCall.SETSOCKOPT, [socket.handle, SOL.SOCKET, SO.RCVLOWAT], option);
  socket.farSends("four");
  assertEquals(socket.events(), [POLL.IN | POLL.OUT]);
});

for (const [what, reads] of [["was not read", false], ["was read", true]] as const) {
  Deno.test(`the peer of a closed connection is reset where what it sent ${what}`, () => {
    const socket = new Connected();
    socket.farSends("unread");
    assertEquals(socket.news(), [[POLL.OUT, "unread"]]);
    if (reads) socket.readAll();
    socket.close();
    socket.world.pass(100e6);
    const errno = errnoOf(() => socket.far.receive(new Uint8Array(1), 0));
    assertEquals(errno, reads ? 0 : E.ECONNRESET);
  });
}

Deno.test("an answer to who sends leaves the news for who waits to receive", () => {
  const socket = new Connected();
  socket.farSends(LONG);
  assertEquals(splitLevel(socket.send(new Uint8Array(5))), { level: POLL.IN | POLL.OUT, count: 5 });
  assertEquals(socket.events(), [POLL.IN | POLL.OUT]);
  assertEquals(socket.events(), []);
});

Deno.test("an answer to who receives leaves the news for who waits to send", () => {
  const socket = new Connected();
  socket.fill();
  assertEquals(socket.events(), []);
  socket.farSends(LONG);
  assertEquals(socket.events(), [POLL.IN]);
  const room = new Uint8Array(100_000);
  for (let count = 1; count > 0;) {
    count = 0;
    socket.world.pass(10e6);
    errnoOf(() => count = socket.far.receive(room, 0).count);
  }
  const { level } = splitLevel(socket.receive(10_000));
  assertEquals(level, POLL.OUT);
  assertEquals(socket.events(), [POLL.OUT]);
});

Deno.test("who could not send is not told again of what it can receive", () => {
  const socket = new Connected();
  socket.farSends(LONG);
  assertEquals(socket.events(), [POLL.IN | POLL.OUT]);
  socket.fill();
  assertEquals(socket.events(), []);
  socket.farSends("more");
  assertEquals(socket.events(), [POLL.IN]);
  assertEquals(socket.send(new Uint8Array(1)), -E.EAGAIN);
  assertEquals(socket.events(), []);
});

Deno.test("who closes with SO_LINGER is told when the peer has everything", () => {
  const socket = new Connected();
  const option = Uint8Array.of(1, 0, 0, 0, 9, 0, 0, 0);
  socket.call(SocketCall.SETSOCKOPT, [socket.handle, SOL.SOCKET, SO.LINGER], option);
  socket.fill();
  assertEquals(socket.call(SocketCall.CLOSE, [socket.handle, 1]), 9);
  assertEquals([socket.events(), socket.send(new Uint8Array(1))], [[], -E.EBADF]);
  const room = new Uint8Array(100_000);
  for (let count = 1; count > 0;) {
    count = 0;
    socket.world.pass(100e6);
    errnoOf(() => count = socket.far.receive(room, 0).count);
  }
  assertEquals(socket.events(), [POLL.HUP]);
  assertEquals(socket.call(SocketCall.CLOSE, [socket.handle, 0]), 0);
  assertEquals(socket.call(SocketCall.CLOSE, [socket.handle, 0]), -E.EBADF);
});

Deno.test("who closes with SO_LINGER and does not wait is not asked to", () => {
  const socket = new Connected();
  const option = Uint8Array.of(1, 0, 0, 0, 9, 0, 0, 0);
  socket.call(SocketCall.SETSOCKOPT, [socket.handle, SOL.SOCKET, SO.LINGER], option);
  socket.fill();
  assertEquals(socket.call(SocketCall.CLOSE, [socket.handle, 0]), 0);
});

Deno.test("who has received everything is told of what comes then", () => {
  const socket = new Connected();
  socket.farSends(LONG);
  assertEquals(socket.events(), [POLL.IN | POLL.OUT]);
  assertEquals(splitLevel(socket.receive(10_000)).count, RECEIVE_HEADER_BYTES + LONG.length);
  assertEquals(socket.receive(100), -E.EAGAIN);
  socket.farSends(LONG);
  assertEquals(socket.events(), [POLL.IN | POLL.OUT]);
});
