// Makes guest programs: C sources to static RISC-V programs, by the cross compiler that is installed.

import { lacks } from "../fixtures/host_tools.ts";

export const COMPILER = "riscv64-linux-gnu-gcc";
export const QEMU = "qemu-riscv64-static";

/** Whether guest tests cannot run here; says so, once for each file of tests. */
export const lacksTools = (tests: string): boolean => lacks(tests, COMPILER, QEMU);

/** Compiles `<name>.c` of a folder to `<into>/<name>`, each by itself, two at a time. @param linked statically, or not */
export async function compilePrograms(
  from: URL,
  names: string[],
  into: string,
  options: string[] = [],
  linkedStatically = true,
): Promise<void> {
  await Deno.mkdir(into, { recursive: true });
  const left = names.slice();
  const work = async () => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      const source = new URL(`${name}.c`, from).pathname;
      const warnings = ["-Wall", "-Wextra", "-Werror", "-Wno-infinite-recursion"];
      const args = [
        ...linkedStatically ? ["-static"] : [],
        "-O1",
        "-pthread",
        ...options,
        ...warnings,
        "-o",
        `${into}/${name}`,
        source,
      ];
      const { success, stderr } = await new Deno.Command(COMPILER, { args: [...args, "-lm"] })
        .output();
      if (!success) throw new Error(new TextDecoder().decode(stderr));
    }
  };
  await Promise.all([work(), work()]);
}
