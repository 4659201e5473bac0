import { assertEquals, assertThrows } from "@std/assert";
import {
  type ControlAnswer,
  lineOf,
  MAX_PIECE_BYTES,
  ProtocolError,
  readAnswer,
  readExecutionInput,
  readRequest,
} from "./control_protocol.ts";

const execution = { words: ["/bin/sh", "-c", "a\nb"], env: { A: "b" }, cwd: "/", uid: 0, gid: 5 };

Deno.test("what is said is what is understood", () => {
  for (
    const request of [
      { do: "describe" },
      { do: "await" },
      { do: "stop" },
      { do: "stop", graceMs: 0 },
      { do: "signal", programs: ["web"], number: 1 },
      { do: "fault", place: "storage", fault: { kind: "slow", byMs: 5, forMs: 100 } },
      { do: "fault", place: "net0", fault: { kind: "packet-loss", rate: 0.01, seed: 7 } },
      { do: "execute", execution },
      { do: "execute", execution: { ...execution, terminal: { rows: 24, columns: 80 } } },
    ] as const
  ) assertEquals(readRequest(lineOf(request as never)), request as never);
  for (
    const input of [
      { input: new Uint8Array([0, 10, 255]) },
      { endInput: true },
      { resize: { rows: 1, columns: 65_535 } },
      { signal: 15 },
    ] as const
  ) assertEquals(readExecutionInput(lineOf(input)), input);
  const answers: ControlAnswer[] = [
    { refused: "no" },
    { done: true },
    { making: { device: "disk0", step: "fetch", what: "dash", done: 1, total: 3 } },
    { making: { device: "disk0", step: "prepare", what: "ldconfig", done: 0, total: 1 } },
    { ready: { ms: 1.5 } },
    { notReady: "why" },
    { stopped: 143 },
    { admitted: 65_536 },
    { output: new Uint8Array(MAX_PIECE_BYTES), stream: "stderr" },
    { ended: { status: 139, signal: "SIGSEGV" } },
    { state: { state: "booting" } },
  ];
  for (const answer of answers) assertEquals(readAnswer(lineOf(answer)), answer);
});

Deno.test("no line has an end of line in it", () => {
  assertEquals(lineOf({ do: "execute", execution }).includes("\n"), false);
});

Deno.test("what the protocol does not have is refused, and what is too large", () => {
  const strange = (over: object) => lineOf({ do: "execute", execution: { ...execution, ...over } });
  for (
    const line of [
      "",
      "describe",
      "[]",
      "null",
      "{}",
      '{"do":"format"}',
      '{"do":"stop","graceMs":-1}',
      '{"do":"signal","programs":"web","number":1}',
      '{"do":"signal","programs":[],"number":65}',
      '{"do":"stop","graceMs":"5s"}',
      '{"do":"fault","place":"storage","fault":{"kind":"flood"}}',
      '{"do":"fault","place":"storage","fault":{"kind":"constructor"}}',
      '{"do":"fault","place":"storage","fault":{"kind":"slow","byMs":-1}}',
      '{"do":"fault","place":"net0","fault":{"kind":"packet-loss","rate":2}}',
      '{"do":"fault","place":7,"fault":{"kind":"crash"}}',
      strange({ words: [] }),
      strange({ words: ["/bin/sh\0"] }),
      strange({ words: ["/bin/sh", 5] }),
      strange({ words: new Array(5000).fill("x") }),
      strange({ env: { A: 1 } }),
      strange({ env: null }),
      strange({ cwd: undefined }),
      strange({ uid: -1 }),
      strange({ gid: 2 ** 32 }),
      strange({ terminal: { rows: 70_000, columns: 1 } }),
    ]
  ) assertThrows(() => readRequest(line), ProtocolError, undefined, line.slice(0, 60));
  for (
    const line of [
      "{}",
      '{"input":"!"}',
      '{"input":5}',
      '{"signal":65}',
      '{"resize":{"rows":1}}',
      lineOf({ input: new Uint8Array(MAX_PIECE_BYTES + 1) }),
    ]
  ) assertThrows(() => readExecutionInput(line), ProtocolError, undefined, line.slice(0, 60));
  for (
    const line of [
      "{}",
      '{"output":"AAAA","stream":"stdin"}',
      '{"ended":{"status":256}}',
      '{"admitted":1e9}',
      '{"ready":5}',
      '{"making":{"device":"disk0","step":"drink","what":"","done":0,"total":1}}',
    ]
  ) assertThrows(() => readAnswer(line), ProtocolError, undefined, line.slice(0, 60));
});
