import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { pack } from "tar-stream";
import { readAr } from "./ar.ts";
import { compressionOf, decompress } from "./compression.ts";
import { IDLE_MS } from "./xz_main.ts";
import { XzProcess } from "./xz_process.ts";
import { readTar } from "./tar.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);
const XZ = Uint8Array.fromBase64(
  "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jMAQAOcGFja2VkIHdpdGggeHoKAAC5cjJP3SGcfwABJw/fGvxqH7bzfQEAAAAABFla",
);

Deno.test("xz, zstd, gzip and plain bytes are told apart and unpacked", async () => {
  const plain = bytes("packed with xz\n");
  assertEquals(compressionOf(XZ), "xz");
  assertEquals(await decompress(XZ), plain);
  assertEquals(await decompress(zstdCompressSync(plain)), plain);
  assertEquals(await decompress(gzipSync(plain)), plain);
  assertEquals(await decompress(plain), plain);
});

Deno.test("compressed data that is cut short, damaged or too large is an error", async () => {
  const large = new Uint8Array(1 << 20);
  for (const packed of [XZ, zstdCompressSync(large), gzipSync(large)]) {
    const kind = compressionOf(packed);
    const message = `its ${kind} data cannot be unpacked`;
    const cut = packed.slice(0, packed.length - 9);
    await assertRejects(() => decompress(cut), Error, message);
    await assertRejects(() => decompress(packed, 10), Error, message);
    // zstd data has a checksum only where it was asked for.
    if (kind === "zstd") continue;
    const damaged = packed.slice();
    damaged[Math.floor(packed.length / 2)] ^= 0xff;
    await assertRejects(() => decompress(damaged), Error, message);
  }
});

Deno.test("ar archives are read, and refused where they are not whole", () => {
  const member = (name: string, contents: string) =>
    `${name.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(12)}${"100644".padEnd(8)}${
      String(contents.length).padEnd(10)
    }\`\n${contents}${contents.length % 2 === 1 ? "\n" : ""}`;
  const archive = bytes(`!<arch>\n${member("first", "odd")}${member("second/", "even")}`);
  assertEquals(readAr(archive).map(({ name, bytes }) => [name, text(bytes)]), [
    ["first", "odd"],
    ["second", "even"],
  ]);
  assertThrows(() => readAr(bytes("no archive")), Error, "it is not an ar archive");
  assertThrows(() => readAr(archive.slice(0, -1)), Error, "it ends within member second");
  assertThrows(() => readAr(archive.slice(0, 100)), Error, "it ends within a member's header");
  const damaged = archive.slice();
  damaged[8 + 58] = 0;
  assertThrows(() => readAr(damaged), Error, "a member's header is damaged");
});

async function tarOf(
  ...entries: [Parameters<ReturnType<typeof pack>["entry"]>[0], string?][]
): Promise<Uint8Array> {
  const packer = pack();
  for (const [header, contents] of entries) packer.entry(header, contents ?? "");
  packer.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of packer) chunks.push(chunk as Uint8Array);
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

Deno.test("tar archives are read: long names by pax, links, devices, contents in place", async () => {
  const long = `./${"folder/".repeat(30)}${"name".repeat(30)}-ü`;
  const archive = await tarOf(
    [{ name: "./a", mode: 0o4755, uid: 7, gid: 8, mtime: new Date(1_000_000) }, "contents"],
    [{ name: long }, "x".repeat(5000)],
    [{ name: "link", type: "symlink", linkname: "a" }],
    [{ name: "null", type: "character-device", devmajor: 1, devminor: 3 }],
  );
  const members = await readTar(archive);
  assertEquals(members.map(({ header }) => header.name), ["./a", long, "link", "null"]);
  const [a, second, link, device] = members;
  assertEquals([a.header.mode, a.header.uid, a.header.gid], [0o4755, 7, 8]);
  assertEquals(text(archive.subarray(a.offset, a.offset + a.header.size)), "contents");
  assertEquals(archive[second.offset + 4999], "x".charCodeAt(0));
  assertEquals(link.header.linkname, "a");
  assertEquals([device.header.devmajor, device.header.devminor], [1, 3]);
});

Deno.test("GNU long names are read", async () => {
  const name = "n".repeat(150);
  const inner = await tarOf([{ name: "short" }, "data"]);
  const outer = await tarOf([{ name: "././@LongLink" }, `${name}\0`]);
  // The type of a member is the byte at 156, and counts in the header's checksum.
  outer[156] = "L".charCodeAt(0);
  outer.set(bytes("        "), 148);
  const sum = outer.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  outer.set(bytes(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  const archive = new Uint8Array(1024 + inner.length);
  archive.set(outer.subarray(0, 1024));
  archive.set(inner, 1024);
  assertEquals((await readTar(archive)).map(({ header }) => header.name), [name]);
});

Deno.test("tar archives that are cut short or damaged are refused", async () => {
  const archive = await tarOf([{ name: "a" }, "x".repeat(3000)], [{ name: "b" }, "y"]);
  for (const length of [100, 700, 512 + 2900, 512 + 3072 + 200]) {
    await assertRejects(() => readTar(archive.slice(0, length)), Error, "", `cut at ${length}`);
  }
  const damaged = archive.slice();
  damaged[10] ^= 1;
  await assertRejects(() => readTar(damaged), Error, "Invalid tar header");
  await assertRejects(() => readTar(new Uint8Array()), Error, "it is empty");
});

Deno.test("the process that unpacks xz may end between two packages", async () => {
  await using xz = new XzProcess();
  const plain = bytes("packed with xz\n");
  const pieces: Uint8Array[] = [];
  for (const pauseMs of [0, IDLE_MS + 500, 0]) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    await xz.unpack(XZ, 1000, (piece) => pieces.push(piece));
  }
  assertEquals(pieces, [plain, plain, plain]);
});
