// A Debian root file system: packages and all they depend on, unpacked into one tree, and set up as
// installing them would. Programs of the packages are not run.
import {
  chardevEntry,
  directoryEntry,
  type Entry,
  fileEntry,
  symlinkEntry,
} from "../tree/entry.ts";
import { Tree } from "../tree/tree.ts";
import type { Progress } from "../progress.ts";
import { Accounts } from "./accounts.ts";
import { type Alternative, linkAlternatives, readAlternatives } from "./alternatives.ts";
import { sourcesOf } from "./apt_sources.ts";
import { loadIndex } from "./archive_index.ts";
import { parseRelations } from "./control.ts";
import { type Deb, readDeb } from "./deb.ts";
import type { Package } from "./package_index.ts";
import { PACKAGE_SETUP, SYSTEM_SETUP } from "./package_setup.ts";
import { DEBIAN_KEYRING } from "./release.ts";
import { resolve } from "./resolver.ts";
import { fetchOverHttp, Store } from "./store.ts";
import { applyTmpfiles } from "./tmpfiles.ts";
import { UnpackedPackages } from "./unpacked.ts";

export interface DebianOptions {
  /** "trixie" */
  suite: string;
  /** "riscv64" */
  architecture: string;
  /** names, or "name=version" */
  packages: string[];
  /** address of an archive; else the machine's apt configuration names it */
  mirror?: string;
  /** file of OpenPGP keys; else that of debian-archive-keyring */
  keyring?: string;
  /** where fetched files are kept; with all of them there, nothing is fetched */
  cacheFolder: string;
  /** entries put on top of what the packages have; they win */
  extra?: Entry[];
  progress?: Progress;
  /** ends the work when it is aborted; what is complete stays in the cache */
  signal?: AbortSignal;
  /** stands for the network and the cache, in tests */
  store?: Store;
}

/** Packages without which a tree is no Debian. */
const BASE = ["base-files", "base-passwd"];
/** Directories of the root that are links since everything moved below /usr. */
const MERGED = ["bin", "sbin", "lib"];
const DOWNLOADS = 4;

/** Device nodes: what programs open by name. */
const DEVICES: [path: string, major: number, minor: number, mode: number][] = [
  ["dev/null", 1, 3, 0o666],
  ["dev/zero", 1, 5, 0o666],
  ["dev/full", 1, 7, 0o666],
  ["dev/random", 1, 8, 0o666],
  ["dev/urandom", 1, 9, 0o666],
  ["dev/tty", 5, 0, 0o666],
  ["dev/console", 5, 1, 0o600],
  ["dev/ptmx", 5, 2, 0o666],
];

/**
 * The packages that a root file system of these options has, dependencies first: nothing but the
 * archive's indexes is read.
 * @throws Error that names the package, file or key that is missing or wrong
 */
export async function resolveDebian(options: DebianOptions): Promise<Package[]> {
  const { suite, architecture, packages, progress = () => {} } = options;
  const index = await loadIndex(
    sourcesOf(suite, options.mirror),
    architecture,
    storeOf(options),
    progress,
    options.keyring ?? DEBIAN_KEYRING,
  );
  return resolve(index, [...BASE, ...packages]);
}

/**
 * The tree of a root file system.
 * @param resolved what `resolveDebian` answered for the same options, where that is known already
 */
export async function buildDebianRoot(
  options: DebianOptions,
  resolved?: Package[],
): Promise<Tree> {
  const packages = resolved ?? await resolveDebian(options);
  const { progress = () => {} } = options;
  const store = storeOf(options);
  const load = (each: Package) =>
    store.fetched(each.sha256, each.sizeBytes, `${each.archive}/${each.filename}`);
  await fetchAll(packages, load, progress);
  const tree = new Tree();
  for (const name of MERGED) {
    tree.add(directoryEntry(`usr/${name}`));
    tree.add(symlinkEntry(name, `usr/${name}`));
  }
  const unpacked = new UnpackedPackages();
  const installed: Installed[] = [];
  const owners = new Map<string, Package>();
  for (const [done, each] of packages.entries()) {
    progress({ step: "unpack", what: each.name, done, total: packages.length });
    const deb = await readDeb(each.name, () => load(each), unpacked);
    for (const entry of deb.entries) addEntry(tree, entry, each, owners);
    installed.push({ package: each, deb });
  }
  progress({ step: "unpack", what: "", done: packages.length, total: packages.length });
  await setUp(tree, installed);
  tree.addAll(options.extra ?? [], "replace");
  return tree;
}

interface Installed {
  package: Package;
  deb: Deb;
}

function storeOf(options: DebianOptions): Store {
  const { store, cacheFolder, signal } = options;
  return store ??
    new Store(cacheFolder, (url, maxBytes) => fetchOverHttp(url, maxBytes, signal));
}

async function fetchAll(
  packages: Package[],
  load: (each: Package) => Promise<Uint8Array>,
  progress: Progress,
): Promise<void> {
  const waiting = [...packages];
  let done = 0;
  const download = async () => {
    for (let each = waiting.shift(); each !== undefined; each = waiting.shift()) {
      await load(each);
      progress({ step: "fetch", what: each.name, done: ++done, total: packages.length });
    }
  };
  await Promise.all(Array.from({ length: DOWNLOADS }, download));
}

/** A file that two packages have is a mistake, unless one says that it replaces the other's. */
function addEntry(tree: Tree, entry: Entry, by: Package, owners: Map<string, Package>): void {
  const present = tree.get(entry.path);
  const owner = present === undefined ? undefined : owners.get(present.path);
  if (owner !== undefined && entry.kind !== "directory" && owner !== by) {
    if (replaces(owner, by)) return;
    if (!replaces(by, owner)) {
      throw new Error(`Cannot unpack ${by.name}: /${entry.path} is in ${owner.name} too`);
    }
    tree.add(entry, "replace");
  } else {
    const linked = present?.kind === "symlink" && entry.kind === "symlink" &&
      present.target === entry.target;
    try {
      tree.add(entry, linked ? "keep" : "error");
    } catch (failure) {
      throw new Error(`Cannot unpack ${by.name}: ${(failure as Error).message}`);
    }
  }
  if (entry.kind !== "directory") owners.set(tree.get(entry.path)!.path, by);
}

function replaces(one: Package, other: Package): boolean {
  return parseRelations(one.stanza.get("replaces")).flat().some(({ name }) => name === other.name);
}

/** What maintainer scripts would have done. */
async function setUp(tree: Tree, installed: Installed[]): Promise<void> {
  const master = async (name: string) =>
    await tree.readText(`usr/share/base-passwd/${name}.master`) ?? "";
  const accounts = new Accounts(await master("passwd"), await master("group"));
  const setups = installed.map(({ package: { name } }) => PACKAGE_SETUP[name] ?? {});
  for (const { accounts: added } of setups) accounts.add(added ?? "");
  for (const text of await configurations(tree, "usr/lib/sysusers.d")) accounts.add(text);
  accounts.store(tree);
  for (const [path, major, minor, mode] of DEVICES) {
    tree.add(chardevEntry(path, major, minor, { mode }), "keep");
  }
  for (const { files } of [...setups, SYSTEM_SETUP]) applyTmpfiles(tree, accounts, files ?? "");
  // /var/run and /var/lock are what they were before /run: links, unless something lies in them.
  relink(tree, "var/run", "/run");
  relink(tree, "var/lock", "/run/lock");
  for (const text of await configurations(tree, "usr/lib/tmpfiles.d")) {
    applyTmpfiles(tree, accounts, text);
  }
  const alternatives: Alternative[] = installed.flatMap(({ deb }) =>
    readAlternatives(deb.control.get("postinst") ?? "")
  );
  linkAlternatives(tree, alternatives);
  recordInstalled(tree, installed);
}

async function configurations(tree: Tree, folder: string): Promise<string[]> {
  const files = tree.list(folder).filter(({ path }) => path.endsWith(".conf"));
  const paths = files.map(({ path }) => path).sort();
  return await Promise.all(paths.map(async (path) => await tree.readText(path) ?? ""));
}

function relink(tree: Tree, path: string, target: string): void {
  if (tree.get(path)?.kind === "symlink" || tree.list(path).length > 0) return;
  tree.add(symlinkEntry(path, target), "replace");
}

/** dpkg's own book: which packages are there, and what they brought. */
function recordInstalled(tree: Tree, installed: Installed[]): void {
  const status = installed.map(({ deb }) =>
    deb.control.get("control")!.trimEnd().replace(/\n/, "\nStatus: install ok installed\n")
  );
  tree.add(fileEntry("var/lib/dpkg/status", `${status.join("\n\n")}\n`), "replace");
  for (const { package: { name, stanza }, deb } of installed) {
    const qualified = stanza.get("multi-arch") === "same"
      ? `${name}:${stanza.get("architecture")}`
      : name;
    const list = deb.entries.map(({ path }) => path === "" ? "/.\n" : `/${path}\n`).join("");
    tree.add(fileEntry(`var/lib/dpkg/info/${qualified}.list`, list), "replace");
  }
}
