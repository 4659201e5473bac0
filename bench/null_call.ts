// A call that does nothing, through a ring to a spinning process: alone, and with 64 outstanding; beside
// the cheapest system call of the host.
import { MemoryOpener } from "../runtime/hypervisor/memory/opener.ts";
import { RingClient } from "../runtime/hypervisor/ring/client.ts";
import { resetRing, ringBytes } from "../runtime/hypervisor/ring/layout.ts";
import { type Row, row } from "./statistics.ts";

const GETPPID = `
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
int main(void) {
  struct timespec a, b;
  int n = 2000000;
  clock_gettime(CLOCK_MONOTONIC, &a);
  for (int i = 0; i < n; i++) syscall(SYS_getppid);
  clock_gettime(CLOCK_MONOTONIC, &b);
  printf("%f", ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / n);
}`;

/** Nanoseconds of a native getppid. @throws Error where there is no C compiler */
function buildGetppid(folder: string): () => number {
  Deno.writeTextFileSync(`${folder}/getppid.c`, GETPPID);
  const built = new Deno.Command("gcc", {
    args: ["-O2", "-o", `${folder}/getppid`, `${folder}/getppid.c`],
  }).outputSync();
  if (!built.success) throw new Error("Cannot build the native peer: gcc failed");
  return () =>
    Number(new TextDecoder().decode(new Deno.Command(`${folder}/getppid`).outputSync().stdout));
}

export function nullCall(folder: string, quick: boolean): Row[] {
  const getppid = buildGetppid(folder);
  const shape = { depth: 64, arenaBytes: 1 << 20 };
  const opener = new MemoryOpener();
  const memory = opener.create("ring", ringBytes(shape), "mapped");
  resetRing(memory.buffer, 1);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-config",
      "--allow-ffi",
      new URL("./null_call_server.ts", import.meta.url).href,
      JSON.stringify({ ring: memory.grant, shape }),
    ],
  }).spawn();
  const client = new RingClient(memory.buffer, shape, 1, { ring: () => false });
  let answered = 0;
  const counter = { complete: () => void answered++ };
  const alone = (calls: number) => {
    const start = performance.now();
    for (let call = 0; call < calls; call++) {
      client.submit(client.acquire(), 1, [], 0, 0, counter);
      client.publish();
      while (client.poll() === 0);
    }
    return (performance.now() - start) * 1e6 / calls;
  };
  const together = (calls: number) => {
    const start = performance.now();
    const goal = answered + calls;
    for (let sent = 0; answered < goal;) {
      for (; client.room > 0 && sent < calls; sent++) {
        client.submit(client.acquire(), 1, [], 0, 0, counter);
      }
      client.publish();
      client.poll();
    }
    return (performance.now() - start) * 1e6 / calls;
  };
  try {
    alone(50_000);
    together(200_000);
    const runs = quick ? 3 : 9;
    const pairs = Array.from(
      { length: runs },
      () => ({ peer: getppid(), alone: alone(200_000), together: together(1_000_000) }),
    );
    return [
      row(
        "null call, 1 caller",
        "ns",
        "getppid",
        "<= 12",
        pairs.map(({ alone, peer }) => ({ ours: alone, peer })),
      ),
      row(
        "null call, 64 outstanding",
        "ns",
        "getppid",
        "<= 1",
        pairs.map(({ together, peer }) => ({ ours: together, peer })),
      ),
    ];
  } finally {
    child.kill("SIGKILL");
  }
}
