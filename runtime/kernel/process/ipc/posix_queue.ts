// A POSIX message queue (mq_overview(7)): messages by priority, and who is told when the first one comes.
import { type Coroutine, type Tasks, WaitQueue } from "../../coroutine.ts";
import { E, fail } from "../../errno.ts";
import { POLL } from "../../vfs/constants.ts";
import type { Process } from "../process.ts";
import { SI } from "../signal/signal.ts";

/** What /proc/sys/fs/mqueue says: what a queue has that does not ask, and may have. */
export const DEFAULT_MESSAGES = 10, DEFAULT_BYTES = 8192;
export const MOST_MESSAGES = 10, MOST_BYTES = 8192, MOST_POSIX_QUEUES = 256;
/** What root may have: no message is longer than what one call transfers. */
const HARD_MESSAGES = 65_536, HARD_BYTES = 1 << 20;
/** What a message takes beside its text, at most, where memory for queues is counted. */
const BESIDE_BYTES = 104;
/** Priorities are below this. */
export const MOST_PRIORITY = 32_768;

export interface QueueLimits {
  messages: number;
  /** of a message */
  bytes: number;
}

/** What a queue may have, as its maker wants it. @throws Errno EINVAL */
export function checkLimits({ messages, bytes }: QueueLimits, asRoot: boolean): void {
  const [mostMessages, mostBytes] = asRoot
    ? [HARD_MESSAGES, HARD_BYTES]
    : [MOST_MESSAGES, MOST_BYTES];
  const fits = messages > 0 && messages <= mostMessages && bytes > 0 && bytes <= mostBytes;
  if (!fits) fail(E.EINVAL);
}

/** Who is told, once, when a message comes to the queue while it is empty. */
interface Notification {
  process: Process;
  /** 0 for none */
  signal: number;
  value: bigint;
}

interface Message {
  priority: number;
  text: Uint8Array;
}

export class PosixQueue {
  limits: QueueLimits = { messages: DEFAULT_MESSAGES, bytes: DEFAULT_BYTES };
  /** the next one first */
  readonly #messages: Message[] = [];
  /** woken when it has changed */
  readonly readiness = new WaitQueue(true);
  #receivers = 0;
  #notification: Notification | undefined;

  get length(): number {
    return this.#messages.length;
  }

  /** What its limits are counted as (RLIMIT_MSGQUEUE). */
  get countedBytes(): number {
    return this.limits.messages * (this.limits.bytes + BESIDE_BYTES);
  }

  poll(events: number): number {
    const ready = (this.length > 0 ? POLL.IN : 0) |
      (this.length < this.limits.messages ? POLL.OUT : 0);
    return events & ready;
  }

  /** @param deadlineNs of the monotonic clock @throws Errno EMSGSIZE, EAGAIN, ETIMEDOUT */
  *send(
    process: Process,
    text: Uint8Array,
    priority: number,
    waits: boolean,
    deadlineNs: number,
  ): Coroutine<number> {
    if (text.length > this.limits.bytes) fail(E.EMSGSIZE);
    while (this.length >= this.limits.messages) {
      yield* this.#wait(process.kernel.environment, waits, deadlineNs);
    }
    const next = this.#messages.findIndex((each) => each.priority < priority);
    const at = next < 0 ? this.length : next;
    this.#messages.splice(at, 0, { priority, text: text.slice() });
    if (this.length === 1 && this.#receivers === 0) this.#notify(process);
    this.readiness.wakeAll();
    return 0;
  }

  /** @returns the message @throws Errno EMSGSIZE where there is no room for the longest, EAGAIN, ETIMEDOUT */
  *receive(
    process: Process,
    room: number,
    waits: boolean,
    deadlineNs: number,
  ): Coroutine<Message> {
    if (room < this.limits.bytes) fail(E.EMSGSIZE);
    this.#receivers++;
    try {
      while (this.length === 0) {
        yield* this.#wait(process.kernel.environment, waits, deadlineNs);
      }
    } finally {
      this.#receivers--;
    }
    const message = this.#messages.shift()!;
    this.readiness.wakeAll();
    return message;
  }

  *#wait(
    { nowNs, tasks }: { nowNs(): number; tasks: Tasks },
    waits: boolean,
    deadlineNs: number,
  ): Coroutine<void> {
    if (!waits) fail(E.EAGAIN);
    if (nowNs() >= deadlineNs) fail(E.ETIMEDOUT);
    const late = deadlineNs === Infinity ? () => {} : tasks.wakeAt(deadlineNs, this.readiness);
    try {
      yield this.readiness;
    } finally {
      late();
    }
  }

  /** @throws Errno EBUSY where another process is to be told */
  setNotification(notification: Notification): void {
    if (this.#notified !== undefined) fail(E.EBUSY);
    this.#notification = notification;
  }

  dropNotification(process: Process): void {
    if (this.#notification?.process === process) this.#notification = undefined;
  }

  get #notified(): Notification | undefined {
    return this.#notification?.process.ended === undefined ? this.#notification : undefined;
  }

  #notify({ pid, identity }: Process): void {
    const told = this.#notified;
    this.#notification = undefined;
    if (told === undefined || told.signal === 0) return;
    const { process, signal, value } = told;
    process.post({ signal, code: SI.MESGQ, pid, uid: identity.ruid, value });
  }

  /** What reading from its file gives. */
  get text(): string {
    const bytes = this.#messages.reduce((sum, { text }) => sum + text.length, 0);
    const { process, signal } = this.#notified ?? {};
    const field = (value: number, width: number) => String(value).padEnd(width);
    // How somebody is told: 0 by a signal, 1 not at all.
    const how = process !== undefined && signal === 0 ? 1 : 0;
    return `QSIZE:${field(bytes, 10)} NOTIFY:${field(how, 5)} SIGNO:${field(signal ?? 0, 5)} ` +
      `NOTIFY_PID:${field(process?.pid ?? 0, 6)}\n`;
  }
}
