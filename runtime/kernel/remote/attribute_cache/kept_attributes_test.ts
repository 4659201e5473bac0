// Attributes and missing names that a client keeps, over a tmpfs whose server takes its time: what is told is what
// there is, whoever changes it meanwhile.
import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../../../schemas/seeded_random.ts";
import { type Blocking, type Coroutine, finish, Tasks, WaitQueue } from "../../coroutine.ts";
import { createDomainMemory } from "../../domain_memory.ts";
import type { Environment } from "../../environment.ts";
import { E, Errno } from "../../errno.ts";
import type { Service, ServiceCall } from "../../service.ts";
import { createTmpfs } from "../../storage/tmpfs/tmpfs.ts";
import { O } from "../../vfs/constants.ts";
import type { FileSystem } from "../../vfs/filesystem.ts";
import {
  Call,
  CONTINUES,
  getContinuation,
  getWalkResult,
  Private,
  putBytes,
  WALK_PAYLOAD_BYTES,
  WalkFlag,
} from "../../vfs/protocol.ts";
import { STATX_BYTES } from "../../vfs/structures.ts";
import { FileServer } from "../../vfs/vfs.ts";
import { recordOf } from "../contract/handle_book.ts";
import { KeptAttributes } from "./kept_attributes.ts";

const user = { uid: 1000, gid: 1000, groups: [] }, superuser = { uid: 0, gid: 0, groups: [] };
const NAMES = ["a", "b", "c", "d/a", "d/b", "e"];

/** A file server that does what it is asked in any order, when the test says so. */
class World {
  readonly tasks: Tasks;
  readonly kept: KeptAttributes;
  readonly server: FileServer;
  /** calls that reached the server */
  asked = 0;
  /** of the server, as the client knows it */
  readonly state = { generation: 1, ready: true };
  readonly #records = new Map<number, ReturnType<typeof recordOf>>();
  readonly #waiting: WaitQueue[] = [];
  readonly below: (bound: number) => number;

  constructor(seed: number, steady = true) {
    const next = seededRandom(seed);
    this.below = (bound) => next() % bound;
    let nowNs = 0;
    const tasks = this.tasks = new Tasks(() => nowNs++);
    const environment: Environment = {
      nowNs: () => nowNs++,
      realtimeNs: () => BigInt(nowNs++),
      random: () => {},
      tasks,
      memory: createDomainMemory(new SharedArrayBuffer(4096), 0),
      log: () => {},
    };
    const tmpfs = createTmpfs(environment, {}, {}).provides.filesystem as FileSystem;
    if (!steady) Object.assign(tmpfs, { steady: false });
    this.server = new FileServer([tmpfs], environment);
    const slow: Service = { call: (call) => this.#later(call), transaction: 0, durable: 0 };
    const record = (handle: number) => this.#records.get(handle)!;
    const known = Object.assign(this.state, { record, peek: record });
    this.kept = new KeptAttributes(known, slow, tasks);
    const root = named(Private.ROOT, "", [0]);
    assertEquals(this.run(() => this.server.call(root)), 0);
    this.know(0, root.payload);
  }

  know(handle: number, payload: Uint8Array, flags = -1): void {
    const found = getWalkResult(payload);
    this.#records.set(handle, recordOf({ ...found, server: handle, flags }, 1));
  }

  lock(handle: number): void {
    this.#records.get(handle)!.locks.push({ number: Call.FLOCK, args: [1] });
  }

  *#later(call: ServiceCall): Coroutine<number> {
    this.asked++;
    yield* this.#pause();
    try {
      const status = yield* finish(this.server.call(call));
      // What is opened is known when its answer comes.
      if (call.number === Private.WALK && status < CONTINUES) {
        this.know(status, call.payload, call.args[5] - 1);
      }
      return status;
    } finally {
      yield* this.#pause();
    }
  }

  *#pause(): Coroutine<void> {
    const waiting = new WaitQueue();
    this.#waiting.push(waiting);
    yield waiting;
  }

  /** One of those that wait goes on. */
  step(): void {
    this.tasks.run();
    if (this.#waiting.length === 0) return;
    this.#waiting.splice(this.below(this.#waiting.length), 1)[0].wakeAll();
    this.tasks.run();
  }

  /** Starts work. @returns its outcome, once it is there: an errno is negative */
  begin(work: () => Blocking<number>): { status?: number } {
    const outcome: { status?: number } = {};
    const body = function* () {
      return yield* finish(work());
    };
    this.tasks.spawn(body(), (value, failure) => {
      if (failure !== undefined && !(failure instanceof Errno)) throw failure;
      outcome.status = failure instanceof Errno ? -failure.errno : value;
    });
    return outcome;
  }

  run(work: () => Blocking<number>): number {
    const outcome = this.begin(work);
    for (let steps = 0; outcome.status === undefined; steps++) {
      assert(steps < 1000, "it waits for ever");
      this.step();
    }
    return outcome.status;
  }

  /** What a path leads to, asked of somebody. */
  told(service: Service, name: string): number | Uint8Array {
    const call = statOf(name);
    const status = this.run(() => service.call(call));
    return status < 0 ? status : call.payload.slice(0, STATX_BYTES);
  }

  /** What is opened by a path, of somebody, and closed again. */
  opened(service: Service, name: string): number | unknown[] {
    const call = openOf(name);
    const handle = this.run(() => service.call(call));
    if (handle < 0) return handle;
    const { ino, generation, mode, above } = getWalkResult(call.payload);
    const attributes = named(Call.STATX, "", [handle]);
    this.run(() => service.call(attributes));
    this.run(() => service.call(named(Call.CLOSE, "", [handle])));
    return [ino, generation, mode, above, attributes.payload.slice(0, STATX_BYTES)];
  }

  /** How often the server is asked what paths lead to. */
  askedFor(names: string[]): number[] {
    return names.map((name) => {
      const before = this.asked;
      this.told(this.kept, name);
      return this.asked - before;
    });
  }
}

function named(number: number, name: string, args: number[], credential = superuser): ServiceCall {
  const payload = new Uint8Array(WALK_PAYLOAD_BYTES);
  putBytes(name, payload);
  return { number, args, credential, payload };
}

const statOf = (name: string, credential = superuser) =>
  named(Private.STAT, name, [0, name.length, WalkFlag.FOLLOW, 40, -1, 0], credential);

const openOf = (name: string, credential = superuser) =>
  named(Private.WALK, name, [0, name.length, WalkFlag.FOLLOW, 40, -1, O.RDONLY + 1], credential);

const create = (name: string) =>
  named(Private.CREATE, name, [0, name.length, O.RDWR | O.CREAT, 0o644]);

const write = (handle: number, offset: number): ServiceCall => ({
  ...named(Call.PWRITE64, "", [handle, offset, 0]),
  payload: new Uint8Array(100),
});

Deno.test("what a path led to is asked for once, until a change may have touched it", () => {
  const world = new World(1);
  const { kept, state } = world, made = create("a");
  const handle = world.run(() => kept.call(made));
  world.know(handle, made.payload);
  world.run(() => kept.call(create("b")));
  assertEquals(world.askedFor(["a", "a", "b", "b", "none", "none"]), [1, 0, 1, 0, 1, 0]);
  // A write touches its own file alone.
  world.run(() => kept.call(write(handle, 5)));
  assertEquals(world.askedFor(["a", "b", "none"]), [1, 0, 0]);
  world.run(() => kept.call(named(Call.UNLINKAT, "b", [0, 1, 0])));
  assertEquals(world.askedFor(["a", "b", "b"]), [1, 1, 0]);
  // Another instance of the server may have lost something.
  state.generation++;
  assertEquals(world.askedFor(["a", "a"]), [1, 0]);
  state.ready = false;
  assertEquals(world.askedFor(["a"]), [1]);
});

Deno.test("while a log is written, what is asked of other files is kept", () => {
  const world = new World(1), { kept } = world, made = create("log");
  const log = world.run(() => kept.call(made));
  world.know(log, made.payload);
  world.run(() => kept.call(create("page")));
  const during = (ask: () => void) => {
    const written = world.begin(() => kept.call(write(log, 5))), before = world.asked;
    ask();
    const asked = world.asked - before;
    while (written.status === undefined) world.step();
    return asked;
  };
  const stat = (name: string) => during(() => world.told(kept, name));
  const open = () => during(() => world.opened(kept, "page"));
  // To open, for its attributes, and to close.
  assertEquals([stat("page"), stat("page"), open(), open()], [1, 0, 2, 1]);
  assertEquals([stat("none"), stat("none"), stat("log"), stat("log")], [1, 0, 1, 1]);
  assertEquals(world.told(kept, "log"), world.told(world.server, "log"));
});

Deno.test("a path that leads nowhere is not opened in vain twice", () => {
  const world = new World(1);
  const open = () =>
    world.run(() => world.kept.call(named(Private.WALK, "none", [0, 4, 1, 40, -1, 1])));
  assertEquals([open(), world.asked], [-E.ENOENT, 1]);
  world.run(() => world.kept.call(create("a")));
  // That nothing else changes the file system is known once something was found there.
  world.told(world.kept, "a");
  const before = world.asked;
  assertEquals([open(), open(), world.asked - before], [-E.ENOENT, -E.ENOENT, 1]);
  world.run(() => world.kept.call(create("none")));
  assert(open() > 0);
});

Deno.test("a path that leads to something mounted is asked for once, until it does not", () => {
  const world = new World(1), { kept } = world;
  world.run(() => kept.call(named(Call.MKDIRAT, "d", [0, 1, 0o755])));
  const open = named(Private.WALK, "d", [0, 1, WalkFlag.FOLLOW, 40, -1, 0]);
  const directory = world.run(() => kept.call(open));
  world.told(kept, "d");
  const cover = (mount: number) => () => kept.call(named(Private.COVER, "", [directory, mount]));
  const on = (call: ServiceCall) => {
    const before = world.asked, status = world.run(() => kept.call(call));
    const { mount, rest } = getContinuation(call.payload);
    return [status, world.asked - before, mount, rest];
  };
  world.run(cover(7));
  const missing = () => statOf("d/x");
  assertEquals([on(missing()), on(missing())], [[CONTINUES, 1, 7, "./x"], [
    CONTINUES,
    0,
    7,
    "./x",
  ]]);
  const opened = () => openOf("d");
  assertEquals([on(opened()), on(opened())], [[CONTINUES, 1, 7, ""], [CONTINUES, 0, 7, ""]]);
  world.run(cover(0));
  assertEquals(on(missing()).slice(0, 2), [-E.ENOENT, 1]);
});

Deno.test("what somebody may see is no answer for others", () => {
  const world = new World(1);
  world.run(() => world.kept.call(named(Call.MKDIRAT, "d", [0, 1, 0o700])));
  world.told(world.kept, "d");
  const statBy = (who: typeof user) => world.run(() => world.kept.call(statOf("d/x", who)));
  assertEquals([statBy(superuser), statBy(superuser)], [-E.ENOENT, -E.ENOENT]);
  assertEquals(statBy(user), -E.EACCES);
});

Deno.test("of a file system that changes by itself nothing is kept", () => {
  const world = new World(1, false);
  world.run(() => world.kept.call(create("a")));
  assertEquals(world.askedFor(["a", "a", "none", "none"]), [1, 1, 1, 1]);
});

Deno.test("a file that is closed and opened by its path again stays open, until a change may have touched it", () => {
  const world = new World(1), { kept } = world;
  const made = create("a"), handle = world.run(() => kept.call(made));
  world.know(handle, made.payload);
  world.run(() => kept.call(create("b")));
  const asked = (name: string) => {
    const before = world.asked;
    world.opened(kept, name);
    return world.asked - before;
  };
  // To open, for its attributes, and to close.
  assertEquals([asked("a"), asked("a"), asked("b"), asked("a")], [2, 1, 2, 1]);
  // Two that have it open have a handle each, of which one is kept.
  const open = () => world.run(() => kept.call(openOf("a")));
  const close = (each: number) => world.run(() => kept.call(named(Call.CLOSE, "", [each])));
  const before = world.asked, both = [open(), open()];
  both.forEach(close);
  assertEquals([world.asked - before, new Set(both).size, asked("a")], [2, 2, 1]);
  // What is written to it may have changed its mode.
  world.run(() => kept.call(write(handle, 5)));
  assertEquals([asked("a"), asked("a"), asked("b")], [2, 1, 1]);
  world.run(() => kept.call(named(Call.UNLINKAT, "b", [0, 1, 0])));
  assertEquals(world.opened(kept, "b"), -E.ENOENT);
  assertEquals([asked("a"), asked("a")], [2, 1]);
  world.state.generation++;
  assertEquals([asked("a"), asked("a")], [2 + 1, 1]);
});

Deno.test("no more than a few files are kept open for nobody, and none that is locked", () => {
  const world = new World(1), { kept } = world;
  const names = Array.from({ length: 300 }, (_, index) => `f${index}`);
  for (const name of names) world.run(() => kept.call(create(name)));
  for (const name of names) world.opened(kept, name);
  const before = world.asked;
  for (const name of names.slice(-256)) world.opened(kept, name);
  assertEquals(world.asked - before, 256);
  const handle = world.run(() => kept.call(openOf("f0")));
  world.lock(handle);
  const asked = world.asked;
  world.run(() => kept.call(named(Call.CLOSE, "", [handle])));
  assertEquals(world.asked - asked, 1);
});

/** A call that changes something, or asks. */
function draw(world: World, handles: number[]): ServiceCall {
  const one = "abc"[world.below(3)], other = "abc"[world.below(3)];
  const handle = handles[world.below(handles.length || 1)] ?? 0;
  switch (world.below(9)) {
    case 0:
      return create(one);
    case 1:
      return named(Call.UNLINKAT, one, [0, 1, 0]);
    case 2:
      return named(Call.RENAMEAT2, one + other, [0, 1, 0, 1, 0]);
    case 3:
      return named(Call.FCHMOD, "", [handle, 0o600 + world.below(64)]);
    case 4:
      return named(Call.LINKAT, other, [handle, 0, 1]);
    case 5:
      return named(Call.FTRUNCATE, "", [handle, world.below(5000)]);
    case 6:
      return write(handle, world.below(5000));
    default:
      return statOf(NAMES[world.below(NAMES.length)]);
  }
}

for (let seed = 1; seed <= 40; seed++) {
  Deno.test(`several change names and attributes at a time, and what is told is what there is, seed ${seed}`, () => {
    const world = new World(seed), { kept, server } = world;
    world.run(() => kept.call(named(Call.MKDIRAT, "d", [0, 1, 0o755])));
    const handles: number[] = [];
    let saved = 0;
    for (let round = 0; round < 60; round++) {
      const calls = Array.from({ length: 1 + world.below(4) }, () => draw(world, handles));
      const outcomes = calls.map((call) => world.begin(() => kept.call(call)));
      for (let steps = 0; outcomes.some(({ status }) => status === undefined); steps++) {
        assert(steps < 1000, "somebody waits for ever");
        world.step();
      }
      calls.forEach((call, index) => {
        const handle = outcomes[index].status!;
        if (call.number !== Private.CREATE || handle < 0) return;
        world.know(handle, call.payload);
        handles.push(handle);
      });
      for (const name of NAMES) {
        const before = world.asked, answer = world.told(kept, name);
        if (world.asked === before) saved++;
        assertEquals(answer, world.told(server, name), `${name} in round ${round}`);
        const found = world.opened(kept, name);
        assertEquals(found, world.opened(server, name), `${name} opened in round ${round}`);
      }
    }
    assert(saved > 10, `${saved} answers were kept`);
  });
}
