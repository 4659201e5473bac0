// Programs of a few instructions, as static RISC-V files: what tests run on a machine without packages.
import { Assembler, Register } from "../../runtime/hardware/hart/testing/assembler.ts";

const { a0, a1, a2, a3, a7, s0, s1, sp } = Register;
const Call = { openat: 56, read: 63, write: 64, exit: 93, ioctl: 29, rt_sigaction: 134 } as const;
const TIOCGWINSZ = 0x5413;
const SIGINT = 2, SIGQUIT = 3, SIGTERM = 15, IGNORE = 1n;
const O_CREAT_APPEND_RDWR = 0x442;
const AT_FDCWD = -100;

type Program = (code: Assembler) => void;

function call(code: Assembler, name: keyof typeof Call): Assembler {
  return code.li(a7, Call[name]).emit("ecall");
}

function exit(code: Assembler, status: number): void {
  call(code.li(a0, status), "exit");
}

/** Text in the program's data, ended by zeros. @returns its address */
function text(code: Assembler, words: string): number {
  const bytes = new Uint8Array((words.length >> 3) * 8 + 8);
  new TextEncoder().encodeInto(words, bytes);
  return code.data([...new BigInt64Array(bytes.buffer)]);
}

function print(code: Assembler, fd: number, words: string): void {
  call(code.li(a0, fd).li(a1, text(code, words)).li(a2, words.length), "write");
}

/** Copies descriptor `from` (in s0) to standard output until it ends. */
function copyRest(code: Assembler): void {
  const buffer = code.space(4096), again = code.label(), over = code.label();
  code.bind(again).emit("addi", { rd: a0, rs1: s0 }).li(a1, buffer).li(a2, 4096);
  call(code, "read").to(over, "bge", { rs1: 0, rs2: a0 });
  code.emit("addi", { rd: a2, rs1: a0 }).li(a0, 1).li(a1, buffer);
  call(code, "write").to(again, "jal");
  code.bind(over);
}

const programs = {
  /** standard input to standard output */
  copy(code) {
    copyRest(code.li(s0, 0));
    exit(code, 0);
  },
  /** a line on either stream, and status 3 */
  complain(code) {
    print(code, 1, "said\n");
    print(code, 2, "complained\n");
    exit(code, 3);
  },
  /** the first five bytes of its second argument, which stands behind its name and the first */
  argument(code) {
    code.emit("ld", { rd: a1, rs1: sp, imm: 24 }).li(a0, 1).li(a2, 5);
    call(code, "write");
    exit(code, 0);
  },
  /** reads address 0 */
  fault(code) {
    code.emit("ld", { rd: a0, rs1: 0 });
  },
  /** says that it is there, and never ends */
  wait(code) {
    print(code, 1, "here\n");
    const again = code.label();
    code.bind(again).to(again, "jal");
  },
  /** says that it is there, and copies */
  greet(code) {
    print(code, 1, "here\n");
    copyRest(code.li(s0, 0));
    exit(code, 0);
  },
  /** ignores signals that ask it to end, and never does */
  deaf(code) {
    const action = code.data([IGNORE, 0n, 0n]), again = code.label();
    for (const signal of [SIGINT, SIGQUIT, SIGTERM]) {
      call(code.li(a0, signal).li(a1, action).li(a2, 0).li(a3, 8), "rt_sigaction");
    }
    print(code, 1, "here\n");
    code.bind(again).to(again, "jal");
  },
  /** prints the size of its terminal, as it is in memory, whenever it is given a line; twice */
  sizes(code) {
    const line = text(code, "\n"), size = code.space(16), buffer = code.space(4096);
    for (const last of [false, true]) {
      call(code.li(a0, 0).li(a1, TIOCGWINSZ).li(a2, size), "ioctl");
      // Rows and columns have bytes that are not zero first.
      for (const offset of [0, 2]) {
        call(code.li(a0, 1).li(a1, size + offset).li(a2, 1), "write");
      }
      call(code.li(a0, 1).li(a1, line).li(a2, 1), "write");
      if (!last) call(code.li(a0, 0).li(a1, buffer).li(a2, 4096), "read");
    }
    exit(code, 0);
  },
  /** prints for ever */
  chatter(code) {
    const line = text(code, "again\n"), again = code.label();
    code.bind(again).li(a0, 1).li(a1, line).li(a2, 6);
    call(code, "write").to(again, "jal");
  },
  /** a line more in /notes, and all of them */
  note(code) {
    const path = text(code, "/notes"), line = text(code, "noted\n");
    call(code.li(a0, AT_FDCWD).li(a1, path).li(a2, O_CREAT_APPEND_RDWR).li(a3, 0o644), "openat");
    code.emit("addi", { rd: s1, rs1: a0 }).emit("addi", { rd: a0, rs1: s1 }).li(a1, line).li(a2, 6);
    call(code, "write");
    call(code.li(a0, AT_FDCWD).li(a1, path).li(a2, 0), "openat");
    code.emit("addi", { rd: s0, rs1: a0 });
    copyRest(code);
    exit(code, 0);
  },
  /** status 0 where a file has the path that is its first argument, else 1 */
  exists(code) {
    const missing = code.label();
    code.emit("ld", { rd: a1, rs1: sp, imm: 16 }).li(a0, AT_FDCWD).li(a2, 0).li(a3, 0);
    call(code, "openat").to(missing, "blt", { rs1: a0, rs2: 0 });
    exit(code, 0);
    code.bind(missing);
    exit(code, 1);
  },
} satisfies Record<string, Program>;

/** Puts the programs into a folder that becomes a root file system. */
export async function writePrograms(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, write] of Object.entries(programs)) {
    const code = new Assembler();
    write(code);
    await Deno.writeFile(`${folder}/${name}`, code.elf(), { mode: 0o755 });
  }
  await Deno.writeTextFile(`${folder}/words`, "no program\n");
}
