// Tools of the host that tests compare with, where it has them.

/** Whether the host lacks some of these commands; says which, once for each file of tests. */
export function lacks(tests: string, ...commands: string[]): boolean {
  const missing = commands.filter((command) => !installed(command));
  if (missing.length > 0) console.warn(`${tests} do not run: ${missing.join(" and ")} is missing`);
  return missing.length > 0;
}

function installed(command: string): boolean {
  try {
    return new Deno.Command(command, { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}

/** What a command prints; with its errors and its code, for tests to compare. */
export async function tell(
  command: string,
  args: string[],
  { stdin = "", cwd, env }: { stdin?: string; cwd?: string; env?: Record<string, string> } = {},
): Promise<{ code: number; out: string; err: string }> {
  const child = new Deno.Command(command, {
    args,
    cwd,
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // Who ends before it has read all says why by its code.
  const written = writer.write(new TextEncoder().encode(stdin)).then(() => writer.close()).catch(
    (failure) => {
      if (!(failure instanceof Deno.errors.BrokenPipe)) throw failure;
    },
  );
  const { code, stdout, stderr } = await child.output();
  await written;
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}
