import { assertEquals } from "@std/assert";
import { withFolder } from "../../../tests/fixtures/boot_harness.ts";
import { type LogLine, LogWriter, MAX_LOG_BYTES, readLog } from "./system_log.ts";

async function all(folder: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const { program, stream, text } of readLog(folder, () => false)) {
    lines.push(`${program ?? ""} ${stream}: ${text}`);
  }
  return lines;
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("a log has whole lines, whatever pieces they come in, and the last one without an end", () =>
  withFolder(async (folder) => {
    const log = new LogWriter(folder);
    log.write("web", bytes("on"), "stdout");
    log.write("web", bytes("oh\n"), "stderr");
    log.write("web", bytes("e\ntwo\nthr"), "stdout");
    log.note("said");
    assertEquals(await all(folder), [
      "web stderr: oh",
      "web stdout: one",
      "web stdout: two",
      " system: said",
    ]);
    log.write("web", bytes("ee: ä").subarray(0, 5), "stdout");
    log.close();
    assertEquals((await all(folder)).slice(4), ["web stdout: three: "]);
  }));

Deno.test("a line without an end does not wait for it for ever", () =>
  withFolder(async (folder) => {
    const log = new LogWriter(folder);
    log.write("web", bytes("x".repeat(100_000)), "stdout");
    const lengths = (await all(folder)).map((line) => line.length - "web stdout: ".length);
    log.close();
    assertEquals(new Set(lengths), new Set([16 << 10]));
    assertEquals(lengths.length, 6);
  }));

Deno.test("a log is of bounded size; whoever follows it misses nothing when it begins anew", () =>
  withFolder(async (folder) => {
    const log = new LogWriter(folder), read: LogLine[] = [];
    let ends = false;
    const following = (async () => {
      for await (const line of readLog(folder, () => !ends)) read.push(line);
    })();
    const text = "x".repeat(10_000), count = Math.ceil(2.5 * MAX_LOG_BYTES / text.length);
    for (let line = 0; line < count; line++) {
      log.note(`${line} ${text}`);
      if (line % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 60));
    }
    ends = true;
    await following;
    log.close();
    assertEquals(read.map((line) => line.text.split(" ")[0]), read.map((_line, at) => String(at)));
    assertEquals(read.length, count);
    const size = [...Deno.readDirSync(folder)].reduce(
      (sum, { name }) => sum + Deno.statSync(`${folder}/${name}`).size,
      0,
    );
    assertEquals(size <= 2 * MAX_LOG_BYTES, true, String(size));
    assertEquals((await all(folder)).at(-1)!.startsWith(` system: ${count - 1} `), true);
  }));
