import { assert, assertEquals } from "@std/assert";
import { smallKernel } from "../../../tests/fixtures/small_kernel.ts";
import type { Process } from "./process.ts";
import { SI, SIG } from "./signal/signal.ts";
import type { Thread } from "./thread.ts";
import { EVENT, mayTrace, OPTION, tellOfExec, traceChild, Tracing } from "./tracing.ts";

/** A tracer, and a process it traces, whose thread does what it is to do when `turn` says so. */
function traced({ seized = false, options = 0 } = {}) {
  const kernel = smallKernel();
  const tracer = kernel.start();
  const tracee = kernel.start(0, tracer);
  const thread = kernel.threadOf(tracee);
  const tracing = new Tracing(thread, tracer, seized, options);
  const status = new Uint8Array(4);
  /** What a wait tells: number and status; undefined for nothing. */
  const wait = (by: Process = tracer, id = -1) => {
    const got = kernel.call(by, "wait4", id, status, WNOHANG, undefined);
    return got === 0 || typeof got === "string"
      ? got || undefined
      : [got, new DataView(status.buffer).getInt32(0, true)];
  };
  return { ...kernel, tracer, tracee, thread, tracing, wait };
}

const WNOHANG = 1;
const stopped = (code: number) => code << 8 | 0x7f;
const from = (process: Process, signal: number) => process.sender(signal);
/** A thread looks at what there is to do. */
const turn = (thread: Thread) => thread.nextSignal()?.signal;

Deno.test("a signal stops a traced thread before it does anything, and the tracer says what comes of it", () => {
  const { thread, tracee, tracing, tracer, wait } = traced();
  tracee.post(from(tracer, SIG.TERM));
  assert(thread.attention);
  assertEquals([turn(thread), thread.stopped, tracee.ending], [undefined, true, undefined]);
  assertEquals(wait(), [tracee.pid, stopped(SIG.TERM)]);
  assertEquals(wait(), undefined, "told once");
  tracing.goOn(0, false);
  assertEquals([turn(thread), thread.stopped, thread.attention], [undefined, false, false]);
  tracee.post(from(tracer, SIG.TERM));
  turn(thread);
  tracing.goOn(SIG.TERM, false);
  turn(thread);
  assertEquals(tracee.ending, SIG.TERM);
});

Deno.test("a tracer sees signals that are ignored, and may put others in their place", () => {
  const { thread, tracee, tracing, tracer, wait } = traced();
  tracee.post(from(tracer, SIG.CHLD));
  turn(thread);
  assertEquals(wait(), [tracee.pid, stopped(SIG.CHLD)]);
  tracee.actions.set(SIG.USR1, { handler: 0x1000, flags: 0, mask: 0n });
  tracing.goOn(SIG.USR1, false);
  assertEquals(thread.nextSignal(), {
    signal: SIG.USR1,
    code: SI.USER,
    pid: tracer.pid,
    uid: 0,
  });
  // One that is blocked by then waits, and is seen again.
  tracee.post(from(tracer, SIG.CHLD));
  turn(thread);
  thread.mask = 1n << BigInt(SIG.USR1 - 1);
  tracing.goOn(SIG.USR1, false);
  assertEquals([turn(thread), thread.stopped], [undefined, false]);
  thread.mask = 0n;
  turn(thread);
  assertEquals(tracing.stop?.code, SIG.USR1);
});

Deno.test("SIGKILL is not the tracer's to see", () => {
  const { thread, tracee, tracing, tracer } = traced();
  tracee.post(from(tracer, SIG.TERM));
  turn(thread);
  tracee.post(from(tracer, SIG.KILL));
  assertEquals([tracee.ending, thread.stopped, tracing.stop], [SIG.KILL, false, undefined]);
});

Deno.test("system calls stop a thread at both ends, with an event between", () => {
  const { thread, tracing, wait, tracee } = traced({
    options: OPTION.TRACESYSGOOD | OPTION.TRACECLONE,
  });
  assertEquals(tracing.entersCall(), false);
  tracing.goOn(0, true);
  assertEquals(tracing.entersCall(), true);
  assertEquals([wait(), tracing.message], [[tracee.pid, stopped(SIG.TRAP | 0x80)], 1]);
  tracing.goOn(0, true);
  tracing.noteEvent(EVENT.FORK, 5);
  tracing.noteEvent(EVENT.CLONE, 6);
  tracing.leavesCall();
  turn(thread);
  assertEquals([wait(), tracing.message], [[
    tracee.pid,
    stopped(SIG.TRAP | EVENT.CLONE << 8),
  ], 6]);
  tracing.goOn(0, true);
  turn(thread);
  assertEquals([wait(), tracing.message], [[tracee.pid, stopped(SIG.TRAP | 0x80)], 2]);
  // The tracer does not want to hear of calls any more.
  tracing.goOn(0, false);
  turn(thread);
  assertEquals([thread.stopped, tracing.entersCall()], [false, false]);
});

Deno.test("a signal given at a system call is sent, and seen like any", () => {
  const { thread, tracing } = traced();
  tracing.goOn(0, true);
  tracing.entersCall();
  tracing.goOn(SIG.USR1, false);
  turn(thread);
  assertEquals([tracing.stop?.reason, tracing.stop?.code], ["signal", SIG.USR1]);
});

Deno.test("who was attached to stops with its group, and goes on without it", () => {
  const { thread, tracee, tracing, tracer, wait } = traced();
  tracee.post(from(tracer, SIG.TSTP));
  turn(thread);
  tracing.goOn(SIG.TSTP, false);
  turn(thread);
  assertEquals(wait(), [tracee.pid, stopped(SIG.TSTP)]);
  assertEquals([tracing.stop?.reason, tracing.stop?.info], ["group", undefined]);
  tracing.goOn(0, false);
  assertEquals([turn(thread), thread.stopped, tracee.stopped], [undefined, false, true]);
  // Nobody traces it: it is stopped with its group.
  tracing.detach(0);
  assertEquals(thread.stopped, true);
});

Deno.test("who was seized tells that its group stops, listens, and tells that it goes on", () => {
  const { thread, tracee, tracing, tracer, wait } = traced({ seized: true });
  tracee.post(from(tracer, SIG.STOP));
  turn(thread);
  wait();
  tracing.goOn(SIG.STOP, false);
  turn(thread);
  assertEquals(wait(), [tracee.pid, stopped(SIG.STOP | EVENT.STOP << 8)]);
  tracing.listen();
  assertEquals([wait(), thread.stopped], [undefined, true]);
  tracee.post(from(tracer, SIG.CONT));
  assertEquals(wait(), [tracee.pid, stopped(SIG.TRAP | EVENT.STOP << 8)]);
  tracing.goOn(0, false);
  turn(thread);
  assertEquals(tracing.stop?.code, SIG.CONT, "the signal itself comes after");
});

Deno.test("an interruption stops a thread that was seized, unless something else does first", () => {
  const { thread, tracee, tracing, tracer, wait } = traced({ seized: true });
  tracing.interrupt();
  assert(thread.attention);
  turn(thread);
  assertEquals(wait(), [tracee.pid, stopped(SIG.TRAP | EVENT.STOP << 8)]);
  tracing.goOn(0, false);
  tracing.interrupt();
  tracing.stopForEvent(EVENT.EXEC, 0);
  tracing.goOn(0, false);
  assertEquals([turn(thread), thread.stopped], [undefined, false]);
  tracee.post(from(tracer, SIG.TERM));
  assertEquals(turn(thread), undefined);
});

Deno.test("children that are traced as their parents are stop before they run", () => {
  for (const seized of [false, true]) {
    const { tracing, start, tracee, threadOf } = traced({ seized, options: OPTION.TRACEFORK });
    const child = threadOf(start(0, tracee));
    traceChild(tracing, child);
    turn(child);
    const expected = seized ? SIG.TRAP | EVENT.STOP << 8 : SIG.STOP;
    assertEquals([child.tracing?.stop?.code, child.tracing?.options], [expected, OPTION.TRACEFORK]);
  }
});

Deno.test("another program is told by an event, or by a signal", () => {
  const plain = traced();
  tellOfExec(plain.thread, 1);
  turn(plain.thread);
  assertEquals(plain.tracing.stop?.code, SIG.TRAP);
  const seized = traced({ seized: true });
  tellOfExec(seized.thread, 1);
  assertEquals(seized.thread.attention, false);
  const wanted = traced({ options: OPTION.TRACEEXEC });
  tellOfExec(wanted.thread, 9);
  wanted.tracing.leavesCall();
  turn(wanted.thread);
  assertEquals([wanted.tracing.stop?.code, wanted.tracing.message], [
    SIG.TRAP | EVENT.EXEC << 8,
    9,
  ]);
});

Deno.test("a thread stops at its end where the tracer wants it, once", () => {
  const { tracing, wait, tracee, tracer, processes, thread, tasks } = withTasks();
  assertEquals(tracing.stopsAtEnd(0x500), true);
  assertEquals([wait(), tracing.message], [[
    tracee.pid,
    stopped(SIG.TRAP | EVENT.EXIT << 8),
  ], 0x500]);
  tracing.goOn(0, false);
  assertEquals(tracing.stopsAtEnd(0x500), false);
  processes.endThread(thread, 0x500);
  tasks.run();
  assertEquals(wait(), [tracee.pid, 0x500]);
  assertEquals([wait(), tracer.tracees.size], ["ECHILD", 0]);
});

/** As {@link traced}, where the tracer hears of ends. */
function withTasks() {
  const all = traced({ options: OPTION.TRACEEXIT });
  return { ...all, tasks: all.environment.tasks };
}

Deno.test("a tracer that is not the parent hears of an end first", () => {
  const { processes, start, threadOf, environment, call } = smallKernel();
  const parent = start(), child = start(0, parent), tracer = start();
  new Tracing(threadOf(child), tracer, true, 0);
  processes.endThread(threadOf(child), 0x300);
  environment.tasks.run();
  const status = new Uint8Array(4);
  assertEquals(call(parent, "wait4", child.pid, status, WNOHANG, undefined), 0);
  assertEquals(call(tracer, "wait4", child.pid, status, WNOHANG, undefined), child.pid);
  assertEquals(call(tracer, "wait4", child.pid, status, WNOHANG, undefined), "ECHILD");
  assertEquals(call(parent, "wait4", child.pid, status, WNOHANG, undefined), child.pid);
  assertEquals(status[1], 3);
});

Deno.test("threads that do not lead are told of by themselves", () => {
  const { processes, tracer, tracee, wait } = traced();
  const second = processes.startThread(tracee);
  new Tracing(second, tracer, false, 0);
  processes.endThread(second, 0x200);
  assertEquals(wait(), [second.tid, 0x200]);
  assertEquals(wait(tracer, second.tid), "ECHILD");
});

Deno.test("with their tracer, tracees go on or end", () => {
  for (const options of [0, OPTION.EXITKILL]) {
    const { tracer, tracee, thread, processes, threadOf, environment } = traced({ options });
    tracee.post(from(tracer, SIG.USR1));
    thread.nextSignal();
    processes.endThread(threadOf(tracer), 0);
    environment.tasks.run();
    assertEquals([thread.tracing, thread.stopped], [undefined, false]);
    assertEquals(tracee.ending, options === 0 ? undefined : SIG.KILL);
    assertEquals(tracee.parent, processes.init);
  }
});

Deno.test("a process may look into those of its user that do not mind", () => {
  const { start } = smallKernel();
  const root = start(), user = start(1000), same = start(1000), other = start(1001);
  assertEquals([mayTrace(root, user), mayTrace(user, same)], [true, true]);
  assertEquals([mayTrace(user, other), mayTrace(user, root)], [false, false]);
  same.settings.dumpable = 0;
  assertEquals([mayTrace(user, same), mayTrace(same, same), mayTrace(root, same)], [
    false,
    true,
    true,
  ]);
});
