// Where jumps to what a register says have led to: the cases of switches, and the handlers of programs that
// are interpreters themselves. Distances are kept, since every process may have the code elsewhere.
import { type Instruction, Op } from "../instruction.ts";
import { PAGE_BYTES } from "../translation_table.ts";
import { RA } from "../abi.ts";

/** What is further away is another function. */
const REACH = 1 << 16;
/** Cases of a jump that are kept, and of all jumps: then all are noted anew. */
const MOST_CASES = 160, MOST_IN_ALL = 1 << 16;

/** Whether an instruction jumps to where a register says, and is neither a call nor a return. */
export function isSwitch({ op, rd, rs1 }: Pick<Instruction, "op" | "rd" | "rs1">): boolean {
  return op === Op.jalr && rd === 0 && rs1 !== RA;
}

export class Switches {
  /** by frame, and by the offset of the jump in it */
  readonly #frames = new Map<number, Map<number, number[]>>();
  #count = 0;

  /** @param distance from the jump */
  note(frame: number, offset: number, distance: number): void {
    if (distance > REACH || distance < -REACH) return;
    let jumps = this.#frames.get(frame);
    if (jumps === undefined) this.#frames.set(frame, jumps = new Map());
    let cases = jumps.get(offset);
    if (cases === undefined) jumps.set(offset, cases = []);
    if (cases.length >= MOST_CASES || cases.includes(distance)) return;
    cases.push(distance);
    if (++this.#count < MOST_IN_ALL) return;
    this.#frames.clear();
    this.#count = 0;
  }

  /** @param place of a jump in the hart's memory @returns distances to where it has led, in the order of the first time */
  casesOf(place: number): readonly number[] {
    const offset = place % PAGE_BYTES;
    return this.#frames.get(place - offset)?.get(offset) ?? [];
  }

  /** The frame holds other code now. */
  forget(frame: number): void {
    this.#frames.delete(frame);
  }
}
