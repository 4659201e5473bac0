// What made a socket what it is: options, address and backlog, as they were set, to be set again on another server.
import { SOL } from "../../network/constants.ts";
import { SocketCall } from "../../network/protocol.ts";

/** A call that is made again. */
export interface Step {
  number: number;
  args: number[];
  payload: Uint8Array | undefined;
}

export class SocketSteps {
  readonly #steps: Step[] = [];

  /** All of them, in the order in which they are to be made. */
  get all(): readonly Step[] {
    return this.#steps;
  }

  /** Those that set options. */
  get options(): Step[] {
    return this.#steps.filter(({ number }) => number === SocketCall.SETSOCKOPT);
  }

  /** Keeps a step, in place of one that it undoes. */
  keep(step: Step): void {
    const { number, args: [level, name] } = step, steps = this.#steps;
    let from = 0;
    if (number === SocketCall.SETSOCKOPT) {
      // What was set before it was bound may matter for that; what adds to a list undoes nothing.
      if (level !== SOL.SOCKET && level !== SOL.TCP) return void steps.push(step);
      from = steps.findLastIndex((each) => each.number !== number) + 1;
    }
    const same = steps.findIndex((each, index) =>
      index >= from && each.number === number &&
      (number !== SocketCall.SETSOCKOPT || each.args[0] === level && each.args[1] === name)
    );
    if (same >= 0) steps.splice(same, 1);
    steps.push(step);
  }
}
