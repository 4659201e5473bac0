// The least that a static program needs to run: its segments in memory, a stack, and the system calls write
// and exit. Takes any engine, so that the same programs compare engines with each other and with the host's
// emulator.
import { Access, type Engine, type HartClock, type Pager, StopReason } from "../engine.ts";
import { FRAMES_BASE, HartMemory } from "../hart_memory.ts";
import { State, STATE_BYTES } from "../state.ts";
import { PAGE_BYTES, TranslationTable } from "../translation_table.ts";
import { A0, A7, SP } from "../abi.ts";

export type MakeEngine = (memory: HartMemory, pager: Pager, clock: HartClock) => Engine;

const USER_BYTES = 64 << 20;
const STACK_TOP = 0x7000_0000, STACK_PAGES = 64;
const PT_LOAD = 1, PF_X = 1, PF_W = 2, PF_R = 4;
const Call = { WRITE: 64, EXIT: 93, EXIT_GROUP: 94, CLOCK_GETTIME: 113 } as const;
const ENOSYS = 38;
/** Instructions between two looks at the budget: an odd number, so that programs stop all over the place. */
const SLICE = 99_991;

interface Page {
  frame: number;
  access: number;
}

/** How a program ended: with a status, or with a stop that nobody handles. */
export interface Outcome {
  output: Uint8Array<ArrayBuffer>;
  status: number | undefined;
  stop: StopReason;
}

export class FlatMachine implements Pager {
  readonly memory = new HartMemory(USER_BYTES);
  readonly engine: Engine;
  readonly #table: TranslationTable;
  readonly #pages = new Map<number, Page>();
  /** frames whose code an engine has cached */
  readonly #guarded = new Set<number>();
  readonly #output: Uint8Array[] = [];
  #frames = 0;
  #status: number | undefined;

  constructor(makeEngine: MakeEngine, private readonly clock: HartClock = { nowNs: () => 0 }) {
    const { memory } = this;
    this.#table = new TranslationTable(memory.memory.buffer, memory.translations(0));
    this.engine = makeEngine(memory, this, clock);
  }

  /** Makes memory and registers those of a program that begins. @param elf a static ELF file */
  load(elf: Uint8Array<ArrayBuffer>): void {
    this.#reset();
    const { memory } = this, view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
    const long = (at: number) => Number(view.getBigUint64(at, true));
    const headers = long(32),
      count = view.getUint16(56, true),
      headerBytes = view.getUint16(54, true);
    for (let index = 0; index < count; index++) {
      const header = headers + index * headerBytes;
      if (view.getUint32(header, true) !== PT_LOAD) continue;
      const flags = view.getUint32(header + 4, true), address = long(header + 16);
      const access = (flags & PF_R ? Access.READ : 0) | (flags & PF_W ? Access.WRITE : 0) |
        (flags & PF_X ? Access.EXECUTE : 0);
      this.map(address, long(header + 40), access);
      const file = long(header + 8);
      this.write(address, elf.subarray(file, file + long(header + 32)));
    }
    this.map(STACK_TOP - STACK_PAGES * PAGE_BYTES, STACK_PAGES * PAGE_BYTES, 24);
    this.setPc(long(24));
    this.setX(SP, BigInt(STACK_TOP - PAGE_BYTES));
    const state = memory.state >> 2;
    memory.words[state + (State.TRANSLATIONS >> 2)] = memory.translations(0);
    memory.words[state + (State.JUMPS >> 2)] = memory.jumps(0);
    memory.words.fill(-1, state + (State.RESERVATION >> 2), state + (State.RESERVATION >> 2) + 2);
  }

  #reset(): void {
    const { memory, engine } = this;
    for (const { frame } of this.#pages.values()) engine.invalidate(frame);
    engine.forgetJumps(memory.jumps(0));
    this.#table.clearAll();
    this.#pages.clear();
    this.#guarded.clear();
    memory.bytes.fill(0, memory.state, memory.state + STATE_BYTES);
    this.#frames = 0;
    this.#output.length = 0;
    this.#status = undefined;
  }

  /** Maps zeroed pages, or changes the permissions of those that are mapped. */
  map(address: number, bytes: number, access: number): void {
    const end = Math.ceil((address + bytes) / PAGE_BYTES);
    for (let page = Math.floor(address / PAGE_BYTES); page < end; page++) {
      const frame = this.#pages.get(page)?.frame ?? FRAMES_BASE + this.#frames++ * PAGE_BYTES;
      if (!this.#pages.has(page)) this.memory.bytes.fill(0, frame, frame + PAGE_BYTES);
      this.#pages.set(page, { frame, access });
      this.#table.clear(page);
    }
  }

  /** Writes to mapped memory behind the engine's back. */
  write(address: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const part = Math.min(bytes.length - done, PAGE_BYTES - (address + done) % PAGE_BYTES);
      this.memory.bytes.set(bytes.subarray(done, done + part), this.#place(address + done));
      done += part;
    }
  }

  read(address: number, bytes: number): Uint8Array<ArrayBuffer> {
    const result = new Uint8Array(bytes);
    for (let done = 0; done < bytes;) {
      const part = Math.min(bytes - done, PAGE_BYTES - (address + done) % PAGE_BYTES);
      const place = this.#place(address + done);
      result.set(this.memory.bytes.subarray(place, place + part), done);
      done += part;
    }
    return result;
  }

  #place(address: number): number {
    return this.#pages.get(Math.floor(address / PAGE_BYTES))!.frame + address % PAGE_BYTES;
  }

  refill(page: number, access: Access): boolean {
    const mapped = this.#pages.get(page);
    if (mapped === undefined || (mapped.access & access) === 0) return false;
    const { frame } = mapped;
    if (access === Access.WRITE && this.#guarded.delete(frame)) this.engine.invalidate(frame);
    const guarded = this.#guarded.has(frame) ? Access.WRITE : 0;
    this.#table.set(page, frame, mapped.access & ~guarded);
    return true;
  }

  guardCode(frame: number): void {
    this.#guarded.add(frame);
    for (const [page, mapped] of this.#pages) if (mapped.frame === frame) this.#table.clear(page);
  }

  x(register: number): bigint {
    return this.memory.view.getBigUint64(this.memory.state + State.X + register * 8, true);
  }
  setX(register: number, value: bigint): void {
    this.memory.view.setBigUint64(
      this.memory.state + State.X + register * 8,
      BigInt.asUintN(64, value),
      true,
    );
  }
  f(register: number): bigint {
    return this.memory.view.getBigUint64(this.memory.state + State.F + register * 8, true);
  }
  get pc(): number {
    return Number(this.memory.view.getBigUint64(this.memory.state + State.PC, true));
  }
  setPc(address: number): void {
    this.memory.view.setBigUint64(this.memory.state + State.PC, BigInt(address), true);
  }
  get fcsr(): number {
    return this.memory.view.getInt32(this.memory.state + State.FCSR, true);
  }
  get faultAddress(): bigint {
    return this.memory.view.getBigUint64(this.memory.state + State.FAULT_ADDRESS, true);
  }
  get faultAccess(): number {
    return this.memory.view.getInt32(this.memory.state + State.FAULT_ACCESS, true);
  }
  get budget(): number {
    return this.memory.view.getInt32(this.memory.state + State.BUDGET, true);
  }
  setBudget(instructions: number): void {
    this.memory.view.setInt32(this.memory.state + State.BUDGET, instructions, true);
  }

  /** Runs the loaded program to its end. @param limit instructions, about, that it may take */
  run(limit = Infinity): Outcome {
    for (let left = limit; left > 0;) {
      this.setBudget(SLICE);
      const stop = this.engine.run();
      left -= SLICE - this.budget;
      if (stop === StopReason.BUDGET) continue;
      if (stop !== StopReason.ECALL) return this.#outcome(stop);
      this.serve();
      if (this.#status !== undefined) return this.#outcome(stop);
    }
    return this.#outcome(StopReason.BUDGET);
  }

  /** Serves the system call that the program has stopped at, and goes on behind it. */
  serve(): void {
    const number = Number(this.x(A7)), [a, b, c] = [0, 1, 2].map((n) => Number(this.x(A0 + n)));
    switch (number) {
      case Call.WRITE:
        this.#output.push(this.read(b, c));
        this.setX(A0, BigInt(c));
        break;
      case Call.EXIT:
      case Call.EXIT_GROUP:
        this.#status = a & 0xff;
        break;
      case Call.CLOCK_GETTIME: {
        const now = BigInt(this.clock.nowNs());
        this.write(
          b,
          new Uint8Array(new BigUint64Array([now / 10n ** 9n, now % 10n ** 9n]).buffer),
        );
        this.setX(A0, 0n);
        break;
      }
      default:
        this.setX(A0, BigInt(-ENOSYS));
    }
    this.setPc(this.pc + 4);
  }

  #outcome(stop: StopReason): Outcome {
    const output = new Uint8Array(this.#output.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of this.#output) {
      output.set(part, at);
      at += part.length;
    }
    return { output, status: this.#status, stop };
  }
}
