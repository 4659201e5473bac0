// Translated code that lasts: what earlier machines translated of the same programs, and what this one adds
// for those to come. A region is taken only where the very instructions that it was made of are in memory.
// The code is trusted as the translator is: it is the host's own cache.
import type { CodePiece } from "./code_pieces.ts";
import type { RegionCompiler, RunRegion } from "./compile_region.ts";
import type { Code } from "./wasm_code.ts";

/** Fewer new regions are not worth a module, unless it took long to find out what is to be one. */
const LEAST_REGIONS = 16;
/** Where all is more, what was not used this time is left out. */
const MOST_BYTES = 64 << 20;
/** Regions that begin in so many bytes of addresses share a module, and so are loaded together. */
const UNIT_SHIFT = 16;
/** Bytes that tell one piece of code from another at the same address. */
const SIGNATURE_BYTES = 16;

/** A region as it is remembered. */
class Saved {
  #pieces: CodePiece[] | undefined;

  /**
   * @param entries addresses where it may be entered
   * @param first made quickly: a better one may follow
   * @param index of its function in the unit
   * @param places of its pieces in the contents of the file; what was replaced has none
   */
  constructor(
    readonly entries: readonly number[],
    readonly first: boolean,
    readonly unit: Unit,
    readonly index: number,
    private readonly places: readonly PlacedPiece[],
    private readonly contents: Uint8Array<ArrayBuffer>,
  ) {}

  /** Whether its instructions are in memory. @param placeOf where an address is; undefined for nowhere */
  isIn(memory: Uint8Array, placeOf: (address: number) => number | undefined): boolean {
    for (const [address, from, to] of this.places) {
      const place = placeOf(address);
      if (place === undefined || !same(this.contents, from, to, memory, place)) return false;
    }
    return true;
  }

  /** Made when they are asked for: most regions of a unit that is loaded never are. */
  get pieces(): CodePiece[] {
    return this.#pieces ??= this.places.map(([address, from, to]) => ({
      address,
      bytes: this.contents.subarray(from, to),
    }));
  }

  get gone(): boolean {
    return this.places.length === 0;
  }
}

/** A module that is made when the first of its regions is needed. */
interface Unit {
  bytes: Uint8Array<ArrayBuffer>;
  /** what its regions are, as it lies in the file */
  description: Uint8Array<ArrayBuffer>;
  /** known once somebody has asked for code nearby */
  regions: Saved[] | undefined;
  functions: RunRegion[] | undefined;
}

interface Made {
  entries: readonly number[];
  first: boolean;
  pieces: CodePiece[];
  code: Code;
}

/** What is found of the code at an address. */
export type Found = Pick<Saved, "entries" | "first" | "pieces"> & { run: RunRegion };

type Range = [from: number, to: number];
/** How it lies in a file: this as JSON, with its length before it, and then bytes that it points into. */
interface Header {
  fingerprint: string;
  /** where modules are, and the descriptions of their regions: JSON, too */
  units: { places: number[]; module: Range; description: Range }[];
}
type PlacedPiece = [address: number, ...Range];
type Description = [entries: readonly number[], first: 0 | 1, pieces: PlacedPiece[]][];

const LENGTH_BYTES = 4;
const NONE: readonly Saved[] = [];

export class SavedCode {
  /** by place of their regions: see `placeOf` */
  readonly #units = new Map<number, Unit[]>();
  /** of units whose descriptions were read */
  readonly #byEntry = new Map<number, Saved[]>();
  readonly #made = new Map<string, Made>();
  /** regions in whose place there is a better one now */
  readonly #replaced = new Set<Saved>();
  /** what descriptions point into */
  #contents = new Uint8Array(0);

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
   * A region that may be entered at an address, if its instructions are in memory.
   * @param placeOf where an address is; undefined for nowhere
   */
  find(
    entry: number,
    memory: Uint8Array,
    placeOf: (address: number) => number | undefined,
  ): Found | undefined {
    for (const saved of this.#savedAt(entry)) {
      if (this.#replaced.has(saved) || !saved.isIn(memory, placeOf)) continue;
      const { unit, entries, first, pieces, index } = saved;
      unit.functions ??= this.compiler.load(unit.bytes, unit.regions!.length);
      return { entries, first, pieces, run: unit.functions[index] };
    }
    return undefined;
  }

  /** Remembers a region that was translated, in place of what began with the same instructions. */
  keep(made: Made): void {
    for (const entry of made.entries) {
      const key = signature(entry, made);
      this.#made.set(key, made);
      for (const saved of this.#savedAt(entry)) {
        if (!this.#replaced.has(saved) && signature(entry, saved) === key) {
          this.#replaced.add(saved);
        }
      }
    }
  }

  /** Regions with the instruction at an address are not to be taken any more. */
  reject(address: number): void {
    for (const unit of [...this.#units.values()].flat()) {
      for (const saved of this.#regionsOf(unit)) {
        if (saved.pieces.some((piece) => includes(piece, address))) this.#replaced.add(saved);
      }
    }
  }

  #savedAt(entry: number): readonly Saved[] {
    for (const unit of this.#units.get(placeOf(entry)) ?? []) this.#regionsOf(unit);
    return this.#byEntry.get(entry) ?? NONE;
  }

  #regionsOf(unit: Unit): Saved[] {
    if (unit.regions !== undefined) return unit.regions;
    const description: Description = JSON.parse(new TextDecoder().decode(unit.description));
    return unit.regions = description.map(([entries, first, places], index) => {
      const saved = new Saved(entries, first === 1, unit, index, places, this.#contents);
      if (saved.gone) this.#replaced.add(saved);
      for (const entry of entries) {
        const same = this.#byEntry.get(entry);
        if (same === undefined) this.#byEntry.set(entry, [saved]);
        else same.push(saved);
      }
      return saved;
    });
  }

  /** @returns a file of all that is remembered; undefined where hardly anything is new */
  save(): Uint8Array<ArrayBuffer> | undefined {
    const improved = this.#made.values().some(({ first }) => !first);
    if (this.#made.size < LEAST_REGIONS && !improved) return undefined;
    const out = new FileWriter(this.fingerprint);
    for (const unit of new Set([...this.#units.values()].flat())) {
      if (this.#contents.length > MOST_BYTES && unit.functions === undefined) continue;
      const regions = this.#regionsOf(unit);
      // What is replaced stays in the module, where nobody finds it.
      if (regions.every((each) => this.#replaced.has(each))) continue;
      out.add(unit.bytes, regions, (each) => this.#replaced.has(each));
    }
    const byPlace = Map.groupBy(new Set(this.#made.values()), ({ entries }) => placeOf(entries[0]));
    for (const regions of byPlace.values()) {
      const module = this.compiler.encode(regions.map(({ code }) => code));
      out.add(module, regions, () => false);
    }
    return out.file();
  }

  #read(file: Uint8Array<ArrayBuffer>): void {
    const length = new DataView(file.buffer, file.byteOffset).getUint32(0, true);
    const start = LENGTH_BYTES + length;
    const header: Header = JSON.parse(
      new TextDecoder().decode(file.subarray(LENGTH_BYTES, start)),
    );
    if (header.fingerprint !== this.fingerprint) return;
    this.#contents = file.subarray(start);
    for (const { places, module, description } of header.units) {
      const unit: Unit = {
        bytes: this.#contents.subarray(...module),
        description: this.#contents.subarray(...description),
        regions: undefined,
        functions: undefined,
      };
      for (const place of places) {
        const there = this.#units.get(place);
        if (there === undefined) this.#units.set(place, [unit]);
        else there.push(unit);
      }
    }
  }
}

/** Puts a file together. */
class FileWriter {
  readonly #header: Header;
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  constructor(fingerprint: string) {
    this.#header = { fingerprint, units: [] };
  }

  /** @param gone whether a region is to be found no more: its place in the module counts all the same */
  add<Region extends Saved | Made>(
    module: Uint8Array,
    regions: Region[],
    gone: (region: Region) => boolean,
  ): void {
    const description = regions.map((region): Description[number] => {
      const pieces = gone(region) ? [] : region.pieces;
      return [
        region.entries,
        region.first ? 1 : 0,
        pieces.map(({ address, bytes }) => [address, ...this.#put(bytes)]),
      ];
    });
    this.#header.units.push({
      places: [...new Set(regions.flatMap(({ entries }) => entries.map(placeOf)))],
      module: this.#put(module),
      description: this.#put(new TextEncoder().encode(JSON.stringify(description))),
    });
  }

  #put(bytes: Uint8Array): Range {
    this.#parts.push(bytes);
    return [this.#length, this.#length += bytes.length];
  }

  file(): Uint8Array<ArrayBuffer> {
    const header = new TextEncoder().encode(JSON.stringify(this.#header));
    const file = new Uint8Array(LENGTH_BYTES + header.length + this.#length);
    new DataView(file.buffer).setUint32(0, header.length, true);
    let at = LENGTH_BYTES;
    for (const part of [header, ...this.#parts]) {
      file.set(part, at);
      at += part.length;
    }
    return file;
  }
}

/** Compares bytes: a loop, which is compiled sooner than calls for each of them. */
function same(
  bytes: Uint8Array,
  from: number,
  to: number,
  memory: Uint8Array,
  place: number,
): boolean {
  for (let index = from; index < to; index++, place++) {
    if (bytes[index] !== memory[place]) return false;
  }
  return true;
}

/** Regions of one place share modules. */
function placeOf(entry: number): number {
  return Math.floor(entry / 2 ** UNIT_SHIFT);
}

/** Tells a region from others that begin at the same address. */
function signature(entry: number, { pieces }: Pick<Made, "pieces">): string {
  const piece = pieces.find((each) => includes(each, entry))!;
  const at = entry - piece.address;
  return `${entry} ${piece.bytes.subarray(at, at + SIGNATURE_BYTES).join()}`;
}

function includes({ address, bytes }: CodePiece, at: number): boolean {
  return at >= address && at < address + bytes.length;
}
