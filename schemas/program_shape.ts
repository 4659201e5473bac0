// What a manifest says of a program: what is run as whom, when it starts and ends, and how to tell whether it works.
import { limits } from "./limits.ts";
import {
  choice,
  defaulted,
  list,
  map,
  number,
  optional,
  pathPattern,
  record,
  required,
  text,
  variablePattern,
} from "./manifest_shape.ts";

/** Signals that ask a program to end, by their numbers. */
export const stopSignals = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
  SIGWINCH: 28,
} as const;

const health = record("how to tell whether it works: exactly one of run and connect", {
  run: optional(text("a program of the machine that ends with 0 where it does")),
  args: defaulted(list("arguments of that program", text("an argument")), []),
  connect: optional(
    number("integer", "port of 127.0.0.1 that takes connections where it does", limits.port),
  ),
  interval: defaulted(
    number("milliseconds", "from one answer to the next question", limits.healthMs),
    "5s",
  ),
  timeout: defaulted(
    number("milliseconds", "no answer for this long means that it does not", limits.healthMs),
    "3s",
  ),
  retries: defaulted(
    number("integer", "as many failures in a row make it unhealthy", limits.healthRetries),
    3,
  ),
  start_period: defaulted(
    number("milliseconds", "failures this soon after its start do not count", limits.startPeriodMs),
    "0s",
  ),
});

/** A program of `programs`. */
export const program = record("a user program", {
  run: required(
    text("a program of the machine by its absolute path, or a TypeScript module of the host"),
  ),
  argv0: optional(text("what it is told its name is; else what `run` says")),
  args: defaulted(list("arguments", text("an argument")), []),
  env: defaulted(map("environment", text("a value"), variablePattern), {}),
  cwd: defaulted(text("working directory", pathPattern), "/"),
  stdin: defaulted(
    choice("what it reads: nothing, or what `compose` reads", ["none", "console"]),
    "none",
  ),
  uid: defaulted(number("integer", "user id", limits.id), 0),
  gid: defaulted(number("integer", "group id", limits.id), 0),
  uses: defaulted(
    list("system calls it cannot do without", text("name of a system call")),
    [],
  ),
  depends_on: defaulted(
    map(
      "programs that it waits for before it starts, and until when, by name",
      choice("until it has been started, works, or has ended with 0", [
        "started",
        "healthy",
        "finished",
      ]),
    ),
    {},
  ),
  health: optional(health),
  restart: defaulted(
    choice("whether it is started again when it has ended", ["no", "on-failure", "always"]),
    "no",
  ),
  restart_limit: defaulted(
    number("integer", "most restarts in a row", limits.programRestarts),
    10,
  ),
  restart_backoff: defaulted(
    number(
      "milliseconds",
      "wait before the first of them, then twice that",
      limits.backoffMs,
    ),
    "100ms",
  ),
  stop_signal: defaulted(
    choice(
      "what asks it to end",
      Object.keys(stopSignals) as (keyof typeof stopSignals)[],
    ),
    "SIGTERM",
  ),
  stop_timeout: defaulted(
    number("milliseconds", "how long it then has before SIGKILL", limits.stopMs),
    "5s",
  ),
});
