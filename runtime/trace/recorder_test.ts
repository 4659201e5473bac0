import { assertEquals } from "@std/assert";
import {
  beginTrace,
  endTrace,
  readTrace,
  Recorder,
  silent,
  TRACE_BYTES,
  TRACE_RECORDS,
  TraceEvent,
} from "./recorder.ts";

Deno.test("records come back in their order, with their times, while somebody traces", () => {
  const memory = new SharedArrayBuffer(TRACE_BYTES);
  let nowMs = 1_700_000_000_000;
  const recorder = new Recorder(memory, () => nowMs);
  assertEquals([recorder.on, silent.on], [false, false]);
  beginTrace(memory, nowMs);
  assertEquals(recorder.on, true);
  recorder.record(TraceEvent.CALL, 5, 64, -3);
  nowMs += 2;
  recorder.record(TraceEvent.CALL_END, 5, -1);
  endTrace(memory);
  assertEquals(recorder.on, false);
  assertEquals(readTrace(memory), {
    lost: 0,
    records: [
      { atUs: 0, kind: TraceEvent.CALL, values: [5, 64, -3, 0, 0] },
      { atUs: 2000, kind: TraceEvent.CALL_END, values: [5, -1, 0, 0, 0] },
    ],
  });
  beginTrace(memory, nowMs);
  assertEquals(readTrace(memory), { lost: 0, records: [] });
});

Deno.test("the oldest records are overwritten, and counted", () => {
  const memory = new SharedArrayBuffer(TRACE_BYTES + 4096);
  const recorder = new Recorder(memory, () => 0);
  beginTrace(memory, 0);
  for (let call = 0; call < TRACE_RECORDS + 7; call++) recorder.record(TraceEvent.CALL, call);
  const { records, lost } = readTrace(memory);
  assertEquals([lost, records.length], [7, TRACE_RECORDS]);
  assertEquals([records[0].values[0], records.at(-1)!.values[0]], [7, TRACE_RECORDS + 6]);
});

Deno.test("whatever a domain wrote there, what is read is bounded", () => {
  const memory = new SharedArrayBuffer(TRACE_BYTES);
  for (const written of [-1, 0x7fff_ffff]) {
    new Uint32Array(memory).fill(0xffff_ffff);
    new Int32Array(memory)[1] = written;
    assertEquals(readTrace(memory).records, [], "times that are none");
  }
});
