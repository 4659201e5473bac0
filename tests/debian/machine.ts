// A machine with Debian's programs, and the same files under QEMU in a namespace of the host.
import {
  boot,
  compile,
  load,
  type MachineEvent,
  type MachineReport,
  type Plan,
  type RunningMachine,
} from "../../mod.ts";

const QEMU = "/usr/bin/qemu-riscv64-static";
const PACKAGES = [
  ...[
    "busybox-static",
    "bash",
    "coreutils",
    "grep",
    "findutils",
    "tar",
    "gzip",
    "xz-utils",
    "bzip2",
  ],
  ...["diffutils", "sed", "dash", "perl-base", "sqlite3", "lua5.4", "python3", "mawk"],
];
/** Scripts of this folder that are in the image, under /test. */
const SCRIPTS = [
  ...["shell.sh", "coreutils.sh", "library.lua", "library.py", "library.pl"],
  ...["sqlite.sql", "sqlite_kill.sh", "sqlite_restart.sh"],
];
const ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root", LANG: "C.UTF-8" };
/** No program takes longer, on the slowest of machines. */
const LONGEST_MS = 150_000;

/** How a program ended. */
export interface Ended {
  status: number;
  output: string;
}

/** What QEMU needs here: namespaces in which a format of programs can be registered, and debugfs. */
export async function lacksNamespaces(): Promise<boolean> {
  const probe =
    'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && command -v debugfs && test -x "$0"';
  try {
    const { success } = await new Deno.Command("unshare", {
      args: ["-Urm", "sh", "-c", probe, QEMU],
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      stdout: "null",
      stderr: "null",
    }).output();
    return !success;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return true;
    throw failure;
  }
}

/**
 * The plan of a machine with Debian's packages.
 * @param folder where its manifest is written
 * @param paths files of the host that are in the image, under /test
 */
export async function debianPlan(
  folder: string,
  packages: string[] = PACKAGES,
  paths: string[] = SCRIPTS.map((name) => new URL(name, import.meta.url).pathname),
): Promise<Plan> {
  const base = new URL("../../examples/network.yaml", import.meta.url).pathname;
  const files = paths.map((path) => `          /test/${path.split("/").at(-1)}: ${path}`);
  const manifest = `kind: System
name: debian-programs
extends: ${base}
machine:
  devices:
    disk0:
      rootfs:
        size: 512MiB
        debian: { packages: [${packages.join(", ")}] }
        links: { /bin/sh: /bin/dash }
        files:
${files.join("\n")}
programs:
  sh: { run: /bin/busybox }
`;
  const path = `${folder}/debian.yaml`;
  await Deno.writeTextFile(path, manifest);
  const { plan, diagnostics } = compile(await load(path));
  if (plan === undefined) throw new Error(diagnostics.map((each) => each.message).join("\n"));
  return plan;
}

/**
 * Runs a program on a machine of its own.
 * @param during is told each event and all output, with the machine once it runs
 */
export async function onMachine(
  plan: Plan,
  words: string[],
  during: (event: MachineEvent | string, machine: () => RunningMachine) => void = () => {},
): Promise<Ended & { report: MachineReport }> {
  const [path, ...args] = words;
  const program = { ...plan.programs[0], path, argv0: path, args, env: ENVIRONMENT };
  let output = "", late = false;
  const decoder = new TextDecoder();
  const machine: RunningMachine = await boot({ ...plan, programs: [program] }, {
    onOutput: (_program, bytes) => {
      const text = decoder.decode(bytes, { stream: true });
      output += text;
      during(text, () => machine);
    },
    onEvent: (event) => during(event, () => machine),
  });
  const limit = setTimeout(() => {
    late = true;
    void machine.stop(0);
  }, LONGEST_MS);
  const report = await machine.wait();
  clearTimeout(limit);
  if (late) output += `\nended after ${LONGEST_MS} ms\n`;
  return { status: report.programs[0].status, output, report };
}

/** Unpacks the image of a plan for QEMU, making it first if need be. */
export async function unpack(plan: Plan, root: string): Promise<void> {
  let image = "";
  const machine = await boot({ ...plan, programs: [] }, {
    onEvent: (event) => {
      if (event.kind === "image-ready") image = event.image;
    },
  });
  await machine.stop();
  await Deno.mkdir(root);
  await new Deno.Command("debugfs", {
    args: ["-R", `rdump / ${root}`, image],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    stdout: "null",
    stderr: "null",
  }).output();
}

/** Runs a program under QEMU, in the unpacked tree. */
export async function underQemu(root: string, words: string[]): Promise<Ended> {
  const script = new URL("in_namespace.sh", import.meta.url).pathname;
  const child = new Deno.Command("unshare", {
    args: ["-Urm", "--pid", "--fork", "--kill-child", "/bin/sh", script, root, QEMU, ...words],
    clearEnv: true,
    env: ENVIRONMENT,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    signal: AbortSignal.timeout(LONGEST_MS),
  });
  const { code, stdout } = await child.output();
  return { status: code, output: new TextDecoder().decode(stdout) };
}
