// Where the toolkit came over the network, its threads must not fetch their modules themselves: the connection
// to the registry is one of the whole process, and stands still while the thread that opened it waits for its bell.

const threads = ["./device/device_worker.ts", "./hart/hart_worker.ts", "./domain/domain_worker.ts"];
let fetched: Promise<unknown> | undefined;

/** Fetches the modules of all threads, once; modules that are files need none of it. */
export async function fetchRemoteModules(): Promise<void> {
  if (import.meta.url.startsWith("file:")) return;
  // In this thread nobody sends them a message, so they do nothing.
  fetched ??= Promise.all(threads.map((module) => import(new URL(module, import.meta.url).href)));
  await fetched;
}
