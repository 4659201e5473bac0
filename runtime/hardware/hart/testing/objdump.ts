// The host's disassembler for RISC-V, which knows how instructions are decoded.
import { isInstalled } from "./installed.ts";

const PROGRAM = "riscv64-linux-gnu-objdump";
const ISA = "rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_zicsr2p0_zifencei2p0_zba1p0_zbb1p0_zbs1p0";
const SHT = { PROGBITS: 1, STRTAB: 3, RISCV_ATTRIBUTES: 0x7000_0003 } as const;
const SHF_ALLOC_EXECUTE = 6;
const EM_RISCV = 243, ET_REL = 1;
const HEADER_BYTES = 64, SECTION_HEADER_BYTES = 64;
const TAG_FILE = 1, TAG_ARCH = 5;

/** Whether this host has it. */
export const hasObjdump = await isInstalled(PROGRAM, "binutils-riscv64-linux-gnu");

/** Each instruction's text at its address. @param options for the option -M */
export async function objdump(
  code: Uint8Array,
  options = "no-aliases",
): Promise<Map<number, string>> {
  const file = await Deno.makeTempFile({ prefix: "riscv-", suffix: ".o" });
  try {
    await Deno.writeFile(file, objectFile(code));
    const { stdout } = await new Deno.Command(PROGRAM, {
      args: ["-d", "-z", "-M", options, file],
    }).output();
    const lines = new TextDecoder().decode(stdout)
      .matchAll(/^ *([0-9a-f]+):\t[0-9a-f]+ *\t([^#<\n]*)/gm);
    return new Map(
      lines.map(([, at, text]) => [parseInt(at, 16), text.trim().replace("\t", " ")]),
    );
  } finally {
    await Deno.remove(file);
  }
}

/** An object file with one section of code, and the attributes that say which extensions it has. */
function objectFile(code: Uint8Array): Uint8Array {
  const names = "\0.text\0.riscv.attributes\0.shstrtab\0";
  const sections = [
    { name: ".text", type: SHT.PROGBITS, flags: SHF_ALLOC_EXECUTE, bytes: code },
    { name: ".riscv.attributes", type: SHT.RISCV_ATTRIBUTES, flags: 0, bytes: attributes() },
    { name: ".shstrtab", type: SHT.STRTAB, flags: 0, bytes: new TextEncoder().encode(names) },
  ];
  const bytes = sections.reduce((sum, section) => sum + section.bytes.length, 0);
  const headers = HEADER_BYTES + bytes + 7 & ~7;
  const file = new Uint8Array(headers + (sections.length + 1) * SECTION_HEADER_BYTES);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, ET_REL, true);
  view.setUint16(18, EM_RISCV, true);
  view.setUint32(20, 1, true);
  view.setUint32(40, headers, true);
  view.setUint16(52, HEADER_BYTES, true);
  view.setUint16(58, SECTION_HEADER_BYTES, true);
  view.setUint16(60, sections.length + 1, true);
  view.setUint16(62, sections.length, true);
  let at = HEADER_BYTES;
  for (const [index, { name, type, flags, bytes }] of sections.entries()) {
    file.set(bytes, at);
    const header = headers + (index + 1) * SECTION_HEADER_BYTES;
    view.setUint32(header, names.indexOf(name), true);
    view.setUint32(header + 4, type, true);
    view.setUint32(header + 8, flags, true);
    view.setUint32(header + 24, at, true);
    view.setUint32(header + 32, bytes.length, true);
    view.setUint32(header + 48, 1, true);
    at += bytes.length;
  }
  return file;
}

function attributes(): Uint8Array {
  const text = (value: string) => new TextEncoder().encode(`${value}\0`);
  const counted = (head: number[], body: Uint8Array) => {
    const bytes = new Uint8Array(head.length + 4 + body.length);
    bytes.set(head);
    new DataView(bytes.buffer).setUint32(head.length, bytes.length, true);
    bytes.set(body, head.length + 4);
    return bytes;
  };
  const arch = counted([TAG_FILE], new Uint8Array([TAG_ARCH, ...text(ISA)]));
  const vendor = counted([], new Uint8Array([...text("riscv"), ...arch]));
  return new Uint8Array(["A".charCodeAt(0), ...vendor]);
}
