// The one WebAssembly memory that a hart addresses: its state block, the translation tables and jump caches
// of address spaces, and the frames that user memory is made of. It always has all that 32 bits can address,
// so that translated code cannot reach beyond it even where V8 checks no bounds. The host commits a page
// when it is first touched.
import { STATE_BYTES } from "./state.ts";
import { PAGE_BYTES, TRANSLATION_BYTES } from "./translation_table.ts";

/** Entries of a jump cache, 16 bytes each. */
export const JUMP_ENTRIES = 16384;
export const JUMP_BYTES = JUMP_ENTRIES * 16;
/** Translation tables there are; address spaces beyond take turns. */
export const TABLES = 48;
const WASM_PAGE_BYTES = 65536;
/** What 32-bit addresses reach. */
const WASM_PAGES = 65536;
/** Low, since translated code names it with every register: small addresses are short ones. */
const STATE_BASE = 0;
const IMMEDIATES_BASE = STATE_BASE + 16384;
const TABLES_BASE = 2 * WASM_PAGE_BYTES;
/** A table that no address space has: an engine may put another one's translations there. */
const SPARE_TABLE = TABLES;
const JUMPS_BASE = TABLES_BASE + (TABLES + 1) * TRANSLATION_BYTES;

/** Where the first frame is. */
export const FRAMES_BASE = JUMPS_BASE + TABLES * JUMP_BYTES;
/** Most user memory that a hart can address. No frame is at the end, where an offset would lead beyond. */
const MAX_USER_BYTES = (WASM_PAGES - 1) * WASM_PAGE_BYTES - FRAMES_BASE;

export class HartMemory {
  readonly memory: WebAssembly.Memory;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
  /** start of the hart's state block */
  readonly state = STATE_BASE;
  /** start of what the interpreter reads immediates from: all of 12 bits, sign-extended to 64 */
  readonly immediates = IMMEDIATES_BASE;
  readonly frames: number;

  static {
    if (STATE_BYTES > WASM_PAGE_BYTES) throw new Error("state block too large");
  }

  /** @param userBytes size of user memory @throws RangeError for too much, or where the host has no 4 GiB of addresses left */
  constructor(userBytes: number) {
    if (userBytes > MAX_USER_BYTES) throw new RangeError(`${userBytes} bytes of user memory`);
    this.frames = Math.floor(userBytes / PAGE_BYTES);
    this.memory = new WebAssembly.Memory({ initial: WASM_PAGES, maximum: WASM_PAGES });
    this.bytes = new Uint8Array(this.memory.buffer);
    this.words = new Int32Array(this.memory.buffer);
    this.view = new DataView(this.memory.buffer);
  }

  /** Start of a translation table. @param index below TABLES */
  translations(index: number): number {
    return TABLES_BASE + index * TRANSLATION_BYTES;
  }

  /** Start of the engine's own translation table. */
  get spareTranslations(): number {
    return this.translations(SPARE_TABLE);
  }

  /** Start of a jump cache. @param index below TABLES */
  jumps(index: number): number {
    return JUMPS_BASE + index * JUMP_BYTES;
  }
}
