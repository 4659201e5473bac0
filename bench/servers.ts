// Debian's servers as benchmarks run them: on a machine, reached over its network device, and the same files under
// QEMU.
import { compile, load, type Plan } from "../mod.ts";

/** Where nginx listens in the machine. */
export const NGINX_PORT = 7000;

/** A server: how it is started on a port of its own, the same in the machine and under QEMU. */
export interface Served {
  name: string;
  words(root: string, port: number): string[];
}

export const redis: Served = {
  name: "redis",
  words: (_root, port) => {
    const settings = ["--port", String(port), "--save", "", "--protected-mode", "no"];
    return ["/usr/bin/redis-server", ...settings];
  },
};
export const nginx: Served = {
  name: "nginx",
  words: (root, port) => [
    "/usr/sbin/nginx",
    "-p",
    `${root}/tmp`,
    "-g",
    `daemon off; master_process off; pid ${root}/tmp/pid; error_log ${root}/tmp/errors;`,
    "-c",
    writeConfiguration(root, port),
  ],
};

/** nginx with one page that it makes itself: what is measured is the network. */
function writeConfiguration(root: string, port: number): string {
  if (root === "") return "/nginx.conf";
  const path = `${root}/nginx-host.conf`;
  Deno.writeTextFileSync(path, configuration(root, port));
  return path;
}

/** Where connections become scarce, nginx closes idle ones, which clients of a benchmark do not expect. */
function configuration(root: string, port: number): string {
  return `worker_rlimit_nofile 10000;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path ${root}/tmp/body; proxy_temp_path ${root}/tmp/proxy;
  fastcgi_temp_path ${root}/tmp/fcgi; uwsgi_temp_path ${root}/tmp/uwsgi;
  scgi_temp_path ${root}/tmp/scgi;
  keepalive_requests 1000000000;
  server { listen ${port}; location / { return 200 "${"a page ".repeat(80)}"; } }
}
`;
}

/** Ports of the host that lead to ports of the machine. */
export interface Forwarded {
  port: number;
  to: number;
}

/** The plan of a machine with both servers' files; its one program is a place for what is to run. */
export async function serverPlan(
  folder: string,
  isolated: boolean,
  forwarded: Forwarded[],
): Promise<Plan> {
  const web = decodeURIComponent(new URL("../examples/web.yaml", import.meta.url).pathname);
  const [{ port }] = forwarded;
  const path = `${folder}/machine-${port}.yaml`, settings = `${folder}/nginx-${port}.conf`;
  Deno.writeTextFileSync(settings, configuration("", NGINX_PORT));
  const forward = forwarded.map(({ port, to }) => `{ from: "127.0.0.1:${port}", to: ${to} }`);
  const manifest = `kind: System
name: bench
extends: ${web}
machine:
  memory: 1GiB
  devices:
    disk0:
      rootfs:
        debian: { packages: [redis-server, nginx, libc-bin] }
        files: { /nginx.conf: ${settings} }
    net0: { backend: { user: { forward: [${forward.join(", ")}] } } }
${isolated ? "" : "domains:\n  network: { isolation: none, recovery: null, ring: null }\n"}
programs:
  pages: null
  server: { run: /bin/busybox }
`;
  Deno.writeTextFileSync(path, manifest);
  const { plan, diagnostics } = compile(await load(path));
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("; "));
  // The example's own port is not needed.
  for (const { network } of plan.machine.devices) {
    if (network?.backend.kind !== "user") continue;
    network.backend.forward = network.backend.forward.filter((each) =>
      forwarded.some(({ port, to }) => each.port === port && each.to === to)
    );
  }
  return plan;
}

/** The program of such a plan that runs a server. */
export function programOf(plan: Plan, words: string[]): Plan["programs"][number] {
  const [path, ...args] = words;
  return { ...plan.programs[0], path, argv0: path, args, health: undefined };
}
