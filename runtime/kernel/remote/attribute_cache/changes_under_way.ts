// Which changes a client has sent, and which of them are not answered: whether an answer that was asked for earlier
// is still what the server has. A change is one of a file's attributes, or one that may touch any name or file.

/** Files that a change is remembered of. */
const MAX_FILES = 4096;

interface Change {
  /** changes that are not answered */
  pending: number;
  /** when the last of them was */
  over: number;
}

export class ChangesUnderWay {
  #now = 0;
  readonly #any: Change = { pending: 0, over: 0 };
  readonly #files = new Map<number, Change>();

  /** Counts answers to changes. */
  get now(): number {
    return this.#now;
  }

  /** A change is sent. @param ino of the file that it is of; undefined for one that may touch anything */
  begin(ino?: number): void {
    this.#changeOf(ino).pending++;
  }

  /** A change is answered. @param ino as for `begin` */
  end(ino?: number): void {
    const change = this.#changeOf(ino);
    change.pending = Math.max(0, change.pending - 1);
    change.over = ++this.#now;
  }

  /** All may be otherwise. */
  anything(): void {
    this.#any.over = ++this.#now;
  }

  /**
   * Whether no change can have touched what was asked for at a moment.
   * @param ino of the file whose attributes these are; undefined where it is about names alone
   */
  noneSince(moment: number, ino?: number): boolean {
    const { pending, over } = this.#any;
    if (pending > 0 || over > moment) return false;
    const file = ino === undefined ? undefined : this.#files.get(ino);
    return file === undefined || (file.pending === 0 && file.over <= moment);
  }

  #changeOf(ino?: number): Change {
    if (ino === undefined) return this.#any;
    let change = this.#files.get(ino);
    if (change === undefined) {
      if (this.#files.size >= MAX_FILES) this.#forgetAnswered();
      this.#files.set(ino, change = { pending: 0, over: 0 });
    }
    return change;
  }

  #forgetAnswered(): void {
    for (const [ino, { pending }] of this.#files) if (pending === 0) this.#files.delete(ino);
    this.anything();
  }
}
