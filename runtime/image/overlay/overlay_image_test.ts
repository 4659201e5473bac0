import { assert, assertEquals, assertThrows } from "@std/assert";
import { CLUSTER_BYTES, OverlayImage } from "./overlay_image.ts";

/** Not a whole number of clusters, so that the last one is short. */
const SIZE_BYTES = 12 * CLUSTER_BYTES + 4096;

function randomOf(seed: number): () => number {
  let state = seed;
  return () => (state = Math.imul(state, 1664525) + 1013904223 >>> 0) >>> 8;
}

function withBase(work: (base: string, folder: string, bytes: Uint8Array) => void): void {
  const folder = Deno.makeTempDirSync();
  try {
    const bytes = Uint8Array.from({ length: SIZE_BYTES }, (_, at) => (at * 7 + (at >> 9)) & 0xff);
    Deno.writeFileSync(`${folder}/base.img`, bytes);
    work(`${folder}/base.img`, folder, bytes);
    assertEquals(Deno.readFileSync(`${folder}/base.img`), bytes, "the base has changed");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function contents(image: OverlayImage): Uint8Array {
  const bytes = new Uint8Array(image.sizeBytes);
  image.read(0, bytes);
  return bytes;
}

/** Writes, discards and reads at random, and the same on an array. */
function exercise(image: OverlayImage, model: Uint8Array, seed: number): void {
  const next = randomOf(seed);
  for (let round = 0; round < 300; round++) {
    const offset = Math.floor(next() % SIZE_BYTES / 512) * 512;
    const longest = Math.min(SIZE_BYTES - offset, next() % 3 === 0 ? 3 * CLUSTER_BYTES : 8192);
    const length = Math.floor(next() % longest / 512) * 512 + 512;
    const what = `seed ${seed}, round ${round}`;
    const kind = next() % 4;
    if (kind === 0) {
      image.discard(offset, length);
      model.fill(0, offset, offset + length);
    } else if (kind === 1) {
      const bytes = new Uint8Array(length);
      image.read(offset, bytes);
      assertEquals(bytes, model.slice(offset, offset + length), what);
    } else {
      const bytes = new Uint8Array(length).fill(next());
      image.write(offset, bytes);
      model.set(bytes, offset);
    }
    if (next() % 20 === 0) image.flush();
  }
}

Deno.test("an overlay in memory reads as what was written, and leaves its base alone", () => {
  withBase((base, _folder, bytes) => {
    const image = OverlayImage.inMemory(base);
    assertEquals(contents(image), bytes);
    const model = bytes.slice();
    exercise(image, model, 11);
    assertEquals(contents(image), model);
    assertThrows(() => image.read(SIZE_BYTES - 512, new Uint8Array(1024)), RangeError);
    image.close();
  });
});

Deno.test("an overlay in a file is there again when it is opened again", () => {
  withBase((base, folder, bytes) => {
    const model = bytes.slice();
    for (let round = 0; round < 3; round++) {
      const image = OverlayImage.inFile(base, `${folder}/overlay`, "a");
      assertEquals(contents(image), model);
      exercise(image, model, 20 + round);
      assertEquals(contents(image), model);
      image.close();
    }
  });
});

Deno.test("an overlay file holds what was written before the last flush, whatever came after", () => {
  withBase((base, folder, bytes) => {
    const image = OverlayImage.inFile(base, `${folder}/overlay`, "a");
    image.write(0, new Uint8Array(512).fill(1));
    image.flush();
    image.write(5 * CLUSTER_BYTES, new Uint8Array(512).fill(2));
    image.discard(0, CLUSTER_BYTES);
    Deno.copyFileSync(`${folder}/overlay`, `${folder}/crashed`);
    image.close();
    const crashed = OverlayImage.inFile(base, `${folder}/crashed`, "a");
    const expected = bytes.slice();
    expected.fill(1, 0, 512);
    assertEquals(contents(crashed), expected);
    crashed.close();
  });
});

Deno.test("an overlay file is sparse", () => {
  withBase((base, folder) => {
    const image = OverlayImage.inFile(base, `${folder}/overlay`, "a");
    image.write(3 * CLUSTER_BYTES, new Uint8Array(512));
    image.close();
    const { blocks } = Deno.statSync(`${folder}/overlay`);
    assert(blocks !== null && blocks * 512 <= 2 * CLUSTER_BYTES, `${blocks} blocks`);
  });
});

Deno.test("an overlay of another base, one in use, and what is none are refused", () => {
  withBase((base, folder) => {
    const path = `${folder}/overlay`;
    const image = OverlayImage.inFile(base, path, "a");
    assertThrows(() => OverlayImage.inFile(base, path, "a"), Error, "another machine uses it");
    image.close();
    const refused = "it is none, or one of another base image";
    assertThrows(() => OverlayImage.inFile(base, path, "b"), Error, refused);
    Deno.writeTextFileSync(path, "something else");
    assertThrows(() => OverlayImage.inFile(base, path, "a"), Error, refused);
  });
});
