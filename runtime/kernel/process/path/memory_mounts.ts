// File systems in memory that programs mount: together they hold no more than a part of the machine's memory,
// whatever each of them may.
import type { Environment } from "../../environment.ts";
import { E, fail } from "../../errno.ts";
import type { Service } from "../../service.ts";
import { MemoryFileSystem, TMPFS_MAGIC } from "../../storage/tmpfs/tmpfs.ts";
import { FileServer } from "../../vfs/vfs.ts";

const PAGE_BYTES = 4096;
const UNITS: Record<string, number> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };
const MOST_ID = 2 ** 32 - 1;

/** One of several file systems with a common limit. */
class LimitedFileSystem extends MemoryFileSystem {
  constructor(
    environment: Environment,
    sizeBytes: number,
    private readonly sparePages: () => number,
  ) {
    super("tmpfs", environment, TMPFS_MAGIC, sizeBytes);
  }

  override charge(pages: number): void {
    if (pages > this.sparePages()) fail(E.ENOSPC);
    super.charge(pages);
  }
}

export class MemoryMounts {
  readonly #mounted = new Map<Service, LimitedFileSystem>();

  /** @param mostBytes what all of them together may hold: each may as much unless it is mounted with less */
  constructor(
    private readonly environment: Environment,
    private readonly mostBytes: () => number,
  ) {}

  /**
   * @param options as tmpfs(5) has them: `size`, `mode`, `uid`, `gid`; `nr_inodes` is taken and changes nothing
   * @throws Errno EINVAL for others, and for values that are none
   */
  make(options: string): Service {
    const most = this.mostBytes();
    const { size = most, mode = 0o1777, uid = 0, gid = 0 } = readOptions(options, most);
    const filesystem = new LimitedFileSystem(this.environment, size, () => this.#sparePages);
    Object.assign(filesystem.root.attributes, { uid, gid });
    filesystem.root.attributes.mode = filesystem.root.attributes.mode & ~0o7777 | mode;
    const service = new FileServer([filesystem], this.environment);
    this.#mounted.set(service, filesystem);
    return service;
  }

  /** What a service held is not counted any more, if it is one of these. */
  unmounted(service: Service): void {
    this.#mounted.delete(service);
  }

  get #sparePages(): number {
    let pages = Math.floor(this.mostBytes() / PAGE_BYTES);
    for (const filesystem of this.#mounted.values()) {
      const { blocks, freeBlocks } = filesystem.usage();
      pages -= blocks - freeBlocks;
    }
    return pages;
  }
}

interface Options {
  size?: number;
  mode?: number;
  uid?: number;
  gid?: number;
}

function readOptions(text: string, mostBytes: number): Options {
  const options: Options = {};
  for (const option of text.split(",").filter((each) => each !== "")) {
    const [, name, value] = /^(\w+)=(\w+%?)$/.exec(option) ?? fail(E.EINVAL);
    if (name === "size") options.size = sizeOf(value, mostBytes);
    else if (name === "mode") options.mode = number(value, 8, 0o7777);
    else if (name === "uid") options.uid = number(value, 10, MOST_ID);
    else if (name === "gid") options.gid = number(value, 10, MOST_ID);
    else if (name !== "nr_inodes") fail(E.EINVAL);
  }
  return options;
}

function number(text: string, radix: 8 | 10, most: number): number {
  const digits = radix === 8 ? /^[0-7]+$/ : /^\d+$/;
  const value = digits.test(text) ? parseInt(text, radix) : NaN;
  return value <= most ? value : fail(E.EINVAL);
}

/** Bytes, with a unit, or a part of what there may be in all; 0 is no limit of its own (tmpfs(5)). */
function sizeOf(text: string, mostBytes: number): number {
  const [, digits, unit] = /^(\d+)([kmg%]?)$/i.exec(text) ?? fail(E.EINVAL);
  const bytes = unit === "%"
    ? Math.floor(mostBytes * Number(digits) / 100)
    : Number(digits) * UNITS[unit.toLowerCase()];
  return bytes === 0 ? mostBytes : Math.min(bytes, mostBytes);
}
