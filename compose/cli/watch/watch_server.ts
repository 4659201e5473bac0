// The page of a running system on loopback: a document, and a stream of samples as server-sent events.
import { Refused } from "../system/control_client.ts";
import type { SystemEntry } from "../system/system_folder.ts";
import { watchPage } from "./watch_page.ts";
import type { WatchSample } from "./watch_sample.ts";
import { watchSystem } from "./watch_system.ts";

/** Samples that a page gets at once when it is opened: some minutes. */
const KEPT = 300;
/** Pages at a time: a bound for somebody who opens them in a loop. */
const MAX_PAGES = 64;

export interface WatchPlace {
  hostname: string;
  port: number;
  intervalMs: number;
  signal: AbortSignal;
}

/** Serves the page until the system ends or `signal` is aborted. Says where it is. */
export async function serveWatchPage(
  system: Pick<SystemEntry, "folder" | "name">,
  { hostname, port, intervalMs, signal }: WatchPlace,
): Promise<void> {
  const kept: WatchSample[] = [];
  const pages = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const server = Deno.serve({
    hostname,
    port,
    onListen: (place) =>
      console.log(
        `http://${
          place.hostname.includes(":") ? `[${place.hostname}]` : place.hostname
        }:${place.port}/`,
      ),
  }, (request) => {
    const { pathname, hostname } = new URL(request.url);
    // A page of elsewhere that has its name lead here gets nothing.
    if (!["127.0.0.1", "localhost", "[::1]"].includes(hostname)) return refused(403);
    if (request.method !== "GET") return refused(405);
    if (pathname === "/") return document(system.name);
    if (pathname === "/sample") return Response.json(kept.at(-1) ?? null);
    if (pathname !== "/samples") return refused(404);
    if (pages.size >= MAX_PAGES) return refused(503);
    let own: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        own = controller;
        for (const sample of kept) controller.enqueue(eventOf("sample", sample));
        pages.add(controller);
      },
      cancel: () => void pages.delete(own),
    });
    return new Response(body, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
    });
  });
  try {
    for await (const sample of watchSystem(system, intervalMs, signal)) {
      if (kept.push(sample) > KEPT) kept.shift();
      for (const page of pages) {
        // Whoever does not read loses the connection, and gets what is kept with the next.
        if (page.desiredSize! > -2 * KEPT) page.enqueue(eventOf("sample", sample));
        else {
          pages.delete(page);
          page.close();
        }
      }
    }
    if (!signal.aborted) throw new Refused(`system "${system.name}" has ended`);
  } finally {
    for (const page of pages) {
      page.enqueue(eventOf("end", {}));
      page.close();
    }
    await server.shutdown();
  }
}

function eventOf(name: string, data: unknown): Uint8Array {
  return new TextEncoder().encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}

function refused(status: number): Response {
  return new Response(null, { status });
}

function document(system: string): Response {
  return new Response(watchPage(system), {
    headers: {
      "content-type": "text/html; charset=utf-8",
      // Nothing of elsewhere is loaded, whatever a name on the page may say.
      "content-security-policy":
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:",
    },
  });
}
