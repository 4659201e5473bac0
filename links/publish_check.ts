// Whether the package could be published, for machines that reach no registry: the stand-ins of this
// folder then have to lie outside of the package, so its files are copied to a folder of their own.
// Where the registry is reachable, `deno publish --dry-run` without "links" in deno.json is enough.

const root = new URL("../", import.meta.url);

interface Config {
  links: string[];
  publish: { include: string[] };
}

/** Copies all that `publish.include` may name into `folder`, with a configuration that leads here. */
export function preparePackage(folder: string): void {
  const config: Config = JSON.parse(Deno.readTextFileSync(new URL("deno.json", root)));
  const tops = new Set(config.publish.include.map((pattern) => pattern.split("/")[0]));
  for (const name of [...tops, "deno.lock"]) copy(new URL(name, root), `${folder}/${name}`);
  const links = standIns(config);
  Deno.writeTextFileSync(`${folder}/deno.json`, JSON.stringify({ ...config, links }, null, 2));
}

/** Absolute paths of the local packages that stand in for those of the registry. */
export function standIns(
  config: Pick<Config, "links"> = JSON.parse(Deno.readTextFileSync(new URL("deno.json", root))),
): string[] {
  return config.links.map((link) => decodeURIComponent(new URL(link, root).pathname));
}

function copy(from: URL, to: string): void {
  if (!Deno.statSync(from).isDirectory) return Deno.copyFileSync(from, to);
  Deno.mkdirSync(to);
  for (const { name } of Deno.readDirSync(from)) {
    // Disk images are made by running the examples, and are large.
    if (!name.endsWith(".img")) copy(new URL(`${from.href}/${name}`), `${to}/${name}`);
  }
}

/** What `deno publish --dry-run` says of a prepared package. */
export interface DryRun {
  success: boolean;
  /** all it printed */
  output: string;
  /** paths of what would be published */
  files: string[];
  /** lines that begin a warning, each with the place it is about */
  warnings: string[];
}

export async function dryRun(folder: string): Promise<DryRun> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--dry-run", "--allow-dirty"],
    cwd: folder,
    env: { NO_COLOR: "1" },
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const output = (decode(stdout) + decode(stderr)).replaceAll(Deno.realPathSync(folder), "");
  return {
    success,
    output,
    files: [...output.matchAll(/^ +file:\/\/\/(\S+) \(.*B\)$/gm)].map(([, path]) => path).sort(),
    warnings: [...output.matchAll(/^(warning\[.*)\n *--> \/?(.*?):\d+/gm)].map(
      ([, what, where]) => `${what} (${where})`,
    ),
  };
}

if (import.meta.main) {
  const folder = Deno.makeTempDirSync();
  preparePackage(folder);
  const { success, output } = await dryRun(folder);
  Deno.removeSync(folder, { recursive: true });
  console.log(output);
  if (!success) Deno.exit(1);
}
