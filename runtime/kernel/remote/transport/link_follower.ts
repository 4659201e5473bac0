// One end of a ring inside its domain: does what the hypervisor says about the other end, and says so.
import { ControlPage, LinkState } from "../../../hypervisor/control_page.ts";

/** What is at this end. */
export interface FollowingEnd {
  /** Somebody is at the other end, and the ring is empty. */
  up(generation: number): void;
  /**
   * Nobody is there, for good when `gone`. Called again until the ring is not used any more.
   * @returns whether that is so
   */
  down(gone: boolean): boolean;
}

export class LinkFollower {
  /** the word of a ring that was never opened */
  #seen = 0;

  /** @param ring its line in the control page */
  constructor(
    private readonly control: ControlPage,
    private readonly ring: number,
    private readonly end: FollowingEnd,
  ) {}

  /** To be called on every turn of the domain's loop; cheap where nothing has changed. */
  follow(): void {
    if (!this.control.linkChanged(this.ring, this.#seen)) return;
    const word = this.control.linkWord(this.ring);
    const { state, generation } = ControlPage.linkOf(word);
    if (state === LinkState.UP) this.end.up(generation);
    else if (!this.end.down(state === LinkState.GONE)) return;
    this.#seen = word;
    this.control.acknowledge(this.ring, word);
  }
}
