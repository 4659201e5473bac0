// Programs of the host that tests compare with, where it has them.

/** Whether a program is there; says once that tests are skipped where it is not. */
export async function isInstalled(program: string, debianPackage: string): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(program, {
      args: ["--version"],
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    console.warn(`skipped: comparisons with ${program}, which is not installed (${debianPackage})`);
    return false;
  }
}
