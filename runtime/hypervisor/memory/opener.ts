// How a party makes and opens memory objects and bells, of whichever kind a grant says. FFI is loaded
// at the first mapped object, so that a machine without one needs no permission for it.
import { AtomicsSignal, BELL_BYTES, Doorbell } from "../../hardware/doorbell.ts";
import type { Poller } from "../../hardware/poller.ts";
import { LinuxMemory, type MappedMemory } from "./linux_memory.ts";
import { PipeSignal, PolledSignal } from "./pipe_signal.ts";
import { Semaphores } from "./semaphore_signal.ts";
import { createThreadMemory, type MemoryGrant, type SharedMemory } from "./shared_memory.ts";

export class MemoryOpener {
  #linux: LinuxMemory | undefined;
  #semaphores: Semaphores | undefined;
  readonly #made: MappedMemory[] = [];

  /** Makes a zeroed object. */
  create(name: string, sizeBytes: number, kind: MemoryGrant["kind"]): SharedMemory {
    if (kind === "threads") return createThreadMemory(name, sizeBytes);
    const memory = this.#loadLinux().create(name, sizeBytes);
    this.#made.push(memory);
    return memory;
  }

  /** Makes a bell. */
  createBell(name: string, kind: MemoryGrant["kind"]): SharedMemory {
    const memory = this.create(name, Math.max(BELL_BYTES, 4096), kind);
    this.resetBell(memory);
    return memory;
  }

  /** Makes a bell for one who waits for descriptors of the host as well. */
  createPolledBell(name: string): SharedMemory {
    const memory = this.createBell(name, "mapped");
    Object.assign(memory.grant, { pipe: this.#loadLinux().createPipe() });
    return memory;
  }

  /** Makes a bell as good as new, while nobody sleeps on it. */
  resetBell(memory: SharedMemory): void {
    new Int32Array(memory.buffer, 0, BELL_BYTES / 4).fill(0);
    if (memory.grant.kind === "mapped") this.#loadSemaphores().initialize(memory as MappedMemory);
  }

  /** Opens an object that was granted. */
  open(grant: MemoryGrant): SharedMemory {
    if (grant.kind === "threads") {
      return { name: grant.name, sizeBytes: grant.buffer.byteLength, buffer: grant.buffer, grant };
    }
    return this.#loadLinux().open(grant);
  }

  /** The bell in an object that was made or opened here. */
  doorbell(memory: SharedMemory): Doorbell {
    const { grant } = memory, words = new Int32Array(memory.buffer, 0, BELL_BYTES / 4);
    if (grant.kind === "threads") return new Doorbell(words, new AtomicsSignal(words));
    if (grant.pipe === undefined) return this.#loadSemaphores().doorbell(memory as MappedMemory);
    const stream = this.#loadLinux().streamOf(grant, grant.pipe);
    return new Doorbell(words, new PipeSignal(stream));
  }

  /**
   * The bell that a thread sleeps on which waits for descriptors of the host as well.
   * @param memory of a bell that was made for that, in this process
   */
  polledDoorbell({ buffer, grant }: SharedMemory, poller: Poller): Doorbell {
    if (grant.kind === "threads" || grant.pipe === undefined) {
      throw new Error(`Cannot poll bell "${grant.name}": it has no pipe`);
    }
    const words = new Int32Array(buffer, 0, BELL_BYTES / 4);
    return new Doorbell(words, new PolledSignal(grant.pipe.reads, poller));
  }

  /** Zeroes an object that was made here and gives its pages back to the host. */
  clear(memory: SharedMemory): void {
    if (memory.grant.kind === "mapped") this.#loadLinux().clear(memory);
    else new Uint8Array(memory.buffer).fill(0);
  }

  /** Unloads what makes and opens memory; bells go on working. */
  seal(): void {
    this.#linux?.close();
    this.#linux = undefined;
  }

  /** Gives back every object made here: nobody may use them any more. */
  release(): void {
    for (const memory of this.#made) this.#loadLinux().release(memory);
    this.#made.length = 0;
    this.seal();
  }

  #loadLinux(): LinuxMemory {
    return this.#linux ??= new LinuxMemory();
  }

  #loadSemaphores(): Semaphores {
    return this.#semaphores ??= new Semaphores();
  }
}
