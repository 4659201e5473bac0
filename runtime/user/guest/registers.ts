// The registers of a guest thread: in the hart's state block while it runs, in bytes of its own while others do.
import { SP } from "../../hardware/hart/abi.ts";
import { State, THREAD_STATE_BYTES } from "../../hardware/hart/state.ts";

const REGISTER_BYTES = 8;

export abstract class Registers {
  /** registers, while they are not in the hart's state block */
  readonly saved = new Uint8Array(THREAD_STATE_BYTES);

  /** Its registers, wherever they are. */
  abstract get registers(): Uint8Array;

  get stackPointer(): bigint {
    return this.get(SP);
  }

  get(register: number): bigint {
    return this.#read(register * REGISTER_BYTES);
  }

  set(register: number, value: bigint): void {
    this.#write(register * REGISTER_BYTES, value);
  }

  get pc(): bigint {
    return this.#read(State.PC);
  }

  set pc(value: bigint) {
    this.#write(State.PC, value);
  }

  #read(at: number): bigint {
    const bytes = this.registers;
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true);
  }

  #write(at: number, value: bigint): void {
    const bytes = this.registers;
    new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(at, value, true);
  }
}
