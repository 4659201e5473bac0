// What a service domain gone bad would try: what it got is said on the status page.
import { becomeDomain } from "../../runtime/boot/domain/become_domain.ts";
import { StatusPage } from "../../runtime/hypervisor/status_page.ts";

const { opened } = becomeDomain();
const status = new StatusPage(opened.status);

const attempts: Record<string, () => unknown> = {
  read: () => Deno.readTextFileSync("/etc/hostname"),
  write: () => Deno.writeTextFileSync("/tmp/escaped", ""),
  environment: () => Deno.env.get("HOME"),
  run: () => new Deno.Command("true").outputSync(),
  network: () => Deno.listen({ port: 0 }),
  library: () => Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } }),
  pointer: () => Deno.UnsafePointer.create(4096n),
  memory: () => new Deno.UnsafePointerView(null as never).getInt32(),
  hostname: () => Deno.hostname(),
};

const got = Object.entries(attempts).filter(([, attempt]) => {
  try {
    attempt();
    return true;
  } catch {
    return false;
  }
}).map(([name]) => name);
if (got.length > 0 || opened.memory.byteLength === 0) status.fail(`got ${got}`);
else status.fail("got nothing");
// Then it takes memory until there is none.
const kept: Uint8Array[] = [];
for (;;) kept.push(new Uint8Array(16 << 20).fill(1));
