// One ring as the hypervisor keeps it: who is at its ends. It is emptied and opened, under a generation
// of its own, whenever both ends are there, and closed when one fails: the other end then lets go of it
// before anything else happens, so that nobody uses a ring while it is emptied.
import type { Bell } from "../../hardware/doorbell.ts";
import { type ControlPage, LinkState } from "../control_page.ts";
import { resetRing } from "./layout.ts";

/** A domain at an end of a ring, as a link needs it. */
export interface LinkEnd {
  /** where the domain is told, and says that it has followed */
  page(): ControlPage;
  bell(): Bell;
  /** whether somebody is there who will say so */
  present(): boolean;
  /** within this long */
  limitMs: number;
  /** called when that did not happen: whoever is there has to go */
  late(): void;
}

export type LinkSide = "client" | "server";

export class RingLink {
  /** how often the ring was opened */
  generation = 0;
  readonly #there = { client: false, server: false };
  #serverGone = false;

  /**
   * @param ring index in the plan, which is its line in the control pages
   * @param memory the ring's memory as of now
   */
  constructor(
    private readonly ring: number,
    private readonly memory: () => ArrayBufferLike,
    private readonly ends: Record<LinkSide, LinkEnd>,
    private readonly sleep: (ms: number) => Promise<void>,
  ) {}

  /** whether an end is there */
  has(side: LinkSide): boolean {
    return this.#there[side];
  }

  /** An end is there. Once both are, the ring is opened; returns when the other end knows. */
  async open(side: LinkSide): Promise<void> {
    this.#there[side] = true;
    if (!this.#there.client || !this.#there.server) {
      if (this.#serverGone) this.#publish("client", LinkState.GONE);
      return;
    }
    resetRing(this.memory(), ++this.generation);
    this.#publish("client", LinkState.UP);
    this.#publish("server", LinkState.UP);
    await this.#followed(other(side));
  }

  /** An end is away, a server perhaps for good; returns when the other has let go of the ring. */
  async close(side: LinkSide, gone = false): Promise<void> {
    this.#there[side] = false;
    this.#serverGone ||= side === "server" && gone;
    // A new instance at this end waits until the ring is opened to it.
    this.#publish(side, LinkState.DOWN);
    this.#publish(other(side), gone ? LinkState.GONE : LinkState.DOWN);
    await this.#followed(other(side));
  }

  #publish(side: LinkSide, state: number): void {
    const end = this.ends[side];
    end.page().setLink(this.ring, state, this.generation);
    end.bell().ring();
  }

  async #followed(side: LinkSide): Promise<void> {
    const end = this.ends[side];
    const page = end.page();
    let waitedMs = 0;
    while (end.present() && !page.acknowledged(this.ring)) {
      if (waitedMs++ === end.limitMs) end.late();
      await this.sleep(1);
    }
  }
}

function other(side: LinkSide): LinkSide {
  return side === "client" ? "server" : "client";
}
