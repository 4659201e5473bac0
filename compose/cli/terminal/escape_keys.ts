// What is typed into a terminal whose keys all belong to a program of the machine, but for one: Ctrl-A
// begins a command to `compose`.

const CTRL_A = 0x01;
const LEAVE = "x".charCodeAt(0);

/** Takes commands out of what is typed: Ctrl-A x is one; Ctrl-A Ctrl-A stands for a Ctrl-A. */
export class EscapeKeys {
  #begun = false;

  /** @param leave called for Ctrl-A x */
  constructor(private readonly leave: () => void) {}

  /** What of it is for the program. */
  filter(typed: Uint8Array): Uint8Array {
    if (!this.#begun && !typed.includes(CTRL_A)) return typed;
    const kept: number[] = [];
    for (const key of typed) {
      if (!this.#begun) {
        if (key === CTRL_A) this.#begun = true;
        else kept.push(key);
        continue;
      }
      this.#begun = false;
      if (key === LEAVE) this.leave();
      else if (key === CTRL_A) kept.push(key);
      else kept.push(CTRL_A, key);
    }
    return Uint8Array.from(kept);
  }
}
