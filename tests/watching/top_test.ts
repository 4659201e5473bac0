// `compose top` on a system that runs: a table, lines for scripts, and a page whose data changes.
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { WatchSample } from "../../compose/cli/watch/watch_sample.ts";
import { composeCommand } from "../fixtures/boot_harness.ts";
import { findBrowser, HeadlessPage } from "../fixtures/headless_browser.ts";
import { withWatchedSystem } from "./watched_system.ts";

/** Long enough for a host that does much else. */
const LIMIT_MS = 30_000;

async function until(met: () => Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + LIMIT_MS;
  while (!(await met())) {
    assert(performance.now() < deadlineMs, what);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

Deno.test("watch: compose top tells of domains, rings and programs, as a table and as a line", () =>
  withWatchedSystem(async (compose) => {
    const text = await compose("top", "small", "--once", "--interval", "300ms");
    assertEquals([text.code, text.err], [0, ""]);
    assertMatch(text.out, /^small: ready, [\d,]+ calls\/s, \d+ MiB, 0 restarts\n/);
    assertMatch(text.out, /^storage +process +running +0 +\d+ MiB +[\d,]+ +[\d.]+ [um]?s/m);
    assertMatch(text.out, /^primary-storage-files +primary +storage +[\d,]+/m);
    assertMatch(text.out, /^writer +running/m);
    assertMatch(text.out, /^(write|pwrite64) +[\d,]+$/m);
    const line = await compose("top", "small", "--once", "--json", "--interval", "300ms");
    assertEquals(line.out.trimEnd().split("\n").length, 1);
    const sample: WatchSample = JSON.parse(line.out);
    assert(sample.callsPerSecond > 0 && sample.rings[0].callsPerSecond > 0);
    const [most, ...others] = sample.busiest;
    assert(others.every(({ callsPerSecond }) => callsPerSecond <= most.callsPerSecond));
    assert(sample.rings[0].latencyP50Ns! > 0 && sample.rings[0].bytesPerSecond > 0);
    for (const [place, status] of [["0.0.0.0:0", 2], ["nonsense", 2]] as const) {
      assertEquals((await compose("top", "small", "--serve", place)).code, status);
    }
  }));

Deno.test("watch: the page of compose top is alive while its system is, in a browser too", async (t) => {
  await withWatchedSystem(async (compose, folder) => {
    const serving = composeCommand(folder, [
      "top",
      "small",
      "--serve",
      "127.0.0.1:0",
      "--interval",
      "200ms",
    ]).spawn();
    try {
      const lines = serving.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const url = (await lines.read()).value!.trim();
      assertMatch(url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
      const html = await (await fetch(url)).text();
      assertMatch(html, /^<!doctype html>/);
      assertEquals(html.match(/(src|href)="(?!data:)[^"]*"/g), null, "something of elsewhere");
      const sample = async (): Promise<WatchSample | null> =>
        await (await fetch(`${url}sample`)).json();
      await until(async () => (await sample()) !== null, "no sample");
      const first = (await sample())!;
      await until(async () => (await sample())!.atMs > first.atMs, "samples do not follow");
      assert(first.domains.some(({ name }) => name === "storage"));
      const events = (await fetch(`${url}samples`)).body!.getReader();
      const { value } = await events.read();
      assertMatch(new TextDecoder().decode(value), /^event: sample\ndata: \{"system":"small"/);
      await events.cancel();
      const stranger = await Deno.connect({
        hostname: "127.0.0.1",
        port: Number(new URL(url).port),
      });
      await stranger.write(
        new TextEncoder().encode(
          "GET / HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n",
        ),
      );
      assertMatch(await new Response(stranger.readable).text(), /^HTTP\/1.1 403/);
      const browser = findBrowser();
      await t.step({
        name: browser === undefined ? "no browser is here: skipped" : "in a browser",
        ignore: browser === undefined,
        fn: async () => {
          const page = await HeadlessPage.open(browser!, url);
          try {
            const drawn = () => page.evaluate("document.querySelectorAll('path.series').length");
            await until(async () => Number(await drawn()) >= 6, "no charts");
            const calls = () => page.evaluate("samples.length");
            const before = Number(await calls());
            await until(async () => Number(await calls()) > before, "charts stand still");
            assertEquals(
              await page.evaluate("document.querySelector('#state').textContent"),
              "ready",
            );
            assertEquals((await compose("fault", "small", "storage", "crash")).code, 0);
            const marks = () => page.evaluate("document.querySelectorAll('.restart').length");
            await until(async () => Number(await marks()) >= 4, "no chart shows the restart");
            assertEquals((await compose("stop", "small")).code, 0);
            const state = () => page.evaluate("document.querySelector('#state').textContent");
            await until(async () => await state() === "ended", "its end is not shown");
          } finally {
            await page.close();
          }
        },
      });
      await lines.cancel();
    } finally {
      try {
        serving.kill("SIGTERM");
      } catch {
        // It has ended with its system.
      }
      await serving.stderr.cancel();
      await serving.status;
    }
  });
});
