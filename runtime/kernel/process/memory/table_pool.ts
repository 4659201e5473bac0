// The translation tables and jump caches of the hart's memory, lent to the address spaces that run: the one
// that has not run for longest gives its own up when there are more spaces than tables.
import { type HartMemory, TABLES } from "../../../hardware/hart/hart_memory.ts";
import { State } from "../../../hardware/hart/state.ts";
import { TranslationTable } from "../../../hardware/hart/translation_table.ts";

/** A table and a jump cache, with the one who has them. */
export interface TableSlot {
  readonly table: TranslationTable;
  readonly jumps: number;
  borrower: { slot: TableSlot | undefined } | undefined;
  lastUse: number;
}

export class TablePool {
  readonly #slots: TableSlot[];
  #clock = 0;

  /** @param forgetJumps clears a jump cache */
  constructor(
    private readonly memory: HartMemory,
    private readonly forgetJumps: (jumps: number) => void,
  ) {
    this.#slots = Array.from({ length: TABLES }, (_, index) => ({
      table: new TranslationTable(memory.memory.buffer, memory.translations(index)),
      jumps: memory.jumps(index),
      borrower: undefined,
      lastUse: 0,
    }));
  }

  /** Makes the hart see a space: gives it a table if it has none. */
  activate(space: { slot: TableSlot | undefined }): void {
    let slot = space.slot;
    if (slot === undefined) {
      slot = this.#slots.reduce((oldest, each) => each.lastUse < oldest.lastUse ? each : oldest);
      if (slot.borrower !== undefined) slot.borrower.slot = undefined;
      this.#clear(slot);
      slot.borrower = space;
      space.slot = slot;
    }
    slot.lastUse = ++this.#clock;
    this.memory.view.setUint32(this.memory.state + State.TRANSLATIONS, slot.table.base, true);
    this.memory.view.setUint32(this.memory.state + State.JUMPS, slot.jumps, true);
  }

  /** The space is no more. */
  giveBack(space: { slot: TableSlot | undefined }): void {
    const slot = space.slot;
    if (slot === undefined) return;
    this.#clear(slot);
    slot.borrower = undefined;
    slot.lastUse = 0;
    space.slot = undefined;
  }

  /** Makes every access of every space ask again. */
  clearTranslations(): void {
    for (const slot of this.#slots) if (slot.borrower !== undefined) slot.table.clearAll();
  }

  #clear(slot: TableSlot): void {
    slot.table.clearAll();
    this.forgetJumps(slot.jumps);
  }
}
