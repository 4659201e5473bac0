// A thread of an ELF program: runs on the hart until it makes a system call, faults, or has had its turn;
// takes the results of its calls; is handed its signals.
import { StopReason } from "../../hardware/hart/engine.ts";
import { State, THREAD_STATE_BYTES } from "../../hardware/hart/state.ts";
import { type Blocking, type Coroutine, isCoroutine } from "../../kernel/coroutine.ts";
import { E, Errno } from "../../kernel/errno.ts";
import type { AddressSpace } from "../../kernel/process/memory/address_space.ts";
import { SIG } from "../../kernel/process/signal/signal.ts";
import type { Thread, ThreadHost } from "../../kernel/process/thread.ts";
import type { UserThread } from "../thread.ts";
import { CallNumber, invoke, raisesPipe, restarts } from "./calls.ts";
import type { GuestHart } from "./guest_hart.ts";
import { answer, PendingCall } from "./pending_call.ts";
import { Registers } from "./registers.ts";
import { deliver } from "./signal_handler.ts";
import { leave } from "./thread_end.ts";
import { raise } from "./thread_fault.ts";
import { endsSkipped, shownAtEntry, shownAtRestart } from "./traced_call.ts";
import { floats, integers } from "./traced_registers.ts";
import { UserAccess } from "./user_access.ts";
import { SP } from "../../hardware/hart/abi.ts";

/** Instructions of a turn: about a millisecond of translated code. */
const TURN_INSTRUCTIONS = 2_000_000;
/** What a system call costs of a turn: about as long as so many instructions. */
const CALL_INSTRUCTIONS = 1000;
/** Pushed to the ready queue to go on, not to give a call its result. */
const GO_ON = 0;

/** What a call answers whose thread is not to be given a result: it has other registers, or none. */
export const NO_RESULT = Number.MIN_SAFE_INTEGER;

export class GuestThread extends Registers implements UserThread, ThreadHost {
  access: UserAccess;
  /** the system call that it is in */
  call: PendingCall | undefined;
  /** the call was interrupted by a signal: whether it begins again shows when the signal is delivered */
  interrupted = false;
  /** it is at the beginning of the call, where its tracer looks at it */
  #entering = false;
  /** it is in a call that its tracer has seen the beginning of: its time is the kernel's */
  #inTracedCall = false;
  /** its status, once it is to end by itself */
  #leaving: number | undefined;
  #parked = false;
  #waiting = false;
  /** when its turn began, or its time was booked last; undefined while others have theirs */
  #runsSinceNs: number | undefined;
  readonly #nowNs: () => number;
  /** the thread has to end although its process goes on: by itself, or by another one's execve */
  doomed = false;

  constructor(readonly guest: GuestHart, readonly kernel: Thread, space: AddressSpace) {
    super();
    this.access = new UserAccess(space);
    kernel.host = this;
    this.#nowNs = kernel.process.kernel.environment.nowNs;
  }

  get tid(): number {
    return this.kernel.tid;
  }

  get space(): AddressSpace {
    return this.access.space;
  }

  override get registers(): Uint8Array {
    return this.guest.holds(this) ? this.guest.state : this.saved;
  }

  get registerSets(): { general: Uint8Array; floating: Uint8Array } {
    return { general: integers.read(this), floating: floats.read(this) };
  }

  /** Another program takes the place of the one that ran. */
  become(space: AddressSpace, entry: number, stackPointer: number): void {
    this.access = new UserAccess(space);
    this.registers.fill(0, 0, THREAD_STATE_BYTES);
    this.set(SP, BigInt(stackPointer));
    this.pc = BigInt(entry);
  }

  /** Makes it runnable. */
  start(): void {
    this.guest.hart.ready.push(this, GO_ON);
  }

  resume(status: number): void {
    this.#waiting = false;
    if (this.kernel.ended) return;
    this.#runsSinceNs = this.#nowNs();
    this.guest.enter(this);
    // Of a call that was interrupted there is no other result: the thread was stopped meanwhile.
    let goesOn = true;
    if (this.#entering) goesOn = this.#enterCall();
    else if (this.interrupted) this.#leaveInterrupted();
    else if (this.call !== undefined) this.#finishCall(status);
    if (goesOn) this.#run();
    this.settle();
    this.#runsSinceNs = undefined;
  }

  /** Its turn may be long: who asks for its processor time learns of what it has used of it. */
  settle(): void {
    if (this.#runsSinceNs === undefined) return;
    const nowNs = this.#nowNs(), passedNs = nowNs - this.#runsSinceNs;
    if (this.#inTracedCall) this.kernel.systemNs += passedNs;
    else this.kernel.ran(passedNs);
    this.#runsSinceNs = nowNs;
  }

  #run(): void {
    const { guest, kernel } = this;
    const { words, engine } = guest;
    words[State.BUDGET >> 2] = TURN_INSTRUCTIONS;
    for (;;) {
      if ((kernel.attention || this.doomed || this.interrupted) && !this.#attendSignals()) return;
      const reason = engine.run();
      switch (reason) {
        case StopReason.ECALL:
          if (kernel.tracing !== undefined && this.#stopsAtCall()) break;
          if (!this.#systemCall()) return;
          break;
        case StopReason.PAGE_FAULT:
          if (!this.#pageFault()) return;
          break;
        case StopReason.BUDGET:
          return this.#yieldTurn();
        case StopReason.ILLEGAL:
          raise(kernel, { signal: SIG.ILL, code: 1 }, this.pc);
          break;
        case StopReason.BREAKPOINT:
          raise(kernel, { signal: SIG.TRAP, code: 1 }, this.pc);
          break;
        case StopReason.MISALIGNED:
          raise(kernel, { signal: SIG.BUS, code: 1 }, this.guest.faultAddress);
          break;
      }
    }
  }

  #yieldTurn(): void {
    this.guest.hart.ready.push(this, GO_ON);
  }

  /** Its tracer may want to look at a call, and to change it, before it begins. */
  #stopsAtCall(): boolean {
    if (!this.kernel.tracing!.entersCall()) return false;
    this.call = PendingCall.begun(this.guest.words);
    this.call.shown = shownAtEntry;
    return this.#entering = true;
  }

  /** The tracer has looked at the call. @returns whether the thread goes on at once */
  #enterCall(): boolean {
    this.#entering = false;
    const call = this.call!;
    this.call = undefined;
    this.settle();
    this.#inTracedCall = true;
    const ends = this.kernel.process.ending !== undefined || this.doomed;
    if (!ends && !endsSkipped(this, call)) return this.#systemCall();
    this.#leaveTracedCall();
    if (!ends) this.kernel.tracing?.leavesCall();
    return true;
  }

  /** Carries out the call that the registers describe. @returns whether the thread goes on at once */
  #systemCall(): boolean {
    const { words, hart } = this.guest;
    const call = this.call = PendingCall.begun(words);
    const { number } = call;
    hart.begin(this, number);
    words[State.BUDGET >> 2] -= CALL_INSTRUCTIONS;
    let result: Blocking<number>;
    try {
      result = invoke(this, number, this.guest.args);
    } catch (failure) {
      if (!(failure instanceof Errno)) throw failure;
      result = -failure.errno;
    }
    if (!isCoroutine(result)) {
      this.#finishCall(result);
      if (this.kernel.ended) return false;
      if (number === CallNumber.sched_yield) {
        this.#yieldTurn();
        return false;
      }
      return true;
    }
    hart.blockedCalls++;
    return this.#wait(result, (status) => this.#finishCall(status));
  }

  /**
   * Lets a coroutine go on while others run.
   * @param settled gets its result at once where it did not have to wait
   * @returns whether it did not
   */
  #wait(work: Coroutine<number>, settled: (status: number) => void): boolean {
    let begun = false, over = false;
    const { kernel } = this;
    this.#waiting = true;
    kernel.task = this.guest.tasks.spawn(work, (value, failure) => {
      kernel.task = undefined;
      if (failure !== undefined && !(failure instanceof Errno)) throw failure;
      const status = failure instanceof Errno ? -failure.errno : value!;
      over = true;
      if (begun) return this.guest.hart.ready.push(this, status);
      this.#waiting = false;
      settled(status);
    });
    begun = true;
    if (over) {
      kernel.task = undefined;
      if (kernel.ended) return false;
      this.guest.enter(this);
      return true;
    }
    // What the call did may have made a signal deliverable: a wait must not outlast it.
    if (kernel.attention) this.#interrupt();
    return false;
  }

  #interrupt(): void {
    this.kernel.interrupt(new Errno(E.EINTR));
  }

  #leaveTracedCall(): void {
    this.settle();
    this.#inTracedCall = false;
  }

  #finishCall(status: number): void {
    const call = this.call!;
    this.call = undefined;
    if (this.#inTracedCall) this.#leaveTracedCall();
    const { words, args } = this.guest;
    const { tracing } = this.kernel;
    this.guest.hart.end(this, status);
    if (status === NO_RESULT) {
      const ends = this.#leaving !== undefined || this.kernel.process.ending !== undefined;
      if (!ends) tracing?.leavesCall();
      return;
    }
    this.guest.observer.traced?.(this, call.number, args, status);
    // Whoever writes to a pipe that nobody reads is told so twice.
    if (status === -E.EPIPE && raisesPipe(call.number, args)) {
      this.kernel.post(this.kernel.process.sender(SIG.PIPE));
    }
    tracing?.leavesCall();
    if (status === -E.EINTR && restarts(call.number) !== undefined) {
      this.call = call;
      this.interrupted = true;
      call.shown = tracing?.calls ? shownAtRestart(call.number) : undefined;
      return;
    }
    answer(words, status);
  }

  /** The tracer may have seen the end of a call that was interrupted, and given it a result of its own. */
  #leaveInterrupted(): void {
    const { number, shown } = this.call!;
    this.call!.shown = undefined;
    if (shown === undefined || shown === shownAtRestart(number)) return;
    this.forgetCall();
    answer(this.guest.words, Number(BigInt.asIntN(64, shown)));
  }

  /** The call that was interrupted is not made again: the thread has got other registers. */
  forgetCall(): void {
    this.call = undefined;
    this.interrupted = false;
    this.kernel.sleepDeadlineNs = undefined;
  }

  /** @returns whether the thread goes on at once */
  #pageFault(): boolean {
    const { faultPage: page, faultAccess: access, faultAddress: address } = this.guest;
    let begun = false, over = false;
    const { kernel, space } = this;
    this.guest.hart.beginPageFault(this);
    this.#waiting = true;
    kernel.task = this.guest.tasks.spawn(space.fault(page, access), (fault, failure) => {
      kernel.task = undefined;
      if (failure !== undefined) throw failure;
      over = true;
      this.guest.hart.end(this, 0);
      if (fault !== undefined) raise(kernel, fault, address);
      // A thread that is not on the hart learns of a fault when it is.
      if (begun) this.guest.hart.ready.push(this, GO_ON);
    });
    begun = true;
    if (!over) return false;
    kernel.task = undefined;
    this.#waiting = false;
    return true;
  }

  /** A signal came, the process ends or stops or goes on: the thread is woken where it may be. */
  attend(): void {
    if (this.#parked) {
      if (this.kernel.stopped) return;
      this.#parked = false;
      this.guest.hart.ready.push(this, GO_ON);
    } else if (this.#waiting && (this.kernel.attention || this.doomed)) this.#interrupt();
  }

  /** @returns whether the thread goes on: it may have ended, or be stopped */
  #attendSignals(): boolean {
    const { kernel } = this;
    const { process } = kernel;
    for (;;) {
      if (process.ending !== undefined || this.doomed || this.#leaving !== undefined) {
        this.end(this.#leaving ?? process.ending ?? 0);
        this.#parked = !kernel.ended;
        return false;
      }
      if (kernel.stopped) {
        this.#parked = true;
        return false;
      }
      const info = kernel.nextSignal();
      if (info !== undefined) {
        deliver(this, info);
        continue;
      }
      if (process.ending !== undefined || kernel.stopped) continue;
      break;
    }
    // No handler runs: the interrupted call is made anew.
    if (this.interrupted) {
      this.interrupted = false;
      this.call!.beginAgain(this.guest.words);
      this.call = undefined;
    }
    // A wait with a mask of its own ended without a handler: the mask goes back.
    if (kernel.savedMask !== undefined) {
      kernel.mask = kernel.savedMask;
      kernel.savedMask = undefined;
      if (kernel.attention) return this.#attendSignals();
    }
    return true;
  }

  /** The thread is over, once its tracer has nothing against it: whoever waits for its end is woken. */
  end(status: number): void {
    const { kernel, guest } = this;
    if (kernel.ended) return;
    this.#leaving = status;
    this.doomed = true;
    if (kernel.tracing?.stopsAtEnd(status)) return;
    guest.enter(this);
    const leaving = leave(this);
    guest.forget(this);
    // The address space is kept for the words that are still to be written.
    this.space.users++;
    guest.processes.endThread(kernel, status);
    guest.tasks.spawn(leaving, (_value, failure) => {
      this.space.release();
      if (failure !== undefined && !(failure instanceof Errno)) throw failure;
    });
  }
}
