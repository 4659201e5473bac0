// `compose run --engine` and `--dump`: each engine executes a program alike, and what was translated is in
// the folder that was named, and nowhere else.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Assembler, Register } from "../../runtime/hardware/hart/testing/assembler.ts";
import { composeCommand, withFolder } from "../fixtures/boot_harness.ts";
import { smallManifest } from "../fixtures/small_manifest.ts";

const { a0, a1, a2, a7, t0 } = Register;
const WRITE = 64, EXIT = 93;

const manifest = smallManifest({ name: "counting" });

/** Writes a letter that depends on a sum of many numbers. */
function counting(): Uint8Array {
  const assembler = new Assembler(), again = assembler.label(), place = assembler.data([0n]);
  assembler.li(t0, 5000).li(a0, 0).bind(again);
  assembler.emit("add", { rd: a0, rs1: a0, rs2: t0 });
  assembler.emit("addi", { rd: t0, rs1: t0, imm: -1 }).to(again, "bne", { rs1: t0 });
  assembler.li(t0, 12_502_500 - 65).emit("sub", { rd: a0, rs1: a0, rs2: t0 });
  assembler.li(a1, place).emit("sb", { rs1: a1, rs2: a0, imm: 0 });
  assembler.li(a0, 1).li(a2, 1).li(a7, WRITE).emit("ecall");
  assembler.li(a0, 7).li(a7, EXIT).emit("ecall");
  return assembler.elf();
}

interface Ended {
  code: number;
  out: string;
  err: string;
}

function withProgram(
  body: (run: (...options: string[]) => Promise<Ended>, folder: string) => Promise<void>,
) {
  return withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/root`);
    await Deno.writeFile(`${folder}/root/count`, counting(), { mode: 0o755 });
    await Deno.writeTextFile(`${folder}/counting.yaml`, manifest);
    const decoder = new TextDecoder();
    await body(async (...options) => {
      const args = ["run", "counting.yaml", ...options, "--", "/count"];
      const { code, stdout, stderr } = await composeCommand(folder, args).output();
      return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
    }, folder);
  });
}

const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("run: every engine executes a program alike, and writes no file", () =>
  withProgram(async (run, folder) => {
    await run();
    const before = names(folder);
    for (const engine of ["translator", "interpreter", "lockstep"]) {
      assertEquals(await run("--engine", engine), { code: 7, out: "A", err: "" }, engine);
    }
    assertEquals(names(folder), before);
  }));

Deno.test("run: --dump writes a file for each region", () =>
  withProgram(async (run, folder) => {
    assertEquals(await run("--dump", "regions"), { code: 7, out: "A", err: "" });
    const files = names(`${folder}/regions`);
    assert(files.length > 0);
    for (const file of files) assertMatch(file, /^\d{5}-[0-9a-f]+\.txt$/);
    const text = Deno.readTextFileSync(`${folder}/regions/${files[0]}`);
    assertStringIncludes(text, "add a0,a0,t0");
    assertStringIncludes(text, "| ");
    assertMatch(text, /^entered [1-9]\d* times$/m);
  }));

Deno.test("run: engines that are not there, and dumps of what is not translated, are refused", () =>
  withProgram(async (run, folder) => {
    const unknown = await run("--engine", "qemu");
    assertEquals([unknown.code, unknown.out], [2, ""]);
    assertStringIncludes(unknown.err, 'translator, or interpreter, or lockstep, not "qemu"');
    const both = await run("--engine", "lockstep", "--dump", "regions");
    assertEquals([both.code, both.out], [2, ""]);
    assertEquals(names(folder).includes("regions"), false);
  }));
