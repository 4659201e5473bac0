// Clients of the field that ask a server over and over: redis-benchmark, and Apache's ab.

/** Asks a server on a port of this host so many times. @returns requests a second */
export type LoadTool = (port: number, requests: number) => Promise<number>;

/** @param pipeline requests under way on each connection */
export function redisBenchmark(
  test: "GET" | "SET",
  connections: number,
  pipeline: number,
): LoadTool {
  return async (port, requests) => {
    const text = await output("redis-benchmark", "redis-tools", [
      ...["-p", `${port}`, "-t", test.toLowerCase(), "-c", `${connections}`],
      ...["-n", `${requests}`, "-P", `${pipeline}`, "--csv"],
    ]);
    return rateIn(text, /"([\d.]+)"/);
  };
}

/** Asks for the first page, on connections that stay. */
export function apacheBench(connections: number): LoadTool {
  return async (port, requests) => {
    const words = ["-q", "-k", "-c", `${connections}`, "-n", `${requests}`];
    const text = await output("ab", "apache2-utils", [...words, `http://127.0.0.1:${port}/`]);
    if (!/Failed requests: +0\n/.test(text)) throw new Error(`requests failed:\n${text}`);
    return rateIn(text, /Requests per second: +([\d.]+)/);
  };
}

function rateIn(text: string, pattern: RegExp): number {
  const rate = Number(text.match(pattern)?.[1]);
  if (!(rate > 0)) throw new Error(`no rate in what a client printed:\n${text}`);
  return rate;
}

/** What a program prints. @param from the package of Debian that has it */
async function output(program: string, from: string, args: string[]): Promise<string> {
  const command = new Deno.Command(program, { args });
  const { code, stdout, stderr } = await command.output().catch((failure) => {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
    throw new Error(`there is no ${program} on this host; Debian has it in ${from}`);
  });
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
