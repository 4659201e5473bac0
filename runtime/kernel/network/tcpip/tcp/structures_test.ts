// The rings, ranges and timers that TCP rests on, against simple models.
import { assert, assertEquals } from "@std/assert";
import { seededRandom, World } from "../testing/world.ts";
import type { Timer } from "../timers.ts";
import { ByteRing, ringBuffers } from "./byte_ring.ts";
import { Congestion } from "./congestion.ts";
import { RangeList } from "./range_list.ts";
import { RoundTrip } from "./round_trip.ts";

Deno.test("a ring keeps the bytes between two offsets, however it grows", () => {
  const random = seededRandom(1);
  for (const begin of [0, 2 ** 31 - 5000, 2 ** 32 - 5000, 2 ** 40 + 3]) {
    const ring = new ByteRing(ringBuffers());
    const model: number[] = [];
    let start = begin;
    for (let step = 0; step < 2000; step++) {
      if (random() < 0.5) {
        const data = new Uint8Array(Math.floor(random() * (step < 1000 ? 300 : 3000)))
          .map(() => random() * 256);
        ring.reserve(start, start + model.length + data.length);
        ring.write(start + model.length, data, 0, data.length);
        model.push(...data);
      } else {
        const count = Math.floor(random() * model.length);
        const into = new Uint8Array(count + 2);
        ring.read(start, into, 1, count);
        assertEquals([...into.subarray(1, count + 1)], model.splice(0, count));
        assertEquals([into[0], into[count + 1]], [0, 0]);
        start += count;
        if (model.length === 0) ring.emptied();
      }
    }
  }
});

Deno.test("buffers are shared by size, within bounds", () => {
  const pool = ringBuffers();
  const large = pool.take(1 << 18), small = new Uint8Array(1 << 10);
  pool.give(large);
  pool.give(small);
  assert(pool.take(1 << 17) !== large);
  assert(pool.take(1 << 18) === large);
  assert(pool.take(1 << 18) !== large, "it is given once");
  assert(pool.take(1 << 10) !== small);
  const given: Uint8Array[] = Array.from({ length: 100 }, () => new Uint8Array(1 << 20));
  for (const each of given) pool.give(each);
  const taken = Array.from({ length: 100 }, () => pool.take(1 << 20));
  assertEquals(taken.filter((each) => given.includes(each)).length, 8);
});

Deno.test("ranges join, count and end as a set of numbers does", () => {
  const random = seededRandom(2);
  for (let round = 0; round < 200; round++) {
    const ranges = new RangeList(1000);
    const model = new Set<number>();
    let below = 0;
    for (let step = 0; step < 40; step++) {
      if (random() < 0.8) {
        const start = below + Math.floor(random() * 100);
        const end = start + 1 + Math.floor(random() * 12);
        const before = model.size;
        for (let each = start; each < end; each++) model.add(each);
        assertEquals(ranges.add(start, end), model.size - before);
        const { starts, ends, latest } = ranges;
        assert(starts[latest] <= start && end <= ends[latest], "the latest is where it went");
      } else {
        below += Math.floor(random() * 15);
        ranges.dropBelow(below);
        for (const each of model) if (each < below) model.delete(each);
      }
      const listed: number[] = [];
      for (let index = 0; index < ranges.count; index++) {
        assert(index === 0 || ranges.ends[index - 1] < ranges.starts[index], "they do not touch");
        for (let each = ranges.starts[index]; each < ranges.ends[index]; each++) listed.push(each);
      }
      assertEquals(listed, [...model].sort((left, right) => left - right));
      assertEquals(ranges.bytes, model.size);
    }
  }
});

Deno.test("a full list refuses a range that touches none, and takes one that does", () => {
  const ranges = new RangeList(2);
  assertEquals([ranges.add(10, 20), ranges.add(30, 40), ranges.add(50, 60)], [10, 10, -1]);
  assertEquals([ranges.add(20, 30), ranges.count], [10, 1]);
});

Deno.test("timers fire at their time and in order, however they are moved", () => {
  const world = new World();
  const random = seededRandom(3);
  const { timers } = world.near.stack;
  const due = new Map<Timer, number>();
  let fired = 0;
  const make = (): Timer => {
    const timer: Timer = timers.create(() => {
      assertEquals(world.nowNs, due.get(timer), "at its time, and only when it is set");
      due.delete(timer);
      fired++;
    });
    return timer;
  };
  const all = Array.from({ length: 300 }, make);
  for (let step = 0; step < 3000; step++) {
    const index = Math.floor(random() * all.length), choice = random();
    const timer = all[index];
    if (choice < 0.7) {
      const deadlineNs = world.nowNs + 1 + Math.floor(random() * 1e9);
      timer.setAt(deadlineNs);
      due.set(timer, deadlineNs);
    } else if (choice < 0.85) {
      timer.cancel();
      due.delete(timer);
    } else {
      timer.dispose();
      due.delete(timer);
      all[index] = make();
    }
    if (step % 10 === 0) world.pass(2e7);
    for (const deadlineNs of due.values()) assert(deadlineNs > world.nowNs - 1);
  }
  world.pass(2e9);
  assertEquals(due.size, 0);
  assert(fired > 500, `${fired}`);
});

Deno.test("the timeout follows the round trip (RFC 6298)", () => {
  const roundTrip = new RoundTrip();
  assertEquals(roundTrip.timeoutNs, 1e9);
  roundTrip.measured(100e6);
  assertEquals([roundTrip.smoothedNs, roundTrip.variationNs], [100e6, 50e6]);
  assertEquals(roundTrip.timeoutNs, 300e6);
  roundTrip.measured(500e6);
  assertEquals([roundTrip.smoothedNs, roundTrip.variationNs], [150e6, 137.5e6]);
  roundTrip.backOff();
  assertEquals(roundTrip.timeoutNs, 2 * (150e6 + 550e6));
  roundTrip.recovered();
  for (let count = 0; count < 200; count++) roundTrip.measured(1e6);
  assert(roundTrip.timeoutNs < 202e6);
  for (let count = 0; count < 40; count++) roundTrip.backOff();
  assertEquals(roundTrip.timeoutNs, 120e9);
});

Deno.test("CUBIC goes back to where loss was, waits there, and goes beyond (RFC 9438)", () => {
  const size = 1000, roundTripNs = 100e6;
  const congestion = new Congestion(size);
  congestion.window = 1000 * size;
  congestion.lost(1000 * size);
  assertEquals(congestion.window, 700 * size);
  // K is the time until the window is what it was: the cube root of 300 / 0.4.
  const k = Math.cbrt(300 / 0.4);
  const windows: number[] = [];
  for (let now = 0; now < 2 * k * 1e9; now += roundTripNs) {
    congestion.acknowledged(congestion.window, now, roundTripNs);
    windows.push(congestion.window / size);
  }
  const at = (seconds: number) => windows[Math.round(seconds * 10)];
  assert(at(k / 2) > 900, `${at(k / 2)}: fast at first`);
  assert(Math.abs(at(k) - 1000) < 20, `${at(k)}: back at K`);
  assert(at(k * 1.3) - at(k) < 30, "slow around it");
  assert(at(1.95 * k) > 1200, `${at(1.95 * k)}: and beyond`);
  const most = congestion.window / size;
  congestion.lost(congestion.window);
  assertEquals(Math.round(congestion.window / size), Math.round(most * 0.7));
});
