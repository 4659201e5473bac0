// Puts a RISC-V program together, and makes a static ELF file of it that both the host's emulator and the
// flat machine can run. Addresses are fixed from the start, so everything is absolute.
import { encode, type Operands } from "./encode.ts";
import type { Name } from "./named.ts";

/** Registers by the names of the calling convention, as far as programs here use them. */
export const Register = {
  ...{ zero: 0, ra: 1, sp: 2, gp: 3, tp: 4, t0: 5, t1: 6, t2: 7, s0: 8, s1: 9 },
  ...{ a0: 10, a1: 11, a2: 12, a3: 13, a4: 14, a5: 15, a6: 16, a7: 17 },
  ...{ s2: 18, s3: 19, s4: 20, s5: 21, s6: 22, s7: 23, t3: 28, t4: 29, t5: 30, t6: 31 },
} as const;

export const TEXT_BASE = 0x10_0000;
export const DATA_BASE = 0x100_0000;

const EM_RISCV = 243, ET_EXEC = 2, PT_LOAD = 1;
const PF = { X: 1, W: 2, R: 4 } as const;
/** double-precision float ABI, compressed instructions */
const ELF_FLAGS = 5;
const HEADER_BYTES = 64, PROGRAM_HEADER_BYTES = 56;
const PAGE_BYTES = 4096;

/** A place in the code that need not be known yet. */
export interface Label {
  at: number | undefined;
}

interface Fixup {
  at: number;
  label: Label;
  encode(offset: number): number;
}

export class Assembler {
  #text: number[] = [];
  #data: number[] = [];
  #zeroBytes = 0;
  #fixups: Fixup[] = [];

  /** Address of the next instruction. */
  get here(): number {
    return TEXT_BASE + this.#text.length * 2;
  }

  emit(name: Name, operands: Operands = {}): this {
    return this.word(encode(name, operands));
  }

  /** A half-word as it is: a compressed instruction. */
  half(value: number): this {
    this.#text.push(value & 0xffff);
    return this;
  }

  word(value: number): this {
    return this.half(value).half(value >>> 16);
  }

  label(): Label {
    return { at: undefined };
  }

  bind(label: Label): this {
    label.at = this.here;
    return this;
  }

  /** A branch or `jal` to a label. */
  to(label: Label, name: Name, operands: Operands = {}): this {
    this.#fixups.push({
      at: this.#text.length,
      label,
      encode: (offset) => encode(name, { ...operands, imm: offset }),
    });
    return this.word(0);
  }

  /** Loads a constant of 64 bits. */
  li(rd: number, value: bigint | number): this {
    const wanted = BigInt.asIntN(64, BigInt(value));
    const low = Number(BigInt.asIntN(12, wanted));
    if (wanted === BigInt.asIntN(32, wanted)) {
      const high = Number(BigInt.asIntN(32, wanted - BigInt(low)));
      if (high !== 0) this.emit("lui", { rd, imm: high });
      if (high === 0 || low !== 0) {
        this.emit("addiw", { rd, rs1: high === 0 ? Register.zero : rd, imm: low });
      }
      return this;
    }
    // What is above the lowest twelve bits first, by as few bits as it takes.
    let rest = wanted - BigInt(low) >> 12n, by = 12;
    while ((rest & 1n) === 0n) {
      rest >>= 1n;
      by++;
    }
    this.li(rd, BigInt.asIntN(64 - by, rest)).emit("slli", { rd, rs1: rd, imm: by });
    return low === 0 ? this : this.emit("addi", { rd, rs1: rd, imm: low });
  }

  /** Constants of 64 bits. @returns their address */
  data(values: readonly bigint[]): number {
    if (this.#zeroBytes !== 0) throw new Error("Constants come before room that is zero");
    const address = DATA_BASE + this.#data.length;
    const bytes = new Uint8Array(
      new BigUint64Array(values.map((v) => BigInt.asUintN(64, v))).buffer,
    );
    for (const byte of bytes) this.#data.push(byte);
    return address;
  }

  /** Room that is zero at the start. @returns its address, a multiple of 16 */
  space(bytes: number): number {
    const address = DATA_BASE + this.#data.length + this.#zeroBytes + 15 & ~15;
    this.#zeroBytes = address + bytes - DATA_BASE - this.#data.length;
    return address;
  }

  /** Writes bytes of memory to the standard output and exits with status 0. */
  finish(address: number, bytes: number): this {
    const { a0, a1, a2, a7, s0, s1 } = Register;
    const again = this.label();
    this.li(s0, address).li(s1, bytes);
    this.bind(again).li(a0, 1).emit("addi", { rd: a1, rs1: s0 }).emit("addi", { rd: a2, rs1: s1 });
    this.li(a7, 64).emit("ecall");
    this.emit("add", { rd: s0, rs1: s0, rs2: a0 }).emit("sub", { rd: s1, rs1: s1, rs2: a0 });
    this.to(again, "bne", { rs1: s1 });
    return this.li(a0, 0).li(a7, 93).emit("ecall");
  }

  /** The instructions as they are at TEXT_BASE. */
  text(): Uint8Array<ArrayBuffer> {
    for (const { at, label, encode } of this.#fixups) {
      if (label.at === undefined) throw new Error("A label was never bound");
      const word = encode(label.at - (TEXT_BASE + at * 2));
      this.#text[at] = word & 0xffff;
      this.#text[at + 1] = word >>> 16;
    }
    return new Uint8Array(new Uint16Array(this.#text).buffer);
  }

  /** The program as a static ELF file. @param executableData whether data may be executed, too */
  elf(executableData = false): Uint8Array<ArrayBuffer> {
    const text = this.text();
    const dataAt = PAGE_BYTES + text.length + PAGE_BYTES - 1 & -PAGE_BYTES;
    const file = new Uint8Array(dataAt + this.#data.length);
    const view = new DataView(file.buffer);
    file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    file.set(text, PAGE_BYTES);
    file.set(this.#data, dataAt);
    const half = (at: number, value: number) => view.setUint16(at, value, true);
    const long = (at: number, value: number) => view.setBigUint64(at, BigInt(value), true);
    half(16, ET_EXEC);
    half(18, EM_RISCV);
    view.setUint32(20, 1, true);
    long(24, TEXT_BASE);
    long(32, HEADER_BYTES);
    view.setUint32(48, ELF_FLAGS, true);
    half(52, HEADER_BYTES);
    half(54, PROGRAM_HEADER_BYTES);
    half(56, 2);
    const segment = (
      index: number,
      flags: number,
      at: number,
      address: number,
      fileBytes: number,
      memoryBytes: number,
    ) => {
      const header = HEADER_BYTES + index * PROGRAM_HEADER_BYTES;
      view.setUint32(header, PT_LOAD, true);
      view.setUint32(header + 4, flags, true);
      for (const [field, value] of [at, address, address, fileBytes, memoryBytes].entries()) {
        long(header + 8 + field * 8, value);
      }
      long(header + 48, PAGE_BYTES);
    };
    segment(0, PF.R | PF.X, PAGE_BYTES, TEXT_BASE, text.length, text.length);
    const data = this.#data.length;
    segment(
      1,
      PF.R | PF.W | (executableData ? PF.X : 0),
      dataAt,
      DATA_BASE,
      data,
      data + this.#zeroBytes,
    );
    return file;
  }
}
