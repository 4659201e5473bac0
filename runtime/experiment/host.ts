// What the experiment ran on, for whoever reads its results.

export interface HostDescription {
  processor: string;
  cores: number;
  memoryBytes: number;
  system: string;
  deno: string;
  v8: string;
}

/** Describes the host; what it does not tell is left out. */
export function describeHost(): HostDescription {
  // Deno gives files of /proc to nobody without every permission.
  const cpu = told("/proc/cpuinfo"), memory = told("/proc/meminfo");
  const kernel = told("/proc/version").split(" ").slice(0, 3).join(" ");
  return {
    processor: /^model name\s*: (.*)$/m.exec(cpu)?.[1] ?? Deno.build.arch,
    cores: navigator.hardwareConcurrency,
    memoryBytes: Number(/^MemTotal:\s*(\d+)/m.exec(memory)?.[1] ?? 0) * 1024,
    system: kernel === "" ? Deno.build.os : kernel,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
  };
}

/** Processes that want to run, averaged over a minute; undefined where the host does not tell. */
export function hostLoad(): number | undefined {
  const text = told("/proc/loadavg");
  return text === "" ? undefined : Number(text.split(" ")[0]);
}

function told(path: string): string {
  try {
    const { stdout } = new Deno.Command("cat", { args: [path], stderr: "null" }).outputSync();
    return new TextDecoder().decode(stdout);
  } catch {
    return "";
  }
}
