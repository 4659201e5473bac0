// Sends that nobody waits for: one at a time, in order, and what fails is told once.
import { assertEquals } from "@std/assert";
import { type Coroutine, Tasks, WaitQueue } from "../../coroutine.ts";
import { E, Errno } from "../../errno.ts";
import { errnoOf } from "../../network/tcpip/testing/transfer.ts";
import { SendBehind } from "./send_behind.ts";

function world() {
  const tasks = new Tasks(() => 0);
  const behind = new SendBehind(tasks), answered = new WaitQueue(), log: string[] = [];
  const send = (name: string, failure?: Errno) =>
    function* (): Coroutine<void> {
      log.push(`${name} goes`);
      yield answered;
      if (failure !== undefined) throw failure;
      log.push(`${name} went`);
    };
  const answer = () => {
    answered.wakeAll();
    while (tasks.run() > 0);
  };
  return { tasks, behind, log, send, answer };
}

Deno.test("the next waits for the one before, and so does who closes", () => {
  const { tasks, behind, log, send, answer } = world();
  behind.begin(send("one"));
  assertEquals([log, behind.busy], [["one goes"], true]);
  tasks.spawn(behind.inTurn(send("two")));
  tasks.spawn(function* (): Coroutine<void> {
    yield* behind.settled();
    log.push("closed");
  }());
  assertEquals(log, ["one goes"]);
  answer();
  assertEquals(log, ["one goes", "one went", "two goes"]);
  answer();
  assertEquals(log, ["one goes", "one went", "two goes", "two went", "closed"]);
});

Deno.test("a failure is told once, to whoever comes next; EPIPE to a sender", () => {
  const { behind, send, answer } = world();
  behind.begin(send("one", new Errno(E.ECONNRESET)));
  behind.throwToSender();
  answer();
  assertEquals(errnoOf(() => behind.throwToReceiver()), E.ECONNRESET);
  behind.throwToSender();
  behind.begin(send("two", new Errno(E.EPIPE)));
  answer();
  behind.throwToReceiver();
  assertEquals(behind.takeFailure()?.errno, E.EPIPE);
  assertEquals(behind.takeFailure(), undefined);
});
