// Feature bits of ext4: which this file system has, and the names of those it refuses.

export const Compat = {
  HAS_JOURNAL: 0x4,
  EXT_ATTR: 0x8,
  DIR_INDEX: 0x20,
  ORPHAN_FILE: 0x1000,
} as const;
export const Incompat = {
  FILETYPE: 0x2,
  RECOVER: 0x4,
  META_BG: 0x10,
  EXTENTS: 0x40,
  BIT64: 0x80,
  FLEX_BG: 0x200,
  CSUM_SEED: 0x2000,
} as const;
export const RoCompat = {
  SPARSE_SUPER: 0x1,
  LARGE_FILE: 0x2,
  HUGE_FILE: 0x8,
  GDT_CSUM: 0x10,
  DIR_NLINK: 0x20,
  EXTRA_ISIZE: 0x40,
  METADATA_CSUM: 0x400,
  ORPHAN_PRESENT: 0x10000,
} as const;

const incompatHere = Incompat.FILETYPE | Incompat.RECOVER | Incompat.EXTENTS | Incompat.BIT64 |
  Incompat.FLEX_BG | Incompat.CSUM_SEED;
const roCompatHere = RoCompat.SPARSE_SUPER | RoCompat.LARGE_FILE | RoCompat.HUGE_FILE |
  RoCompat.GDT_CSUM |
  RoCompat.DIR_NLINK | RoCompat.EXTRA_ISIZE | RoCompat.METADATA_CSUM;

const incompatNames: Record<number, string> = {
  0x1: "compression",
  0x8: "journal_dev",
  0x10: "meta_bg",
  0x100: "mmp",
  0x400: "ea_inode",
  0x1000: "dirdata",
  0x4000: "large_dir",
  0x8000: "inline_data",
  0x10000: "encrypt",
  0x20000: "casefold",
};
const roCompatNames: Record<number, string> = {
  0x4: "btree_dir",
  0x100: "quota",
  0x200: "bigalloc",
  0x800: "replica",
  0x1000: "read-only",
  0x2000: "project",
  0x4000: "shared_blocks",
  0x8000: "verity",
  0x10000: "orphan_present",
};

function names(bits: number, known: Record<number, string>): string[] {
  const found: string[] = [];
  for (let bit = 0; bit < 32; bit++) {
    const mask = 2 ** bit;
    if (Math.floor(bits / mask) % 2 === 1) found.push(known[mask] ?? `0x${mask.toString(16)}`);
  }
  return found;
}

/** The features of an image that keep it from being mounted. */
export function lackedFeatures(incompat: number, roCompat: number, readOnly: boolean): string[] {
  const lacked = names((incompat & ~incompatHere) >>> 0, incompatNames);
  return readOnly ? lacked : lacked.concat(names((roCompat & ~roCompatHere) >>> 0, roCompatNames));
}
