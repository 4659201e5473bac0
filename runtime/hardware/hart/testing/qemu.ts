// The host's user-mode emulator, which says what programs have to come out as.
import { isInstalled } from "./installed.ts";

const PROGRAM = "qemu-riscv64-static";

/** Whether this host has it. */
export const hasQemu = await isInstalled(PROGRAM, "qemu-user-static");

/** What a program writes. @throws Error where it does not exit with 0 */
export async function runInQemu(elf: Uint8Array): Promise<Uint8Array> {
  const file = await Deno.makeTempFile({ prefix: "riscv-" });
  try {
    await Deno.writeFile(file, elf, { mode: 0o755 });
    const { code, stdout, stderr } = await new Deno.Command(PROGRAM, { args: [file] }).output();
    if (code === 0) return stdout;
    throw new Error(`${PROGRAM} exits with ${code}: ${new TextDecoder().decode(stderr)}`);
  } finally {
    await Deno.remove(file);
  }
}
