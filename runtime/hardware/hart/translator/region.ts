// Regions: the piece of a program that becomes one WebAssembly function, as blocks and how each of them ends.
import type { Instruction } from "../instruction.ts";

/** A block's place: its address, and in multiples of 2^40 the call that it is part of. */
export type Place = number;

/** Addresses of user code are below. */
export const CONTEXT = 2 ** 40;

export function addressOf(place: Place): number {
  return place % CONTEXT;
}

/** The place of the block that goes to any of a region's entries: no instruction has an odd address. */
export const DISPATCH: Place = CONTEXT - 1;

/** How a block ends. */
export type Ending =
  | { kind: "branch"; taken: Place; next: Place }
  /** `links` says that the last instruction saves a return address */
  | { kind: "jump"; target: Place; links: boolean }
  /** goes back to where the call came from, or to what a table has, if the register says so */
  | { kind: "return" | "guess"; target: Place }
  /** leaves to a known address: a call, or a jump that the region does not follow */
  | { kind: "leave"; target: number }
  /** leaves to where a register says, which was loaded from an address if that is known */
  | { kind: "indirect"; table?: number }
  /** goes to where a register says, most likely one of the region's entries */
  | { kind: "switch" }
  /** goes to the entry that is asked for: a block of no instructions */
  | { kind: "dispatch"; targets: Place[] }
  /** leaves so that the interpreter or the kernel does its last instruction */
  | { kind: "stop" };

export interface Block {
  start: Place;
  instructions: Instruction[];
  /** addresses of the instructions */
  addresses: number[];
  ending: Ending;
}

export interface Region {
  entry: number;
  /** where it may be entered; more than one if one of its jumps is a switch */
  entries: number[];
  blocks: Map<Place, Block>;
  instructions: number;
}
