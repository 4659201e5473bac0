// A client's contract with a file server that dies: what is sent again, what fails, what comes back.
// The server is a list of answers behind a real ring; the test kills it and starts another.
import { assertEquals } from "@std/assert";
import { resetRing, ringBytes } from "../../../hypervisor/ring/layout.ts";
import { type RingRequest, RingServer } from "../../../hypervisor/ring/server.ts";
import type { ClientContract } from "../../../../schemas/plan.ts";
import { finish, Tasks } from "../../coroutine.ts";
import { E, Errno } from "../../errno.ts";
import { LOCK, O } from "../../vfs/constants.ts";
import { Call, NOWHERE, Private, putWalkResult } from "../../vfs/protocol.ts";
import { Connection } from "../transport/connection.ts";
import { ContractService } from "./contract_service.ts";

const shape = { depth: 16, arenaBytes: 16 * 1024 };
const silent = { ring: () => false };
const kernel = { uid: 0, gid: 0, groups: [] };

/** A file server of one generation: notes what it is asked, and numbers its handles as it likes. */
class Server {
  readonly asked: string[] = [];
  transaction = 1;
  durable = 0;
  /** calls that it takes and does not answer */
  silentOn = new Set<number>();
  readonly #ring: RingServer;

  /** @param firstHandle so that handles of two generations differ */
  constructor(memory: ArrayBufferLike, generation: number, public firstHandle: number) {
    this.#ring = new RingServer(memory, shape, generation, silent, (request) => {
      if (request.number === Call.SYNC) this.durable = this.transaction;
      const status = this.#answer(request);
      this.asked.push(describe(request));
      if (this.silentOn.has(request.number)) return;
      this.#ring.complete(request.slot, status, this.transaction, this.durable);
    });
  }

  poll(): number {
    const count = this.#ring.poll();
    this.#ring.publish();
    return count;
  }

  #answer({ number, args, payload }: RingRequest): number {
    const made = (ino: number, flag = false) =>
      putWalkResult(payload, {
        mount: 0,
        ino,
        generation: 1,
        mode: 0,
        flag,
        steady: false,
        takesWrites: false,
        name: "",
        above: NOWHERE,
      });
    switch (number) {
      case Private.RECOVERED:
        return this.durable;
      case Private.ROOT:
        made(args[0]);
        return this.firstHandle++;
      case Private.INODE:
        made(args[1]);
        return this.firstHandle++;
      case Private.REOPEN:
        return this.firstHandle++;
      case Private.CREATE:
        made(700 + this.firstHandle, true);
        return this.firstHandle++;
      case Call.MKDIRAT:
        made(900);
        return 0;
      case Call.PWRITE64:
        return payload.length;
      default:
        return 0;
    }
  }
}

const names = new Map<number, string>(
  [...Object.entries(Call), ...Object.entries(Private)].map(([name, number]) => [number, name]),
);

/** A request as text: name, arguments without the zeros at the end, first byte of a write. */
function describe({ number, args, payload }: RingRequest): string {
  const given = Array.from(args);
  while (given.at(-1) === 0) given.pop();
  const data = number === Call.PWRITE64 ? `:${payload[0]}` : "";
  return `${names.get(number)} ${given.join(" ")}${data}`.trim();
}

class World {
  readonly memory = new SharedArrayBuffer(ringBytes(shape));
  readonly tasks = new Tasks(() => 0);
  readonly connection = new Connection(this.memory, shape, 1, silent, (reason) => {
    throw new Error(reason);
  });
  readonly service: ContractService;
  server: Server;
  #generation = 1;

  constructor(contract: ClientContract) {
    resetRing(this.memory, 1);
    this.server = new Server(this.memory, 1, 100);
    this.service = new ContractService(this.connection, contract, this.tasks);
  }

  /** Everybody goes on until nobody has anything to do. */
  settle(): void {
    for (let done = 1; done > 0;) {
      this.connection.notify();
      done = this.connection.state === "up" ? this.server.poll() : 0;
      done += this.connection.poll() + this.tasks.runReady();
    }
  }

  /** Begins a call. The result comes once it is there. */
  begin(number: number, args: number[], payload?: Uint8Array): { status?: number } {
    const result = this.submit(number, args, payload);
    this.settle();
    return result;
  }

  /** Sends a call that nobody has looked at yet. */
  submit(
    number: number,
    args: number[],
    payload: Uint8Array = new Uint8Array(64),
  ): { status?: number } {
    const result: { status?: number } = {};
    const call = { number, args, credential: kernel, payload };
    const body = function* (service: ContractService) {
      return yield* finish(service.call(call));
    };
    this.tasks.spawn(body(this.service), (value, failure) => {
      if (failure !== undefined && !(failure instanceof Errno)) throw failure;
      result.status = failure instanceof Errno ? -failure.errno : value;
    });
    this.tasks.runReady();
    return result;
  }

  call(number: number, args: number[], payload?: Uint8Array): number | undefined {
    return this.begin(number, args, payload).status;
  }

  /** A handle that names inode `ino`: a root, which needs no other handle to be walked from. */
  root(ino: number): number {
    return this.call(Private.ROOT, [ino])!;
  }

  /** An open file of inode `ino`. */
  open(ino: number): number {
    const handle = this.root(ino);
    this.call(Private.OPEN, [handle, O.RDWR]);
    return handle;
  }

  write(handle: number, value: number): number | undefined {
    return this.call(Call.PWRITE64, [handle, 0, 0], Uint8Array.of(value));
  }

  die(): void {
    this.connection.lose("down");
    this.settle();
  }

  /** Another instance, which has what was durable; recovered unless told otherwise. */
  restart(change: (server: Server) => void = () => {}): void {
    const { durable } = this.server;
    resetRing(this.memory, ++this.#generation);
    this.server = new Server(this.memory, this.#generation, this.#generation * 100);
    Object.assign(this.server, { durable, transaction: durable + 1 });
    change(this.server);
    this.connection.restore(this.memory, this.#generation, silent);
    this.tasks.spawn(this.service.recover(), (_value, failure) => {
      if (failure !== undefined) throw failure;
    });
    this.settle();
  }
}

Deno.test("retry: what was under way waits for the next server, and is done there", () => {
  const world = new World("retry");
  const root = world.root(2);
  world.server.silentOn = new Set([Call.STATX, Call.UNLINKAT]);
  const statx = world.begin(Call.STATX, [root]);
  const unlink = world.begin(Call.UNLINKAT, [root, 1, 0]);
  assertEquals([statx.status, unlink.status], [undefined, undefined]);
  world.die();
  const later = world.begin(Call.FACCESSAT2, [root, 4]);
  assertEquals([statx.status, unlink.status, later.status], [undefined, undefined, undefined]);
  world.restart();
  assertEquals([statx.status, unlink.status, later.status], [0, 0, 0]);
  assertEquals(world.server.asked, [
    "RECOVERED",
    "REOPEN 0 2 1 -1",
    "DROP_ORPHANS",
    // Of two callers, in no order.
    "UNLINKAT 200 1",
    "STATX 200",
    "FACCESSAT2 200 4",
  ]);
});

Deno.test("retry: what was found by its number comes back with its server", () => {
  const world = new World("retry");
  const root = world.root(2), found = world.call(Private.INODE, [root, 44, 1])!;
  world.die();
  world.restart();
  assertEquals(world.call(Call.FACCESSAT2, [found, 4]), 0);
  assertEquals(world.server.asked, [
    "RECOVERED",
    "REOPEN 0 2 1 -1",
    "REOPEN 0 44 1 -1",
    "DROP_ORPHANS",
    "FACCESSAT2 201 4",
  ]);
});

for (const contract of ["retry", "error"] as const) {
  Deno.test(`${contract}: what was answered before the server died was done, and is not sent again`, () => {
    const world = new World(contract);
    const root = world.root(2);
    const unlink = world.submit(Call.UNLINKAT, [root, 1, 0]);
    world.connection.notify();
    world.server.poll();
    assertEquals(unlink.status, undefined);
    world.die();
    assertEquals(unlink.status, 0);
    assertEquals(world.service.redoEntries, contract === "retry" ? 1 : 0);
  });
}

Deno.test("error: what was under way or comes while it is down is EIO; names come back, open files do not", () => {
  const world = new World("error");
  const root = world.root(2), file = world.open(11);
  world.server.silentOn.add(Call.STATX);
  const statx = world.begin(Call.STATX, [root]);
  world.die();
  assertEquals(statx.status, -E.EIO);
  assertEquals(world.call(Call.FACCESSAT2, [root, 4]), -E.EIO);
  world.restart();
  assertEquals(world.server.asked, ["REOPEN 0 2 1 -1", "DROP_ORPHANS"]);
  assertEquals(world.call(Call.FACCESSAT2, [root, 4]), 0);
  assertEquals(world.write(file, 1), -E.EIO);
  assertEquals(world.open(11) >= 0, true);
});

Deno.test("error: what comes while the next server is told of the last one waits for that", () => {
  const world = new World("error");
  const root = world.root(2);
  world.die();
  // The new instance takes what it is told, and has not answered.
  world.restart((server) => server.silentOn.add(Private.REOPEN));
  const early = world.begin(Call.FACCESSAT2, [root, 4]);
  assertEquals(early.status, undefined);
  world.die();
  assertEquals(early.status, -E.EIO);
});

Deno.test("retry: acknowledged changes that are not durable are done again, in order and with new handles", () => {
  const world = new World("retry");
  const first = world.open(11), second = world.open(12);
  world.write(first, 1);
  // This one ends up durable; what follows is of the next transaction.
  world.call(Call.FSYNC, [first]);
  world.server.durable = world.server.transaction++;
  world.write(second, 2);
  world.write(first, 3);
  assertEquals(world.service.redoEntries, 2);
  world.die();
  world.restart();
  assertEquals(world.server.asked, [
    "RECOVERED",
    `REOPEN 0 11 1 ${O.RDWR}`,
    `REOPEN 0 12 1 ${O.RDWR}`,
    "PWRITE64 201:2",
    "PWRITE64 200:3",
    "DROP_ORPHANS",
  ]);
  world.call(Call.SYNC, []);
  assertEquals(world.service.redoEntries, 0);
});

Deno.test("retry: what was made and lost is made again, and handles follow to its new identity", () => {
  const world = new World("retry");
  const root = world.root(2);
  const name = new Uint8Array(64);
  name[0] = "f".charCodeAt(0);
  const made = world.call(Private.CREATE, [root, 1, O.CREAT | O.RDWR, 0o644], name)!;
  world.write(made, 5);
  for (const generation of [2, 3]) {
    world.die();
    world.restart();
    const handle = generation * 100;
    assertEquals(world.server.asked, [
      "RECOVERED",
      "REOPEN 0 2 1 -1",
      `CREATE ${handle} 1 ${O.CREAT | O.RDWR} ${0o644}`,
      `PWRITE64 ${handle + 1}:5`,
      "DROP_ORPHANS",
    ]);
  }
  // Once durable it is opened by the identity that it got last.
  world.call(Call.SYNC, []);
  world.die();
  world.restart();
  assertEquals(world.server.asked.slice(0, 3), [
    "RECOVERED",
    "REOPEN 0 2 1 -1",
    `REOPEN 0 ${700 + 301} 1 ${O.CREAT | O.RDWR}`,
  ]);
});

Deno.test("retry: locks are taken again and mount points covered, before calls go on", () => {
  const world = new World("retry");
  const directory = world.root(2), file = world.open(11);
  world.call(Private.COVER, [directory, 4]);
  world.call(Call.FLOCK, [file, LOCK.EX, 77]);
  world.die();
  const waiting = world.begin(Call.STATX, [file]);
  world.restart();
  assertEquals(waiting.status, 0);
  assertEquals(world.server.asked.slice(3), [
    "COVER 200 4",
    `FLOCK 201 ${LOCK.EX} 77`,
    "DROP_ORPHANS",
    "STATX 201",
  ]);
  world.call(Call.FLOCK, [file, LOCK.UN, 77]);
  world.die();
  world.restart();
  assertEquals(world.server.asked.filter((asked) => asked.startsWith("FLOCK")), []);
});

Deno.test("retry: a server that dies while it is brought up to date changes nothing for programs", () => {
  const world = new World("retry");
  const file = world.open(11);
  world.write(file, 1);
  for (const silentOn of [Private.RECOVERED, Private.REOPEN, Call.PWRITE64, Private.DROP_ORPHANS]) {
    world.die();
    const waiting = world.begin(Call.STATX, [file]);
    world.restart((server) => server.silentOn.add(silentOn));
    assertEquals(waiting.status, undefined);
    world.die();
    world.restart();
    assertEquals(waiting.status, 0);
    assertEquals(world.server.asked.filter((asked) => asked.startsWith("PWRITE64")).length, 1);
  }
});

Deno.test("a server that is gone for good answers nothing: EIO under both contracts", () => {
  for (const contract of ["retry", "error"] as const) {
    const world = new World(contract);
    const root = world.root(2);
    world.server.silentOn.add(Call.STATX);
    const statx = world.begin(Call.STATX, [root]);
    world.connection.lose("gone");
    world.settle();
    assertEquals([statx.status, world.call(Call.STATX, [root])], [-E.EIO, -E.EIO]);
  }
});

Deno.test("a closed handle is not reopened", () => {
  const world = new World("retry");
  const kept = world.root(2), closed = world.root(11);
  world.call(Call.CLOSE, [closed]);
  world.die();
  world.restart();
  assertEquals(world.server.asked, ["RECOVERED", "REOPEN 0 2 1 -1", "DROP_ORPHANS"]);
  assertEquals(world.call(Call.STATX, [kept]), 0);
});

Deno.test("a file that is closed while it is written to: the write is not taken for another file's", () => {
  const world = new World("retry");
  const file = world.open(5);
  // The descriptor is closed by whoever ended the program, and its number is given to another file.
  const writing = world.submit(Call.PWRITE64, [file, 0, 0], Uint8Array.of(9));
  world.submit(Call.CLOSE, [file]);
  const other = world.submit(Private.ROOT, [6], new Uint8Array(64));
  world.settle();
  assertEquals([writing.status, other.status], [1, file]);
  world.die();
  world.restart();
  const again = world.server.asked.filter((asked) => asked.startsWith("REOPEN"));
  const written = world.server.asked.filter((asked) => asked.startsWith("PWRITE64"));
  // Inode 5 is opened again for what was written to it, and not inode 6.
  assertEquals(written.length, 1);
  const handle = 200 + again.findIndex((asked) => asked.startsWith("REOPEN 0 5"));
  assertEquals(written[0], `PWRITE64 ${handle}:9`);
});

Deno.test("a file that is closed while its server is away is not another file of the next server", () => {
  const world = new World("retry");
  const files = [5, 6, 7].map((ino) => world.open(ino));
  world.die();
  const closing = world.begin(Call.CLOSE, [files[0]]);
  // The next instance numbers its handles from where the last one did.
  world.restart((server) => server.firstHandle = 100);
  assertEquals(closing.status, 0);
  assertEquals(world.server.asked.filter((asked) => asked.startsWith("CLOSE")), []);
  assertEquals(world.server.asked.filter((asked) => asked.startsWith("REOPEN")).length, 2);
});

Deno.test("a file that was closed and became durable is not closed on the next server", () => {
  const world = new World("retry");
  const root = world.root(2), other = world.root(3);
  const file = world.call(Private.CREATE, [root, 1, O.RDWR | O.CREAT, 0o644])!;
  // It may have to be made again, so the server hears of the end only once it is durable.
  world.call(Call.CLOSE, [file]);
  world.server.durable = 1;
  world.call(Call.STATX, [root]);
  world.die();
  world.restart((server) => server.firstHandle = 100);
  world.call(Call.CLOSE, [other]);
  const closed = world.server.asked.filter((asked) => asked.startsWith("CLOSE"));
  assertEquals(closed, ["CLOSE 101"]);
});

Deno.test("of several files that are closed at once, none is another file of the next server", () => {
  const world = new World("retry");
  const root = world.root(2), others = [3, 4, 5, 6].map((ino) => world.root(ino));
  for (const name of [1, 2, 3]) {
    world.call(Call.CLOSE, [world.call(Private.CREATE, [root, name, O.RDWR | O.CREAT, 0o644])!]);
  }
  world.server.durable = 1;
  world.call(Call.STATX, [root]);
  // Now all of them are closed; the server dies with the first.
  world.server.silentOn.add(Call.CLOSE);
  const closing = world.begin(Call.CLOSE, [others[0]]);
  assertEquals(closing.status, undefined);
  world.die();
  world.restart((server) => server.firstHandle = 100);
  assertEquals(closing.status, 0);
  assertEquals(world.server.asked.filter((asked) => asked.startsWith("CLOSE")), []);
});
