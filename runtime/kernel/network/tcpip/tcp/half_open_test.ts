// Half-open connections outlive their stack: whoever was answered is connected, wherever the stack dies.
import { assert, assertEquals } from "@std/assert";
import type { StreamEndpoint } from "../../endpoint.ts";
import { errnoOf } from "../testing/transfer.ts";
import { at, Death, NEAR, World } from "../testing/world.ts";
import { CHECKPOINT_BYTES } from "./checkpoint.ts";
import { HALF_OPEN_BYTES, HalfOpenRecords } from "./half_open_records.ts";

const halfOpen = (remotePort: number, six = false) => ({
  localPort: 80,
  remotePort,
  irs: -5,
  iss: 7,
  peerMss: 1460,
  windowScale: -1,
  timestamp: 99,
  recentTimestamp: 98,
  six,
  selective: true,
  timestamps: false,
  source: new Uint8Array(six ? 16 : 4).fill(1),
  destination: new Uint8Array(six ? 16 : 4).fill(2),
});

Deno.test("records of half-open connections are there for the next instance, once", () => {
  const memory = new Uint8Array(HALF_OPEN_BYTES);
  const records = new HalfOpenRecords(memory);
  records.save(halfOpen(1));
  records.clear(records.save(halfOpen(2)));
  records.save(halfOpen(3, true));
  const next = new HalfOpenRecords(memory);
  assertEquals(next.takeSaved(81, false), []);
  assertEquals(next.takeSaved(80, false).map(([, saved]) => saved), [halfOpen(1)]);
  assertEquals(next.takeSaved(80, false), []);
  assertEquals(next.takeSaved(80, true).map(([, saved]) => saved), [halfOpen(3, true)]);
  // Who takes one has its place; what is forgotten is not there any more.
  assertEquals(new HalfOpenRecords(memory).takeSaved(80, false).length, 1);
  const last = new HalfOpenRecords(memory);
  last.forgetSaved();
  assertEquals(new HalfOpenRecords(memory).takeSaved(80, true), []);
});

Deno.test("where there is no room for a record, none is made", () => {
  const records = new HalfOpenRecords(new Uint8Array(HALF_OPEN_BYTES));
  const places = Array.from({ length: HALF_OPEN_BYTES / 128 }, () => records.save(halfOpen(1)));
  assert(places.every((place) => place >= 0));
  assertEquals(records.save(halfOpen(1)), -1);
  records.clear(-1);
  records.clear(places[7]);
  assertEquals(records.save(halfOpen(2)), places[7]);
});

/** @param readings of the clock after which the stack that listens dies @returns whether it did */
function connectTo(readings: number): boolean {
  const world = new World({ delayNs: 1e6, keep: new Uint8Array(CHECKPOINT_BYTES) });
  let listener = world.near.listen(80), died = false;
  const far = world.far.tcp();
  world.readingsLeft = readings;
  far.connect(at(NEAR, 80));
  let accepted: StreamEndpoint | undefined;
  const read = new Uint8Array(10);
  let count = 0, sent = false;
  const step = () => {
    if (!far.connecting && !sent) sent = far.send(Uint8Array.of(1, 2, 3), 0) === 3;
    if (accepted === undefined) errnoOf(() => accepted = listener.accept());
    else errnoOf(() => count += accepted!.receive(read, 0).count);
    return count === 3;
  };
  for (;;) {
    try {
      assert(world.run(step), `${count} bytes came, errno ${far.takeError()}`);
      break;
    } catch (failure) {
      if (!(failure instanceof Death)) throw failure;
      died = true;
      world.revive();
      listener = world.near.listen(80);
      // One that was accepted has a handle, which is another test's matter.
      if (accepted !== undefined) return true;
    }
  }
  assertEquals(errnoOf(() => listener.accept()), 11, "a connection is there twice");
  return died;
}

Deno.test("whoever was answered is connected once, wherever the stack that answered dies", () => {
  let readings = 0;
  while (connectTo(readings)) readings++;
  assert(readings > 5, `${readings} moments of death`);
});
