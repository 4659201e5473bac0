// Runs guest threads on the engine: keeps whose registers are in the state block, and what all guest threads
// of a machine share.
import { A0 } from "../../hardware/hart/abi.ts";
import type { Access, Engine, HartClock, Pager } from "../../hardware/hart/engine.ts";
import { State, STATE_BYTES, THREAD_STATE_BYTES } from "../../hardware/hart/state.ts";
import { PAGE_BYTES } from "../../hardware/hart/translation_table.ts";
import type { Tasks } from "../../kernel/coroutine.ts";
import { SharedMemoryObject } from "../../kernel/process/memory/page_object.ts";
import type { UserMemory } from "../../kernel/process/memory/user_memory.ts";
import type { Processes } from "../../kernel/process/process_component.ts";
import type { HartMemory } from "../../hardware/hart/hart_memory.ts";
import { vdsoImage } from "../elf/vdso.ts";
import type { Hart } from "../hart.ts";
import type { GuestThread } from "./guest_thread.ts";

/** Makes what executes code over a memory. */
export type MakeEngine = (memory: HartMemory, pager: Pager, clock: HartClock) => Engine;

/** Told of system calls that nobody serves, and of all where somebody traces them. */
export interface CallObserver {
  missing(number: number): void;
  traced?(thread: GuestThread, number: number, registers: Int32Array, status: number): void;
}

export class GuestHart {
  readonly memory: UserMemory;
  readonly engine: Engine;
  /** the shared object that is in every address space */
  readonly vdso: SharedMemoryObject;
  /** the state block of the hart */
  readonly state: Uint8Array;
  readonly words: Int32Array;
  /** a0 to a5 of it */
  readonly args: Int32Array;
  #current: GuestThread | undefined;

  constructor(
    readonly hart: Hart,
    readonly tasks: Tasks,
    readonly processes: Processes,
    makeEngine: MakeEngine,
    readonly observer: CallObserver,
  ) {
    const memory = processes.memory;
    if (memory === undefined) throw new Error("The machine has no user memory");
    this.memory = memory;
    const base = memory.hart.state;
    this.engine = makeEngine(memory.hart, memory, processes.environment);
    memory.attach(this.engine);
    this.state = memory.hart.bytes.subarray(base, base + STATE_BYTES);
    this.words = memory.hart.words.subarray(base >> 2, base + STATE_BYTES >> 2);
    this.args = this.words.subarray(A0 * 2, A0 * 2 + 12);
    this.vdso = new SharedMemoryObject(memory.frames);
    this.vdso.mapped();
    memory.frames.bytes.set(vdsoImage(), this.vdso.present(0));
  }

  /** Makes the state block a thread's, and the hart see its memory. */
  enter(thread: GuestThread): void {
    if (this.#current !== thread) {
      this.#current?.saved.set(this.state.subarray(0, THREAD_STATE_BYTES));
      this.state.set(thread.saved);
      this.#current = thread;
      // Whoever ran meanwhile may have written what this thread has reserved.
      this.words.fill(-1, State.RESERVATION >> 2, (State.RESERVATION >> 2) + 2);
    }
    this.memory.activate(thread.space);
  }

  /** what the last access touched for which there was no translation, or whose address does not do */
  get faultAddress(): bigint {
    const { state } = this;
    return new DataView(state.buffer, state.byteOffset).getBigUint64(State.FAULT_ADDRESS, true);
  }

  /** number of the page that is in */
  get faultPage(): number {
    const at = State.FAULT_ADDRESS >> 2;
    const low = this.words[at] >>> 0, high = this.words[at + 1] >>> 0;
    return high * (2 ** 32 / PAGE_BYTES) + Math.floor(low / PAGE_BYTES);
  }

  get faultAccess(): Access {
    return this.words[State.FAULT_ACCESS >> 2] as Access;
  }

  /** Whether the state block is a thread's. */
  holds(thread: GuestThread): boolean {
    return this.#current === thread;
  }

  /** A thread has ended: its registers are nobody's. */
  forget(thread: GuestThread): void {
    if (this.#current === thread) this.#current = undefined;
  }
}
