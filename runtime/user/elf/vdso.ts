// The shared object that is in every address space (vdso(7)): what a signal handler returns to, and
// riscv_hwprobe(2), which every dynamically linked program asks, without a system call.
import { PAGE_BYTES } from "../../hardware/hart/translation_table.ts";
import { END_PAGE } from "../../kernel/process/memory/mapping.ts";
import { hardware } from "../../kernel/process/sys_machine.ts";

/** Just below the end of user memory. */
export const VDSO_PAGE = END_PAGE - 16;
export const VDSO = VDSO_PAGE * PAGE_BYTES;

/** Where things are in it. */
const At = {
  HEADERS: 64,
  SYMBOLS: 0x100,
  HASH: 0x180,
  SYMBOL_VERSIONS: 0x1c0,
  TEXTS: 0x200,
  VERSIONS: 0x280,
  DYNAMIC: 0x300,
  CODE: 0x400,
  TABLE: 0x600,
};
/** What a signal handler returns to. */
export const SIGRETURN = VDSO + At.CODE;
/** Keys below this are in the table. */
const KEYS = 11;

const sigreturn = [
  0x08b0_0893, //  li a7, 139
  0x0000_0073, //  ecall
];

/** int riscv_hwprobe(struct riscv_hwprobe *pairs, size_t count, size_t cpu_count, cpu_set_t *cpus, unsigned flags) */
const hwprobe = [
  0x00d6_62b3, //        or t0, a2, a3
  0x00e2_e2b3, //        or t0, t0, a4
  0x0402_9863, //        bnez t0, kernel
  0x0000_0297, //        auipc t0, 0
  0x0002_8293, //        addi t0, t0, (filled in: from the instruction before to the table)
  0x0205_8e63, // each:  beqz a1, done
  0x0005_3303, //        ld t1, 0(a0)
  0x0000_0393 | KEYS << 20, // li t2, KEYS
  0xfff0_0e13, //        li t3, -1
  0x0000_0e93, //        li t4, 0
  0x0073_7a63, //        bgeu t1, t2, give
  0x0043_1313, //        slli t1, t1, 4
  0x0053_0333, //        add t1, t1, t0
  0x0003_3e03, //        ld t3, 0(t1)
  0x0083_3e83, //        ld t4, 8(t1)
  0x01c5_3023, // give:  sd t3, 0(a0)
  0x01d5_3423, //        sd t4, 8(a0)
  0x0105_0513, //        addi a0, a0, 16
  0xfff5_8593, //        addi a1, a1, -1
  0xfc9f_f06f, //        j each
  0x0000_0513, // done:  li a0, 0
  0x0000_8067, //        ret
  0x1020_0893, // kernel: li a7, 258
  0x0000_0073, //        ecall
  0x0000_8067, //        ret
];
const AUIPC = 3;

const EM_RISCV = 243;
const ET_DYN = 3;
const DOUBLE_FLOAT_ABI = 4, COMPRESSED = 1;
const PT = { LOAD: 1, DYNAMIC: 2 } as const;
const PF = { EXECUTE: 1, READ: 4 } as const;
const DT = {
  HASH: 4,
  STRTAB: 5,
  SYMTAB: 6,
  STRSZ: 10,
  SYMENT: 11,
  SONAME: 14,
  VERSYM: 0x6fff_fff0,
  VERDEF: 0x6fff_fffc,
  VERDEFNUM: 0x6fff_fffd,
} as const;
const NAME = "linux-vdso.so.1";
/** What programs ask for symbols of; the first one is that of the file itself. */
const VERSIONS = [NAME, "LINUX_4.15"];
const VERSION_BYTES = 20, VERSION_NAME_BYTES = 8;
const SYMBOL_BYTES = 24;
const GLOBAL_FUNCTION = 0x12;
/** Of a section that the file does not describe. */
const SOME_SECTION = 1;

/** The hash of a name (System V ABI, "Hash Table"). */
function elfHash(name: string): number {
  let hash = 0;
  for (let at = 0; at < name.length; at++) {
    hash = (hash << 4) + name.charCodeAt(at);
    const high = hash & 0xf000_0000;
    hash = (hash ^ high >>> 24) & ~high;
  }
  return hash;
}

/** One page: an ELF file whose addresses begin at 0. */
export function vdsoImage(): Uint8Array {
  const image = new Uint8Array(PAGE_BYTES);
  const view = new DataView(image.buffer);
  const long = (at: number, ...values: number[]) =>
    values.forEach((value, index) => view.setBigInt64(at + index * 8, BigInt(value), true));
  const word = (at: number, ...values: number[]) =>
    values.forEach((value, index) => view.setUint32(at + index * 4, value, true));
  const half = (at: number, ...values: number[]) =>
    values.forEach((value, index) => view.setUint16(at + index * 2, value, true));

  // The file header: 64 bits, little endian, position-independent.
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  half(16, ET_DYN, EM_RISCV);
  word(20, 1);
  long(32, At.HEADERS);
  word(48, DOUBLE_FLOAT_ABI | COMPRESSED);
  half(52, 64, 56, 2, 64);

  let textEnd = At.TEXTS + 1;
  /** @returns its place among the texts */
  const text = (of: string): number => {
    const start = textEnd;
    for (let at = 0; at < of.length; at++) image[textEnd++] = of.charCodeAt(at);
    textEnd++;
    return start - At.TEXTS;
  };
  const symbols: [name: string, code: number[]][] = [
    ["__vdso_rt_sigreturn", sigreturn],
    ["__vdso_riscv_hwprobe", hwprobe],
  ];
  let code = At.CODE, symbol = At.SYMBOLS + SYMBOL_BYTES;
  for (const [name, words] of symbols) {
    word(symbol, text(name));
    image[symbol + 4] = GLOBAL_FUNCTION;
    half(symbol + 6, SOME_SECTION);
    long(symbol + 8, code, words.length * 4);
    word(code, ...words);
    if (words === hwprobe) {
      const place = At.TABLE - (code + AUIPC * 4);
      word(code + (AUIPC + 1) * 4, words[AUIPC + 1] | place << 20);
    }
    code += words.length * 4;
    symbol += SYMBOL_BYTES;
  }
  for (let key = 0; key < KEYS; key++) {
    const value = hardware.get(key);
    long(At.TABLE + key * 16, value === undefined ? -1 : key, value ?? 0);
  }
  // A hash table of one bucket: all symbols are in its chain.
  word(At.HASH, 1, symbols.length + 1, symbols.length, 0);
  for (let index = 1; index <= symbols.length; index++) word(At.HASH + 12 + index * 4, index - 1);

  symbols.forEach((_, index) => half(At.SYMBOL_VERSIONS + 2 + index * 2, VERSIONS.length));
  const names = VERSIONS.map(text);
  VERSIONS.forEach((version, index) => {
    const at = At.VERSIONS + index * (VERSION_BYTES + VERSION_NAME_BYTES);
    const last = index === VERSIONS.length - 1;
    half(at, 1, index === 0 ? 1 : 0, index + 1, 1);
    word(at + 8, elfHash(version), VERSION_BYTES, last ? 0 : VERSION_BYTES + VERSION_NAME_BYTES);
    word(at + VERSION_BYTES, names[index], 0);
  });
  const dynamic: [tag: number, value: number][] = [
    [DT.HASH, At.HASH],
    [DT.STRTAB, At.TEXTS],
    [DT.SYMTAB, At.SYMBOLS],
    [DT.STRSZ, textEnd - At.TEXTS],
    [DT.SYMENT, SYMBOL_BYTES],
    [DT.SONAME, names[0]],
    [DT.VERSYM, At.SYMBOL_VERSIONS],
    [DT.VERDEF, At.VERSIONS],
    [DT.VERDEFNUM, VERSIONS.length],
    [0, 0],
  ];
  dynamic.forEach((entry, index) => long(At.DYNAMIC + index * 16, ...entry));

  const header = (at: number, type: number, flags: number, start: number, size: number) => {
    word(at, type, flags);
    long(at + 8, start, start, start, size, size, 8);
  };
  header(At.HEADERS, PT.LOAD, PF.READ | PF.EXECUTE, 0, PAGE_BYTES);
  header(At.HEADERS + 56, PT.DYNAMIC, PF.READ, At.DYNAMIC, dynamic.length * 16);
  return image;
}
