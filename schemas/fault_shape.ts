// What a manifest says of something that is to go wrong: where, what, and when.
import { faultPlaces } from "./faults.ts";
import { limits } from "./limits.ts";
import { choice, defaulted, named, number, optional, record, required } from "./manifest_shape.ts";

/** A fault of `faults`. */
export const fault = record(
  "something that goes wrong, in a domain or a device: after requests, at a time, or at random",
  {
    domain: optional(named("service domain in which it does")),
    device: optional(named("device in which it does")),
    kind: required(choice(
      "in a domain: its code throws, loops, takes all memory, answers late, writes nonsense into its " +
        "ring, or lets its device reach for memory of others; in a device: requests fail, nothing " +
        "more can be written, or frames are lost",
      Object.keys(faultPlaces) as (keyof typeof faultPlaces)[],
    )),
    by: optional(number("milliseconds", "slow: how much later answers come", limits.slowMs)),
    rate: optional(
      number("integer", "packet-loss: of a million frames, so many are lost", limits.million),
    ),
    seed: defaulted(
      number("integer", "packet-loss: which frames are lost is drawn from it", limits.seed),
      1,
    ),
    for: optional(number(
      "milliseconds",
      "how long; else disk-error is of one request, and the rest lasts",
      limits.faultMs,
    )),
    after: optional(record("instead of a certain request", {
      call: optional(named("name of a request; else all count")),
      count: defaulted(number("integer", "which of them, from 1 on", limits.faultCount), 1),
      times: defaulted(
        number("integer", "how often: counting begins anew each time", limits.faultTimes),
        1,
      ),
    })),
    at: optional(number("milliseconds", "when, from when programs may start", limits.faultMs)),
    random: optional(record("at moments drawn from a seed: exactly one of mean and count", {
      seed: required(number("integer", "they are drawn from it", limits.seed)),
      mean: optional(number("milliseconds", "time between two, on average", limits.faultMeanMs)),
      count: optional(
        number("integer", "requests from one to the next, on average", limits.faultCount),
      ),
      call: optional(named("with count: name of a request; else all count")),
      times: defaulted(number("integer", "how many", limits.faultTimes), 1),
    })),
  },
);
