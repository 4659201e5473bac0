// Looks at a running system again and again, and tells what it did in between.
import { ControlClient } from "../system/control_client.ts";
import type { SystemEntry } from "../system/system_folder.ts";
import { type Look, sampleOf, type WatchSample } from "./watch_sample.ts";

/** A system that says nothing for this long is taken to have ended. */
const PATIENCE_MS = 10_000;

/**
 * What a system does, a sample an interval, until it ends or `signal` says that nobody watches any more.
 * @throws Refused, ProtocolError
 */
export async function* watchSystem(
  { folder, name }: Pick<SystemEntry, "folder" | "name">,
  intervalMs: number,
  signal?: AbortSignal,
): AsyncGenerator<WatchSample> {
  let before = await look(folder);
  for (let dueMs = performance.now() + intervalMs; before !== undefined; dueMs += intervalMs) {
    dueMs = Math.max(dueMs, performance.now());
    await pause(dueMs - performance.now(), signal);
    if (signal?.aborted) return;
    const now = await look(folder);
    if (now === undefined) return;
    yield sampleOf(name, before, now);
    before = now;
  }
}

/** @returns undefined where it runs no more */
async function look(folder: string): Promise<Look | undefined> {
  const answer = await ControlClient.once(folder, { do: "describe" }, PATIENCE_MS);
  return answer !== undefined && "state" in answer
    ? { atMs: Date.now(), state: answer.state }
    : undefined;
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, Math.max(0, ms));
    signal?.addEventListener("abort", over);
    if (signal?.aborted) over();
  });
}
