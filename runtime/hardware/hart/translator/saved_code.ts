// Translated code that lasts: what earlier machines translated of the same programs, and what this one adds
// for those to come. A region is taken only where the very instructions that it was made of are in memory.
// The code is trusted as the translator is: it is the host's own cache.
import type { CodePiece } from "./code_pieces.ts";
import type { RegionCompiler, RunRegion } from "./compile_region.ts";
import type { Code } from "./wasm_encoder.ts";

/** Fewer new regions are not worth a module. */
const LEAST_REGIONS = 16;
/** Where all is more, what was not used this time is left out. */
const MOST_BYTES = 64 << 20;
/** Regions that begin in so many bytes of addresses share a module, and so are loaded together. */
const UNIT_SHIFT = 16;
/** Bytes that tell one piece of code from another at the same address. */
const SIGNATURE_BYTES = 16;

/** A region as it is remembered. */
interface Saved {
  entry: number;
  /** made quickly: a better one may follow */
  first: boolean;
  pieces: CodePiece[];
  unit: Unit;
  /** of its function in the unit */
  index: number;
}

/** A module that is made when the first of its regions is needed. */
interface Unit {
  bytes: Uint8Array<ArrayBuffer>;
  regions: Saved[];
  functions: RunRegion[] | undefined;
}

interface Made {
  entry: number;
  first: boolean;
  pieces: CodePiece[];
  code: Code;
}

/** What is found of the code at an address. */
export type Found = Pick<Saved, "first" | "pieces"> & { run: RunRegion };

/** How it lies in a file: this as JSON, with its length before it, and then bytes that it points into. */
interface Header {
  fingerprint: string;
  units: { at: [from: number, to: number]; regions: SavedHeader[] }[];
}
type SavedHeader = [
  entry: number,
  first: 0 | 1,
  pieces: [address: number, from: number, to: number][],
];

const LENGTH_BYTES = 4;

export class SavedCode {
  readonly #units: Unit[] = [];
  readonly #byEntry = new Map<number, Saved[]>();
  readonly #made = new Map<string, Made>();
  /** regions in whose place there is a better one now */
  readonly #replaced = new Set<Saved>();

  /**
   * @param fingerprint of the translator: code of another one is none
   * @param file what `save` returned; nothing to begin with
   */
  constructor(
    private readonly compiler: RegionCompiler,
    private readonly fingerprint: string,
    file?: Uint8Array<ArrayBuffer>,
  ) {
    if (file !== undefined) this.#read(file);
  }

  /**
   * A region that begins at an address.
   * @param matches whether instructions are in memory
   */
  find(entry: number, matches: (piece: CodePiece) => boolean): Found | undefined {
    const saved = this.#byEntry.get(entry)?.find((each) => each.pieces.every(matches));
    if (saved === undefined || this.#replaced.has(saved)) return undefined;
    const { unit, first, pieces, index } = saved;
    unit.functions ??= this.compiler.load(unit.bytes, unit.regions.length);
    return { first, pieces, run: unit.functions[index] };
  }

  /** Remembers a region that was translated, in place of what began with the same instructions. */
  keep(made: Made): void {
    this.#made.set(signature(made), made);
    for (const saved of this.#byEntry.get(made.entry) ?? []) {
      if (signature(saved) === signature(made)) this.#replaced.add(saved);
    }
  }

  /** Regions with the instruction at an address are not to be taken any more. */
  reject(address: number): void {
    for (const { regions } of this.#units) {
      for (const saved of regions) {
        if (saved.pieces.some((piece) => includes(piece, address))) this.#replaced.add(saved);
      }
    }
  }

  /** @returns a file of all that is remembered; undefined where hardly anything is new */
  save(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#made.size < LEAST_REGIONS) return undefined;
    const units: { bytes: Uint8Array; regions: (Saved | Made)[] }[] = [];
    const all = this.#units.reduce((sum, { bytes }) => sum + bytes.length, 0);
    for (const unit of this.#units) {
      // What is replaced stays in the module, where nobody finds it.
      const left = unit.regions.some((each) => !this.#replaced.has(each));
      if (left && (all < MOST_BYTES || unit.functions !== undefined)) units.push(unit);
    }
    const byPlace = Map.groupBy(
      this.#made.values(),
      ({ entry }) => Math.floor(entry / 2 ** UNIT_SHIFT),
    );
    for (const regions of byPlace.values()) {
      const bytes = this.compiler.encode(regions.map(({ code }) => code));
      units.push({ bytes, regions });
    }
    return this.#write(units);
  }

  #write(units: { bytes: Uint8Array; regions: (Saved | Made)[] }[]): Uint8Array<ArrayBuffer> {
    const parts: Uint8Array[] = [];
    let length = 0;
    const put = (bytes: Uint8Array): [number, number] => {
      parts.push(bytes);
      return [length, length += bytes.length];
    };
    const header: Header = { fingerprint: this.fingerprint, units: [] };
    for (const { bytes, regions } of units) {
      header.units.push({
        at: put(bytes),
        regions: regions.map((region) => {
          // Its place in the module counts, so one that is replaced is still listed: as nothing.
          const gone = "unit" in region && this.#replaced.has(region);
          const pieces = gone ? [] : region.pieces.map((
            { address, bytes },
          ): [number, number, number] => [address, ...put(bytes)]);
          return [region.entry, region.first ? 1 : 0, pieces];
        }),
      });
    }
    const text = new TextEncoder().encode(JSON.stringify(header));
    const file = new Uint8Array(LENGTH_BYTES + text.length + length);
    new DataView(file.buffer).setUint32(0, text.length, true);
    file.set(text, LENGTH_BYTES);
    let at = LENGTH_BYTES + text.length;
    for (const part of parts) {
      file.set(part, at);
      at += part.length;
    }
    return file;
  }

  #read(file: Uint8Array<ArrayBuffer>): void {
    const { buffer, byteOffset, byteLength } = file;
    const length = new DataView(buffer, byteOffset, byteLength).getUint32(0, true);
    const start = LENGTH_BYTES + length;
    const header: Header = JSON.parse(
      new TextDecoder().decode(file.subarray(LENGTH_BYTES, start)),
    );
    if (header.fingerprint !== this.fingerprint) return;
    const bytesAt = (from: number, to: number) => file.subarray(start + from, start + to);
    for (const { at, regions } of header.units) {
      const unit: Unit = { bytes: bytesAt(...at), regions: [], functions: undefined };
      this.#units.push(unit);
      regions.forEach(([entry, first, places], index) => {
        const pieces = places.map(([address, from, to]) => ({ address, bytes: bytesAt(from, to) }));
        const saved = { entry, first: first === 1, pieces, unit, index };
        unit.regions.push(saved);
        if (pieces.length === 0) {
          this.#replaced.add(saved);
          return;
        }
        const same = this.#byEntry.get(entry);
        if (same === undefined) this.#byEntry.set(entry, [saved]);
        else same.push(saved);
      });
    }
  }
}

/** Tells a region from others that begin at the same address. */
function signature({ entry, pieces }: Pick<Made, "entry" | "pieces">): string {
  const piece = pieces.find((each) => includes(each, entry))!;
  const at = entry - piece.address;
  return `${entry} ${piece.bytes.subarray(at, at + SIGNATURE_BYTES).join()}`;
}

function includes({ address, bytes }: CodePiece, at: number): boolean {
  return at >= address && at < address + bytes.length;
}
