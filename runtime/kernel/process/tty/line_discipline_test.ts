// The line discipline by itself: what is echoed, what can be read, and when senders are asked to wait.
import { assertEquals } from "@std/assert";
import { type Coroutine, Tasks, WaitQueue } from "../../coroutine.ts";
import { LineDiscipline } from "./line_discipline.ts";
import { getInt, putInt } from "../little_endian.ts";
import { SIG } from "../signal/signal.ts";
import { C, I, L, OUT, T } from "./termios.ts";

function terminal() {
  let nowNs = 0, discarded = 0;
  const signals: number[] = [];
  const tasks = new Tasks(() => nowNs);
  const discipline = new LineDiscipline(
    new WaitQueue(true),
    (signal) => signals.push(signal),
    () => discarded++,
  );
  const clear = (word: number, bits: number) => {
    const termios = discipline.termios.slice();
    putInt(termios, word, getInt(termios, word) & ~bits);
    discipline.set(termios);
  };
  const set = (word: number, bits: number) => {
    const termios = discipline.termios.slice();
    putInt(termios, word, getInt(termios, word) | bits);
    discipline.set(termios);
  };
  const type = (keys: string) => {
    const echo = discipline.receive(new TextEncoder().encode(keys));
    while (tasks.run() > 0);
    return String.fromCharCode(...echo);
  };
  /** What a read gets at once; undefined where it waits. */
  const start = (bytes = 64) => {
    const into = new Uint8Array(bytes);
    const result: { text?: string } = {};
    const body = function* (): Coroutine<void> {
      const times = { tasks, nowNs: () => nowNs };
      const count = yield* discipline.read(into, false, times, () => false);
      result.text = new TextDecoder().decode(into.subarray(0, count));
    };
    tasks.spawn(body());
    return result;
  };
  const advance = (ms: number) => {
    nowNs += ms * 1e6;
    while (tasks.run() > 0);
  };
  return {
    discipline,
    signals,
    type,
    start,
    advance,
    set,
    clear,
    discarded: () => discarded,
  };
}

Deno.test("lines are edited, and read one at a time", () => {
  const { type, start } = terminal();
  assertEquals(type("ab\x7fc\r"), "ab\b \bc\n");
  assertEquals(type("next\n"), "next\n");
  assertEquals(start(2).text, "ac");
  assertEquals(start().text, "\n");
  assertEquals(start().text, "next\n");
  assertEquals(start().text, undefined);
});

Deno.test("erasing takes a character of several bytes, and two columns of a control character", () => {
  const { type, start } = terminal();
  assertEquals(type("é"), "é".replace(/./, () => String.fromCharCode(0xc3, 0xa9)));
  assertEquals(type("\x7f"), "\b \b");
  assertEquals(type("\x16\x01\x7f"), "^\b^A\b \b\b \b");
  type("\n");
  assertEquals(start().text, "\n");
});

Deno.test("killing a line is shown as the settings say", () => {
  const { type, clear, start } = terminal();
  assertEquals(type("abc\x15"), "abc" + "\b \b".repeat(3));
  clear(T.LFLAG, L.ECHOKE);
  assertEquals(type("abc\x15"), "abc^U\n");
  assertEquals(type("x\x12"), "x^R\nx");
  type("\n");
  assertEquals(start().text, "x\n");
});

Deno.test("keys raise signals and forget what was typed, unless they are told not to", () => {
  const { type, signals, set, clear, start, discarded } = terminal();
  assertEquals(type("lost\x03"), "^C");
  type("\x1a\x1c");
  assertEquals(signals, [SIG.INT, SIG.TSTP, SIG.QUIT]);
  assertEquals(discarded(), 3);
  set(T.LFLAG, L.NOFLSH);
  type("kept\x03\n");
  assertEquals(start().text, "kept\n");
  clear(T.LFLAG, L.ISIG);
  type("\x03\n");
  assertEquals([signals.length, start().text], [4, "\x03\n"]);
});

Deno.test("output is held up by a key, and goes on by another", () => {
  const { discipline, type, set, clear } = terminal();
  type("\x13");
  assertEquals(discipline.stopped, true);
  type("x");
  assertEquals(discipline.stopped, true);
  set(T.IFLAG, I.IXANY);
  type("x");
  assertEquals(discipline.stopped, false);
  clear(T.IFLAG, I.IXON);
  assertEquals(type("\x13"), "^S");
});

Deno.test("a sender is asked to stop when little room is left, and to go on once there is more", () => {
  const { discipline, type, start, set, clear } = terminal();
  clear(T.LFLAG, L.ICANON | L.ECHO);
  set(T.IFLAG, I.IXOFF);
  assertEquals(type("k".repeat(3000)), "");
  assertEquals(type("k".repeat(1000)), "\x13");
  assertEquals(discipline.unthrottled(), undefined);
  start(3000);
  assertEquals(discipline.unthrottled(), 0x11);
  assertEquals(discipline.unthrottled(), undefined);
});

Deno.test("a line that has no end keeps its last place for one", () => {
  const { type, start } = terminal();
  type("k".repeat(5000));
  type("\n");
  assertEquals(start(8192).text, `${"k".repeat(4095)}\n`);
});

Deno.test("without lines a read waits as MIN and TIME say", () => {
  const { discipline, type, start, advance, clear } = terminal();
  clear(T.LFLAG, L.ICANON | L.ECHO);
  const wait = (least: number, tenths: number) => {
    const termios = discipline.termios.slice();
    termios[T.CHARACTERS + C.MIN] = least;
    termios[T.CHARACTERS + C.TIME] = tenths;
    discipline.set(termios);
  };
  wait(0, 0);
  assertEquals(start().text, "");
  wait(0, 5);
  const timed = start();
  advance(499);
  assertEquals(timed.text, undefined);
  advance(1);
  assertEquals(timed.text, "");
  wait(3, 0);
  const counted = start();
  type("ab");
  advance(10_000);
  assertEquals(counted.text, undefined);
  type("c");
  advance(0);
  assertEquals(counted.text, "abc");
  wait(3, 1);
  const between = start();
  advance(10_000);
  assertEquals(between.text, undefined);
  type("x");
  advance(60);
  type("y");
  advance(60);
  assertEquals(between.text, undefined);
  advance(40);
  assertEquals(between.text, "xy");
});

Deno.test("settings change what is typed and shown", () => {
  const { discipline, type, start, set, clear } = terminal();
  type("line without end");
  clear(T.LFLAG, L.ICANON);
  assertEquals(start().text, "line without end");
  const bytes = (text: string) => new TextEncoder().encode(text);
  const shown = (text: string) => new TextDecoder().decode(discipline.process(bytes(text)));
  assertEquals(shown("a\nb\r"), "a\r\nb\r");
  set(T.OFLAG, OUT.OCRNL);
  assertEquals(shown("a\nb\r"), "a\r\nb\n");
  clear(T.OFLAG, OUT.OPOST);
  assertEquals(shown("a\nb\r"), "a\nb\r");
});
