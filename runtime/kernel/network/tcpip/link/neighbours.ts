// Neighbours on an Ethernet link and how their addresses are found out, for ARP (RFC 826; RFC 1122, 2.3.2)
// and neighbour discovery (RFC 4861, 7) alike. An entry changes only where we asked: a claim that nobody
// asked for makes a new entry at most, and never redirects what is known.
import type { TransmitOffload } from "../../frame_device.ts";
import { addressKey } from "../ip/ip_address.ts";
import type { Timer, Timers } from "../timers.ts";

/** How long an address is believed without asking again. */
const REACHABLE_NS = 60e9;
/** Between two requests, and how many are made (RFC 4861, 10: RETRANS_TIMER, MAX_UNICAST_SOLICIT). */
const RETRY_NS = 1e9;
const REQUESTS = 3;
/** Neighbours known at a time; one that we never sent to gives way, else the one known longest. */
const MAX_NEIGHBOURS = 1024;
/** Bytes that wait for one neighbour: all fragments of the largest packet. Older ones give way. */
const MAX_WAITING_BYTES = 80_000;

/** A frame that waits for the address it is to go to. */
export interface Waiting {
  frame: Uint8Array;
  offload: TransmitOffload | undefined;
}

export class Neighbour {
  mac: Uint8Array | undefined;
  /** `mac` was not heard of for long, and is asked for again */
  stale = false;
  /** requests out since the last answer; 0: none is under way */
  requests = 0;
  /** packets for it while its address is unknown (RFC 1122, 2.3.2.2) */
  waiting: Waiting[] = [];
  /** something was sent to it */
  used = false;
  /** it gave way to another: whoever holds it looks it up again */
  gone = false;
  readonly timer: Timer;

  constructor(readonly ip: Uint8Array, timers: Timers, overdue: (neighbour: Neighbour) => void) {
    this.timer = timers.create(() => overdue(this));
  }
}

export class Neighbours {
  #known = new Map<string, Neighbour>();

  /**
   * @param ask sends a request for a neighbour's address
   * @param found sends what waits @param lost is told what could not be sent
   */
  constructor(
    private readonly timers: Timers,
    private readonly nowNs: () => number,
    private readonly ask: (neighbour: Neighbour) => void,
    private readonly found: (neighbour: Neighbour) => void,
    private readonly lost: (waiting: Waiting) => void,
  ) {}

  /** Those whose addresses are known, or asked for. */
  get all(): Neighbour[] {
    return [...this.#known.values()].filter(({ mac, requests }) =>
      mac !== undefined || requests > 0
    );
  }

  /** The entry of an address; made where there is none. */
  get(ip: Uint8Array): Neighbour {
    const key = addressKey(ip);
    let neighbour = this.#known.get(key);
    if (neighbour !== undefined) return neighbour;
    if (this.#known.size >= MAX_NEIGHBOURS) this.#makeRoom();
    neighbour = new Neighbour(ip.slice(), this.timers, (each) => this.#overdue(each));
    this.#known.set(key, neighbour);
    return neighbour;
  }

  /** Keeps a frame until the address is known. */
  hold({ waiting }: Neighbour, frame: Waiting): void {
    waiting.push(frame);
    let bytes = 0;
    for (const each of waiting) bytes += each.frame.length;
    while (bytes > MAX_WAITING_BYTES && waiting.length > 1) bytes -= waiting.shift()!.frame.length;
  }

  /** Makes sure that somebody asks for an address that is unknown or was not heard of for long. */
  refresh(neighbour: Neighbour): void {
    neighbour.used = true;
    if (neighbour.requests > 0) return;
    if (neighbour.mac !== undefined && !neighbour.stale) return;
    this.#request(neighbour);
  }

  /** What a packet claims of its sender; `answer` where it may answer a request of ours. */
  learn(ip: Uint8Array, mac: Uint8Array, answer: boolean): void {
    const existing = this.#known.get(addressKey(ip));
    if (existing === undefined && answer) return;
    const neighbour = existing ?? this.get(ip);
    // Whoever we asked may say it in a request of its own as well; who is believed keeps its address.
    if (neighbour.mac !== undefined && neighbour.requests === 0) return;
    neighbour.mac = mac.slice();
    neighbour.stale = false;
    neighbour.requests = 0;
    neighbour.timer.setAt(this.nowNs() + REACHABLE_NS);
    if (neighbour.waiting.length > 0) this.found(neighbour);
  }

  #request(neighbour: Neighbour): void {
    neighbour.requests++;
    neighbour.timer.setAt(this.nowNs() + RETRY_NS);
    this.ask(neighbour);
  }

  /** Nothing was heard of a neighbour for as long as it is believed, or as an answer takes. */
  #overdue(neighbour: Neighbour): void {
    if (neighbour.requests === 0) {
      neighbour.stale = true;
      return;
    }
    if (neighbour.requests < REQUESTS) return this.#request(neighbour);
    neighbour.requests = 0;
    neighbour.mac = undefined;
    for (const waiting of neighbour.waiting.splice(0)) this.lost(waiting);
  }

  #makeRoom(): void {
    let oldest: [string, Neighbour] | undefined;
    for (const entry of this.#known) {
      oldest ??= entry;
      if (entry[1].used) continue;
      oldest = entry;
      break;
    }
    const [key, neighbour] = oldest!;
    neighbour.gone = true;
    neighbour.waiting = [];
    neighbour.timer.dispose();
    this.#known.delete(key);
  }
}
