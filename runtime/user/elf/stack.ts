// What a program finds on its stack when it begins (System V ABI, RISC-V supplement): the number of its
// arguments, the arguments, the environment, the auxiliary vector, and the texts they point to.
import { Access } from "../../hardware/hart/engine.ts";
import { PAGE_BYTES } from "../../hardware/hart/translation_table.ts";
import type { Coroutine } from "../../kernel/coroutine.ts";
import { E, fail } from "../../kernel/errno.ts";
import type { AddressSpace } from "../../kernel/process/memory/address_space.ts";
import type { Identity } from "../../kernel/process/process.ts";
import { VDSO } from "./vdso.ts";

/** One argument, with its zero (MAX_ARG_STRLEN). */
const MAX_TEXT_BYTES = 131072;
/** All of them together: a quarter of the stack. */
const MAX_STACK_BYTES = 2 << 20;

const AT = {
  NULL: 0,
  PHDR: 3,
  PHENT: 4,
  PHNUM: 5,
  PAGESZ: 6,
  BASE: 7,
  FLAGS: 8,
  ENTRY: 9,
  UID: 11,
  EUID: 12,
  GID: 13,
  EGID: 14,
  HWCAP: 16,
  CLKTCK: 17,
  SECURE: 23,
  RANDOM: 25,
  EXECFN: 31,
  SYSINFO_EHDR: 33,
  MINSIGSTKSZ: 51,
} as const;

/** Single-letter extensions, as AT_HWCAP has them. */
const HWCAP = [..."imafdc"].reduce((bits, letter) => bits | 1 << letter.charCodeAt(0) - 97, 0);
const CLOCK_TICKS = 100;
const PROGRAM_HEADER_BYTES = 56;
const SIGNAL_STACK_BYTES = 2048;
const RANDOM_BYTES = 16;

export interface StackContents {
  /** byte strings */
  argv: string[];
  environment: string[];
  executable: string;
  random(into: Uint8Array): void;
  headers: number;
  headerCount: number;
  linkerBase: number;
  entry: number;
  identity: Identity;
  secure: boolean;
}

/** Fills the stack that ends at `top`. @returns the stack pointer @throws Errno E2BIG, ENOMEM */
export function* writeStack(
  space: AddressSpace,
  top: number,
  contents: StackContents,
): Coroutine<number> {
  const { argv, environment, executable, identity } = contents;
  const texts = [...argv, ...environment, executable];
  if (texts.some((text) => text.length >= MAX_TEXT_BYTES)) fail(E.E2BIG);
  const textBytes = texts.reduce((sum, text) => sum + text.length + 1, 0);
  const auxiliary = 20;
  const words = 1 + argv.length + 1 + environment.length + 1 + auxiliary * 2;
  const size = textBytes + RANDOM_BYTES + 16 + words * 8 + 16;
  if (size > MAX_STACK_BYTES) fail(E.E2BIG);

  // From the top down: texts, random bytes, then the words that point to them.
  const textsStart = top - 8 - textBytes;
  const random = Math.floor((textsStart - RANDOM_BYTES) / 16) * 16;
  const stackPointer = Math.floor((random - words * 8) / 16) * 16;
  const bytes = new Uint8Array(top - stackPointer);
  const view = new DataView(bytes.buffer);
  let at = textsStart;
  const addresses = texts.map((text) => {
    const address = at;
    for (let index = 0; index < text.length; index++) {
      bytes[at - stackPointer + index] = text.charCodeAt(index);
    }
    at += text.length + 1;
    return address;
  });
  contents.random(bytes.subarray(random - stackPointer, random - stackPointer + RANDOM_BYTES));
  const vector: [number, number][] = [
    [AT.SYSINFO_EHDR, VDSO],
    [AT.PHDR, contents.headers],
    [AT.PHENT, PROGRAM_HEADER_BYTES],
    [AT.PHNUM, contents.headerCount],
    [AT.PAGESZ, PAGE_BYTES],
    [AT.BASE, contents.linkerBase],
    [AT.FLAGS, 0],
    [AT.ENTRY, contents.entry],
    [AT.UID, identity.ruid],
    [AT.EUID, identity.euid],
    [AT.GID, identity.rgid],
    [AT.EGID, identity.egid],
    [AT.HWCAP, HWCAP],
    [AT.CLKTCK, CLOCK_TICKS],
    [AT.SECURE, contents.secure ? 1 : 0],
    [AT.RANDOM, random],
    [AT.EXECFN, addresses[texts.length - 1]],
    [AT.MINSIGSTKSZ, SIGNAL_STACK_BYTES],
    [AT.NULL, 0],
  ];
  let word = 0;
  const put = (value: number) => view.setBigUint64(word++ * 8, BigInt(value), true);
  put(argv.length);
  for (let index = 0; index < argv.length; index++) put(addresses[index]);
  put(0);
  for (let index = 0; index < environment.length; index++) put(addresses[argv.length + index]);
  put(0);
  const vectorStart = word * 8;
  for (const [type, value] of vector) {
    put(type);
    put(value);
  }
  space.auxiliary = bytes.slice(vectorStart, word * 8);
  space.argumentsStart = textsStart;
  space.argumentsEnd = addresses[argv.length];
  space.environmentEnd = addresses[texts.length - 1];
  for (let done = 0; done < bytes.length;) {
    const address = stackPointer + done;
    const within = address % PAGE_BYTES;
    const part = Math.min(PAGE_BYTES - within, bytes.length - done);
    const frame = space.frameFor((address - within) / PAGE_BYTES, Access.WRITE);
    if (frame === 0) fail(E.ENOMEM);
    space.memory.frames.bytes.set(bytes.subarray(done, done + part), frame + within);
    done += part;
  }
  return stackPointer;
}
