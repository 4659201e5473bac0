// Makes a tree of files, makes it durable, then reads it back in several threads and prints one digest
// of it. Arguments: the folder, and how many files.
import type { Sys } from "../../mod.ts";

const THREADS = 4;
const FILES_PER_FOLDER = 50;

/** Contents of a file: its number, over and over, of a size that depends on it. */
function contents(index: number): Uint8Array {
  const size = (index * 7919) % 20_000;
  return Uint8Array.from({ length: size }, (_, at) => (index * 31 + at) & 0xff);
}

async function digest(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice()));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export default async function main(sys: Sys, argv: string[]): Promise<number> {
  const [, root, count] = argv;
  const files = Number(count);
  const path = (index: number) => `${root}/${Math.floor(index / FILES_PER_FOLDER)}/${index}`;
  await makeFolder(sys, root);
  for (let folder = 0; folder * FILES_PER_FOLDER < files; folder++) {
    await makeFolder(sys, `${root}/${folder}`);
  }
  for (let index = 0; index < files; index++) await sys.writeFile(path(index), contents(index));
  await sys.sync();
  await sys.print(`made ${files} files`);

  const digests = new Array<string>(files);
  const threads = Array.from({ length: THREADS }, (_, thread) =>
    sys.thread(async (own) => {
      for (let index = thread; index < files; index += THREADS) {
        digests[index] = await digest(await own.readFile(path(index)));
      }
    }));
  await Promise.all(threads);
  for (let index = 0; index < files; index++) {
    if (digests[index] !== await digest(contents(index))) {
      await sys.printError(`${path(index)} is not what was written`);
      return 1;
    }
  }
  await sys.print(`tree ${await digest(new TextEncoder().encode(digests.join("\n")))}`);
  return 0;
}

async function makeFolder(sys: Sys, path: string): Promise<void> {
  try {
    await sys.mkdir(path);
  } catch (failure) {
    if ((failure as Error).name !== "EEXIST") throw failure;
  }
}
