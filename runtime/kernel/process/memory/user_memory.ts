// All of user memory: the frames, the tables through which harts see them, the files that are mapped, and
// the address space that runs now. This is the pager of the hart.
import type { Access, Engine, Pager } from "../../../hardware/hart/engine.ts";
import { HartMemory } from "../../../hardware/hart/hart_memory.ts";
import { PAGE_BYTES } from "../../../hardware/hart/translation_table.ts";
import type { Tasks } from "../../coroutine.ts";
import type { AddressSpace } from "./address_space.ts";
import { type Frame, Frames } from "./frames.ts";
import { MappedFiles } from "./mapped_file.ts";
import { TablePool } from "./table_pool.ts";

export class UserMemory implements Pager {
  readonly hart: HartMemory;
  readonly frames: Frames;
  readonly files: MappedFiles;
  readonly tables: TablePool;
  /** shown where private memory is read before it is written */
  readonly zeroFrame: Frame;
  /** where a file was mapped first: it gets the same place in other processes, so that its code is shared */
  readonly preferredPlaces = new Map<string, number>();
  #engine: Engine | undefined;
  #current: AddressSpace | undefined;

  /** @param userBytes size of user memory */
  constructor(userBytes: number, tasks: Tasks) {
    this.hart = new HartMemory(userBytes);
    this.frames = new Frames(this.hart);
    this.files = new MappedFiles(this.frames, tasks);
    this.tables = new TablePool(this.hart, (jumps) => this.forgetJumps(jumps));
    this.zeroFrame = this.frames.allocate(true);
    this.frames.reclaim = () => this.files.reclaim();
    this.frames.onGuard = () => this.tables.clearTranslations();
    this.frames.onCodeChange = (frame) => this.#engine?.invalidate(frame);
  }

  /** Its size. */
  get bytes(): number {
    return this.frames.total * PAGE_BYTES;
  }

  /** The hart that runs user code, once there is one. */
  attach(engine: Engine): void {
    this.#engine = engine;
  }

  /** Makes an address space the one that the hart sees. */
  activate(space: AddressSpace): void {
    if (this.#current === space && space.slot !== undefined) return;
    this.#current = space;
    this.tables.activate(space);
  }

  refill(page: number, access: Access): boolean {
    return this.#current!.refill(page, access);
  }

  guardCode(frame: Frame): void {
    this.frames.guardCode(frame);
  }

  forgetJumps(jumps: number): void {
    this.#engine?.forgetJumps(jumps);
  }
}
