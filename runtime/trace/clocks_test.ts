import { assertEquals } from "@std/assert";
import { setClocks } from "./clocks.ts";
import { TraceEvent, type TraceRecord } from "./recorder.ts";

const record = (kind: number, atUs: number, ...values: number[]): TraceRecord => ({
  atUs,
  kind,
  values: [0, 1, 2, 3, 4].map((index) => values[index] ?? 0) as TraceRecord["values"],
});

/** Two requests on ring 1 and one that leads on to device 7, by clocks that are late by so much. */
function threads(storageUs: number, devicesUs: number) {
  return [
    {
      process: "primary",
      lost: 0,
      records: [
        record(TraceEvent.SEND, 100, 1, 0),
        record(TraceEvent.SEND, 110, 1, 1),
        record(TraceEvent.ANSWER, 150, 1, 0),
        record(TraceEvent.ANSWER, 200, 1, 1),
      ],
    },
    {
      process: "storage",
      lost: 0,
      records: [
        record(TraceEvent.TAKE, 104 + storageUs, 1, 0, 5),
        record(TraceEvent.TAKE, 114 + storageUs, 1, 1, 6),
        record(TraceEvent.REQUEST, 120 + storageUs, 7, 0),
        record(TraceEvent.REQUEST_END, 140 + storageUs, 7, 0),
        record(TraceEvent.COMPLETE, 146 + storageUs, 1, 5),
        record(TraceEvent.COMPLETE, 190 + storageUs, 1, 6),
      ],
    },
    {
      process: "devices",
      lost: 0,
      records: [
        record(TraceEvent.SERVE, 124 + devicesUs, 7, 0, 0),
        record(TraceEvent.SERVE_END, 136 + devicesUs, 7, 0, 0),
      ],
    },
  ];
}

Deno.test("clocks that may be right are left alone", () => {
  assertEquals(setClocks(threads(0, 0)), threads(0, 0));
  assertEquals(setClocks(threads(3, 2)), threads(3, 2));
});

Deno.test("clocks that tell of a time before the tracing are late, all that go by them too", () => {
  const late = threads(-104.5, 0).map((thread) => ({
    ...thread,
    records: thread.records.map((record) => ({ ...record, atUs: record.atUs - 3000 })),
  }));
  const [primary, storage, devices] = setClocks(late).map(({ records }) => records[0].atUs);
  assertEquals([primary, storage > 0, devices > storage], [0, true, true]);
});

Deno.test("clocks that contradict a message are set to the middle of what is possible", () => {
  for (const [storageUs, devicesUs] of [[5000, -300], [-5000, 40], [12, 0], [0, 999]]) {
    const times = setClocks(threads(storageUs, devicesUs)).map(({ records }) =>
      records.map(({ atUs }) => atUs)
    );
    const [, [, , asked, told], [served, done]] = times;
    assertEquals([asked <= served, done <= told], [true, true], JSON.stringify(times));
    const [[sent, , answered], [taken, , , , completed]] = times;
    assertEquals([sent <= taken, completed <= answered], [true, true], JSON.stringify(times));
  }
});

Deno.test("a thread that no message leads to keeps its time", () => {
  const alone = { process: "alone", lost: 0, records: [record(TraceEvent.CALL, 7, 1)] };
  assertEquals(setClocks([...threads(0, 0), alone])[3], alone);
});
