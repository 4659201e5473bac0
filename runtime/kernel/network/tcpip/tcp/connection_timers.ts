// The timers of a connection: retransmission and window probes (one at a time; RFC 6298, RFC 9293, 3.8.6.1),
// delayed acknowledgements (RFC 1122, 4.2.3.2), and keep-alives (4.2.3.6) or the wait of an orphan.
import { E } from "../../../errno.ts";
import type { Timer } from "../timers.ts";
import type { Connection } from "./connection.ts";
import { output, sendAck, sendProbe, sendSyn } from "./output.ts";
import { timedOut } from "./recovery.ts";
import { probeTail, tailDelayNs } from "./tail_probe.ts";
import { State } from "./state.ts";

const DELAYED_ACK_NS = 40e6;
/** Corked data goes out after this, whatever the program says. */
const CORK_NS = 200e6;
/** How often something is repeated before giving up: with an owner, and without. */
const RETRIES = 15, ORPHAN_RETRIES = 8;
/** How long an orphan waits for the peer's FIN (tcp_fin_timeout). */
const FIN_WAIT_NS = 60e9;

export class ConnectionTimers {
  readonly #retransmit: Timer;
  readonly #acknowledge: Timer;
  readonly #idle: Timer;
  /** what the first timer is for */
  #purpose: "nothing" | "retransmit" | "tail" | "probe" | "cork" = "nothing";
  #unansweredProbes = 0;
  /** probes since the window was last open, answered or not */
  #probes = 0;
  #failingSinceNs = 0;

  constructor(private readonly connection: Connection) {
    const { timers } = connection.tcp.stack;
    this.#retransmit = timers.create(() => this.#retransmitDue());
    this.#acknowledge = timers.create(() => {
      this.connection.quickAcks = 0;
      sendAck(this.connection);
    });
    this.#idle = timers.create(() => this.#idleDue());
  }

  get #nowNs(): number {
    return this.connection.tcp.now();
  }

  get retransmitting(): boolean {
    const purpose = this.#purpose;
    return this.#retransmit.set && (purpose === "retransmit" || purpose === "tail");
  }

  armRetransmit(nowNs = this.#nowNs): void {
    const { connection } = this;
    const timeoutNs = connection.roundTrip.timeoutNs, tailNs = tailDelayNs(connection);
    this.#purpose = tailNs < timeoutNs ? "tail" : "retransmit";
    this.#retransmit.setAt(nowNs + Math.min(timeoutNs, tailNs));
  }

  /** The window is closed and nothing is in flight that would bring news of it. */
  armProbe(): void {
    if (this.#retransmit.set && this.#purpose === "probe") return;
    this.#purpose = "probe";
    this.#retransmit.setAt(this.#nowNs + this.connection.roundTrip.timeoutNs);
  }

  armCork(): void {
    if (this.#retransmit.set) return;
    this.#purpose = "cork";
    this.#retransmit.setAt(this.#nowNs + CORK_NS);
  }

  /** Nothing waits for an answer any more. */
  cancelRetransmit(): void {
    this.#retransmit.cancel();
    this.#purpose = "nothing";
  }

  /** The peer took something. */
  progressed(): void {
    this.#probes = 0;
  }

  /** Something came that acknowledges or opens the window. */
  answered(): void {
    this.#unansweredProbes = 0;
  }

  armAcknowledge(): void {
    if (!this.#acknowledge.set) this.#acknowledge.setAt(this.#nowNs + DELAYED_ACK_NS);
  }

  cancelAcknowledge(): void {
    this.#acknowledge.cancel();
  }

  /** Starts or stops keep-alives, as the options say now. */
  armKeepAlive(): void {
    const { options, tcpOptions, state } = this.connection;
    if (state === State.SYN_SENT || state === State.CLOSED) return;
    if (options.keepAlive) this.#idle.setAt(this.#nowNs + tcpOptions.keepIdleSeconds * 1e9);
    else this.#idle.cancel();
  }

  armOrphan(): void {
    const { lingerSeconds } = this.connection.tcpOptions;
    if (lingerSeconds < 0) return this.connection.end(0);
    this.#idle.setAt(this.#nowNs + (lingerSeconds === 0 ? FIN_WAIT_NS : lingerSeconds * 1e9));
  }

  dispose(): void {
    this.#retransmit.dispose();
    this.#acknowledge.dispose();
    this.#idle.dispose();
  }

  #retransmitDue(): void {
    const purpose = this.#purpose;
    this.#purpose = "nothing";
    if (purpose === "retransmit") this.#timeout();
    else if (purpose === "tail") {
      probeTail(this.connection);
      this.armRetransmit();
    } else if (purpose === "probe") this.#probe();
    else output(this.connection, true);
  }

  #timeout(): void {
    const { connection } = this;
    const now = this.#nowNs;
    if (connection.retries === 0) this.#failingSinceNs = now;
    if (this.#exhausted(connection.retries, now)) {
      return connection.end(connection.softError || E.ETIMEDOUT);
    }
    connection.retries++;
    connection.roundTrip.backOff();
    if (connection.retries > 1) connection.path.doubt();
    if (connection.state === State.SYN_SENT || connection.state === State.SYN_RECEIVED) {
      connection.timedOffset = 0;
      connection.repeatedSegments++;
      sendSyn(connection, connection.state === State.SYN_RECEIVED);
    } else timedOut(connection);
    if (connection.state !== State.CLOSED) this.armRetransmit();
  }

  #exhausted(tries: number, nowNs: number): boolean {
    const { state, tcpOptions, owner } = this.connection;
    if (state === State.SYN_SENT || state === State.SYN_RECEIVED) {
      return tries >= tcpOptions.synCount;
    }
    const patienceNs = tcpOptions.userTimeoutMs * 1e6;
    if (patienceNs > 0 && tries > 0) return nowNs - this.#failingSinceNs >= patienceNs;
    return tries >= (owner === undefined ? ORPHAN_RETRIES : RETRIES);
  }

  /** Asks whether the window is still closed. A peer that answers may keep it so, if there is an owner. */
  #probe(): void {
    const { connection } = this;
    const now = this.#nowNs;
    if (this.#unansweredProbes === 0) this.#failingSinceNs = now;
    if (this.#exhausted(this.#unansweredProbes, now)) {
      return connection.end(connection.softError || E.ETIMEDOUT);
    }
    this.#unansweredProbes++;
    // Nobody waits for what the peer never takes: it must not stay for ever.
    if (connection.owner === undefined && this.#probes++ >= ORPHAN_RETRIES) {
      return connection.abort();
    }
    const { nxt } = connection;
    output(connection, true);
    if (connection.nxt !== nxt) return;
    sendProbe(connection);
    connection.roundTrip.backOff();
    this.cancelRetransmit();
    this.armProbe();
  }

  #idleDue(): void {
    const { connection } = this;
    const { options, tcpOptions, state } = connection;
    // An orphan whose peer does not finish is forgotten.
    if (connection.owner === undefined && state === State.FIN_WAIT_2) return connection.end(0);
    if (!options.keepAlive) return;
    const now = this.#nowNs;
    const idleNs = now - connection.lastHeardNs;
    const idleLimitNs = tcpOptions.keepIdleSeconds * 1e9;
    const intervalNs = tcpOptions.keepIntervalSeconds * 1e9;
    // What is in flight shows soon enough whether the peer lives.
    if (connection.una < connection.nxt || idleNs < idleLimitNs) {
      return this.#idle.setAt(now + Math.max(idleLimitNs - idleNs, intervalNs));
    }
    const probes = Math.floor((idleNs - idleLimitNs) / intervalNs);
    if (probes >= tcpOptions.keepCount) {
      sendProbe(connection);
      return connection.end(connection.softError || E.ETIMEDOUT);
    }
    sendProbe(connection);
    this.#idle.setAt(now + intervalNs);
  }
}
