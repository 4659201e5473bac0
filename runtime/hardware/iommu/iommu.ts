// The IOMMU (RISC-V IOMMU specification 1.0): every access of a device goes through here. Device
// contexts come from the directory in memory, translations from the tables they point to; what is
// not allowed becomes a fault record and no transfer. Present: a one-level directory of base-format
// contexts, Sv39 first stages, Sv39x4 second stages, untranslated reads and writes, the command and
// the fault queue. Absent, and refused as misconfigured: ATS, PRI, process directories, MSI remapping.
import type { PhysicalMemory } from "../physical_memory.ts";
import {
  Cause,
  Context,
  CONTEXT_BYTES,
  DirectoryMode,
  MAX_DEVICES,
  PAGE_BYTES,
  rootMode,
  rootPage,
  TC_DISABLE_FAULTS,
  TC_UNSUPPORTED,
  TC_VALID,
  TransactionType,
  Translation,
} from "./format.ts";
import { CommandQueue, type Invalidations } from "./command_queue.ts";
import { FaultQueue, type FaultRecord } from "./fault_queue.ts";
import { bare, type Fault, isFault, type Page, walkFirstStage, walkSecondStage } from "./walk.ts";

/** A device context as cached from the directory, with the translations made under it. */
interface CachedContext {
  faultsDisabled: boolean;
  secondRoot: number | undefined;
  firstRoot: number | undefined;
  guestContext: number;
  processContext: number;
  /** virtual page number -> page */
  pages: Map<number, Page>;
}

/** Translations kept a device: beyond it the oldest go. */
const MAX_CACHED_PAGES = 65536;

export class Iommu implements Invalidations {
  readonly commands: CommandQueue;
  readonly faults: FaultQueue;
  /** counts up whenever a translation made before may be wrong: holders of views compare it */
  epoch = 0;
  #mode: number = DirectoryMode.OFF;
  #directory = 0;
  readonly #contexts = new Map<number, CachedContext>();
  readonly #faultCounts = new Uint32Array(MAX_DEVICES);

  constructor(private readonly memory: PhysicalMemory) {
    this.commands = new CommandQueue(memory, this);
    this.faults = new FaultQueue(memory);
  }

  /** `ddtp`: where the directory is, or that there is none. */
  setDirectory(mode: number, address: number): void {
    this.#mode = mode;
    this.#directory = address;
    this.invalidateContexts(undefined);
  }

  /** Faults of a device since the start. */
  faultCount(deviceId: number): number {
    return this.#faultCounts[deviceId] ?? 0;
  }

  /**
   * The memory that a device means, as views, in order; nothing is copied.
   * @returns undefined after a fault, which has been recorded
   */
  view(deviceId: number, iova: number, length: number, write: boolean): Uint8Array[] | undefined {
    const views: Uint8Array[] = [];
    let start = 0, run = 0;
    for (let done = 0; done < length;) {
      const within = (iova + done) % PAGE_BYTES;
      const page = this.#translate(deviceId, iova + done, write);
      if (page === undefined) return undefined;
      const size = Math.min(PAGE_BYTES - within, length - done);
      const address = page + within;
      if (run > 0 && address === start + run) run += size;
      else {
        if (run > 0 && !this.#push(views, start, run)) {
          return this.#missing(deviceId, iova + done - run, write);
        }
        start = address;
        run = size;
      }
      done += size;
    }
    if (run > 0 && !this.#push(views, start, run)) {
      return this.#missing(deviceId, iova + length - run, write);
    }
    return views;
  }

  #push(views: Uint8Array[], address: number, length: number): boolean {
    const view = this.memory.view(address, length);
    if (view === undefined) return false;
    views.push(view);
    return true;
  }

  #missing(deviceId: number, iova: number, write: boolean): undefined {
    this.#record(deviceId, iova, write, {
      cause: write ? Cause.STORE_ACCESS_FAULT : Cause.LOAD_ACCESS_FAULT,
      guestAddress: 0,
    }, false);
  }

  /** @returns physical address of the page; undefined after a recorded fault */
  #translate(deviceId: number, iova: number, write: boolean): number | undefined {
    const context = this.#contexts.get(deviceId) ?? this.#loadContext(deviceId, iova, write);
    if (context === undefined) return undefined;
    const number = Math.floor(iova / PAGE_BYTES);
    const cached = context.pages.get(number);
    if (cached !== undefined && (!write || cached.writable)) return cached.address;
    const page = this.#walk(context, iova, write);
    if (isFault(page)) {
      this.#record(deviceId, iova, write, page, context.faultsDisabled);
      return undefined;
    }
    if (context.pages.size >= MAX_CACHED_PAGES) {
      context.pages.delete(context.pages.keys().next().value!);
    }
    context.pages.set(number, page);
    return page.address;
  }

  #walk(context: CachedContext, iova: number, write: boolean): Page | Fault {
    if (context.firstRoot !== undefined) {
      return walkFirstStage(this.memory, context.firstRoot, context.secondRoot, iova, write);
    }
    if (context.secondRoot !== undefined) {
      return walkSecondStage(this.memory, context.secondRoot, iova, write);
    }
    return bare(iova);
  }

  #loadContext(deviceId: number, iova: number, write: boolean): CachedContext | undefined {
    const refuse = (cause: number): undefined => {
      this.#record(deviceId, iova, write, { cause, guestAddress: 0 }, false);
    };
    if (this.#mode === DirectoryMode.OFF) return refuse(Cause.ALL_INBOUND_DISALLOWED);
    let context: CachedContext;
    if (this.#mode === DirectoryMode.BARE) {
      context = {
        faultsDisabled: false,
        firstRoot: undefined,
        secondRoot: undefined,
        guestContext: 0,
        processContext: 0,
        pages: new Map(),
      };
    } else {
      if (!(deviceId >= 0 && deviceId < MAX_DEVICES)) return refuse(Cause.TRANSACTION_DISALLOWED);
      const words: number[] = [];
      for (let offset = 0; offset < CONTEXT_BYTES; offset += 4) {
        const word = this.memory.load32(this.#directory + deviceId * CONTEXT_BYTES + offset);
        if (word === undefined) return refuse(Cause.DDT_LOAD_ACCESS_FAULT);
        words.push(word);
      }
      const at = (offset: number) => [words[offset / 4], words[offset / 4 + 1]] as const;
      const [control, controlHigh] = at(Context.TC);
      const [secondLow, secondHigh] = at(Context.IOHGATP);
      const [attributes, attributesHigh] = at(Context.TA);
      const [firstLow, firstHigh] = at(Context.FSC);
      if ((control & TC_VALID) === 0) return refuse(Cause.DDT_INVALID);
      const secondMode = rootMode(secondHigh), firstMode = rootMode(firstHigh);
      const secondRoot = rootPage(secondLow, secondHigh) * PAGE_BYTES;
      const misconfigured = (control & TC_UNSUPPORTED) !== 0 || controlHigh !== 0 ||
        (attributes & 0xfff) !== 0 || attributesHigh !== 0 || (firstHigh & 0x0fff_f000) !== 0 ||
        (secondMode !== Translation.BARE && secondMode !== Translation.SV39X4) ||
        (firstMode !== Translation.BARE && firstMode !== Translation.SV39) ||
        (secondMode === Translation.SV39X4 && secondRoot % (4 * PAGE_BYTES) !== 0);
      if (misconfigured) return refuse(Cause.DDT_MISCONFIGURED);
      context = {
        faultsDisabled: (control & TC_DISABLE_FAULTS) !== 0,
        secondRoot: secondMode === Translation.BARE ? undefined : secondRoot,
        firstRoot: firstMode === Translation.BARE
          ? undefined
          : rootPage(firstLow, firstHigh) * PAGE_BYTES,
        guestContext: secondHigh >>> 12 & 0xffff,
        processContext: attributes >>> 12,
        pages: new Map(),
      };
    }
    this.#contexts.set(deviceId, context);
    return context;
  }

  #record(deviceId: number, iova: number, write: boolean, fault: Fault, disabled: boolean): void {
    if (deviceId < MAX_DEVICES) this.#faultCounts[deviceId]++;
    if (disabled && fault.cause < Cause.ALL_INBOUND_DISALLOWED) return;
    this.faults.push({
      cause: fault.cause,
      type: write ? TransactionType.WRITE : TransactionType.READ,
      deviceId,
      address: iova,
      guestAddress: fault.guestAddress,
    });
  }

  /** IODIR.INVAL_DDT, for one device or all. */
  invalidateContexts(deviceId: number | undefined): void {
    this.epoch++;
    if (deviceId === undefined) this.#contexts.clear();
    else this.#contexts.delete(deviceId);
  }

  /** IOTINVAL.VMA and IOTINVAL.GVMA: translations of matching contexts; for one page or all. */
  invalidatePages(
    guestContext: number | undefined,
    processContext: number | undefined,
    address: number | undefined,
  ): void {
    this.epoch++;
    for (const context of this.#contexts.values()) {
      if (guestContext !== undefined && context.guestContext !== guestContext) continue;
      if (processContext !== undefined && context.processContext !== processContext) continue;
      if (address === undefined) context.pages.clear();
      else context.pages.delete(Math.floor(address / PAGE_BYTES));
    }
  }
}

export type { FaultRecord };
