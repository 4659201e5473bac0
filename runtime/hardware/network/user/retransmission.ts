// When to send again what the machine did not acknowledge. Nothing is lost between device and translation;
// this is for what the machine itself had no room for, and for a machine that starts anew.

const FIRST_MS = 300;
const LONGEST_MS = 5000;
/** About half a minute without an answer: it is gone. */
const MAX_TRIES = 10;
/** Who has no room is asked every five seconds. */
const PATIENT_TRIES = 4;

export class Retransmission {
  deadlineMs = Infinity;
  #tries = 0;

  /** Something was sent that wants an answer. */
  start(nowMs: number): void {
    if (this.deadlineMs === Infinity) this.#arm(nowMs);
  }

  /** There was an answer: what is still under way gets its full time. */
  answered(nowMs: number, more: boolean): void {
    this.#tries = 0;
    this.deadlineMs = Infinity;
    if (more) this.#arm(nowMs);
  }

  /** It said that it has no room: it is there, however long that takes. */
  heard(): void {
    this.#tries = Math.min(this.#tries, PATIENT_TRIES);
  }

  /** The time is over. @returns false where that was often enough */
  expired(nowMs: number): boolean {
    this.#tries++;
    this.#arm(nowMs);
    return this.#tries <= MAX_TRIES;
  }

  #arm(nowMs: number): void {
    this.deadlineMs = nowMs + Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#tries);
  }
}
