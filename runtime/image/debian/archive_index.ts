// From archives to an index of their packages: InRelease, verified; then Packages, by the hash it says.
import { decompress } from "../archive/compression.ts";
import type { Progress } from "../progress.ts";
import type { ArchiveSource } from "./apt_sources.ts";
import { PackageIndex } from "./package_index.ts";
import {
  DEBIAN_KEYRING,
  MAX_RELEASE_BYTES,
  readKeyring,
  readRelease,
  type Release,
  UntrustedRelease,
  verifySigned,
} from "./release.ts";
import type { Store } from "./store.ts";

const COMPONENT = "main";

/** @throws Error that names the file which is missing, unsigned or damaged */
export async function loadIndex(
  sources: ArchiveSource[],
  architecture: string,
  store: Store,
  progress: Progress,
  keyring = DEBIAN_KEYRING,
): Promise<PackageIndex> {
  const keys = await readKeyring(keyring);
  const index = new PackageIndex();
  const suites = sources.flatMap(({ uri, suites }) => suites.map((suite) => ({ uri, suite })));
  for (const [at, { uri, suite }] of suites.entries()) {
    progress({ step: "index", what: suite, done: at, total: suites.length });
    const url = `${uri}/dists/${suite}/InRelease`;
    const read = async (bytes: Uint8Array, from: string) =>
      readRelease(await verifySigned(bytes, keys, from, keyring), suite, from);
    const use = async (bytes: Uint8Array) => {
      const release = await read(bytes, url);
      try {
        return await loadPackages(uri, suite, release, architecture, store);
      } catch (failure) {
        // A mirror that is being renewed may be whole under the release's other name ("trixie", "stable").
        const other = release.suite === suite ? release.codename : release.suite;
        if (other === "" || other === suite) throw failure;
        const otherUrl = `${uri}/dists/${other}/InRelease`;
        const { value } = await store.current(
          otherUrl,
          MAX_RELEASE_BYTES,
          async (bytes) =>
            await loadPackages(uri, other, await read(bytes, otherUrl), architecture, store),
          final,
        ).catch(() => {
          throw failure;
        });
        return value;
      }
    };
    const final = (failure: unknown) => failure instanceof UntrustedRelease;
    try {
      const { value, older } = await store.current(url, MAX_RELEASE_BYTES, use, final);
      index.add(value, uri);
      if (older !== undefined) {
        const what = `${suite} is as it was when it was last whole: ${older.message}`;
        progress({ step: "note", what, done: at, total: suites.length });
      }
    } catch (failure) {
      // A suite of updates that cannot be had now is left out; one that is not to be trusted is not.
      if (at === 0 || failure instanceof UntrustedRelease) throw failure;
      const what = `${suite} is left out: ${(failure as Error).message}`;
      progress({ step: "note", what, done: at, total: suites.length });
    }
  }
  progress({ step: "index", what: "", done: suites.length, total: suites.length });
  return index;
}

async function loadPackages(
  uri: string,
  suite: string,
  release: Release,
  architecture: string,
  store: Store,
): Promise<string> {
  const folder = `${COMPONENT}/binary-${architecture}`;
  const packed = release.files.get(`${folder}/Packages.xz`);
  const plain = release.files.get(`${folder}/Packages`);
  if (packed === undefined || plain === undefined) {
    throw new Error(`Cannot use ${uri}: suite ${suite} has no packages for ${architecture}`);
  }
  // Unpacked it is kept too: unpacking takes longer than all the rest.
  let bytes = await store.get(plain.sha256);
  if (bytes === undefined) {
    const url = `${uri}/dists/${suite}/${folder}`;
    // By its hash it stays while the archive changes; not every mirror keeps it so.
    const urls = [`${url}/by-hash/SHA256/${packed.sha256}`, `${url}/Packages.xz`];
    bytes = await decompress(await store.fetched(packed.sha256, packed.sizeBytes, ...urls));
    await store.put(plain.sha256, bytes, `the unpacked package list of ${suite}`);
  }
  return new TextDecoder().decode(bytes);
}
