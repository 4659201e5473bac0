// Reads that cross the ring: how much is asked for, and what is kept of what they bring. That is what was asked for
// before, or what further reads will soon ask for; and anything as long as there is room.
import { after } from "../../after.ts";
import { Answer, type Blocking, coroutineOf, type Tasks } from "../../coroutine.ts";
import type { Service, ServiceCall } from "../../service.ts";
import type { CachedFile } from "./cached_file.ts";
import type { CachedFiles } from "./cached_files.ts";
import { PAGE_BYTES, type PagePool } from "./page_pool.ts";

/** Reads up to this long are worth an answer that has more than was asked for. */
const SMALL_BYTES = 4 * PAGE_BYTES;
/** What is asked for in place of a small read that goes on where the last one ended. */
const AHEAD_BYTES = 16 * PAGE_BYTES;

export class PageFetch {
  /** @param server which reads are asked of */
  constructor(
    private readonly server: Service & { readonly maxPayloadBytes: number },
    private readonly files: CachedFiles,
    private readonly pool: PagePool,
    private readonly tasks: Tasks,
  ) {}

  /** @param call PREAD64 of a file whose pages may be kept @param isNext it begins where the last read ended */
  read(call: ServiceCall, file: CachedFile, isNext: boolean): Blocking<number> {
    const offset = call.args[1], length = call.payload.length, end = offset + length;
    const goesOn = isNext && length <= SMALL_BYTES;
    const first = Math.floor(offset / PAGE_BYTES);
    const wanted = this.pool.askedAgain(file, first) || goesOn || this.pool.hasFree;
    if (!wanted) return this.server.call(call);
    const start = first * PAGE_BYTES;
    const most = Math.floor(this.server.maxPayloadBytes / PAGE_BYTES) * PAGE_BYTES;
    const pages = Math.ceil(end / PAGE_BYTES) * PAGE_BYTES - start;
    const bytes = Math.min(goesOn ? Math.max(pages, AHEAD_BYTES) : pages, most);
    if (length > SMALL_BYTES || bytes < pages || bytes === length) {
      return this.#keepAnswer(call, file);
    }
    return this.#readAround(call, file, start, bytes);
  }

  /** Reads more than was asked for. */
  #readAround(
    call: ServiceCall,
    file: CachedFile,
    start: number,
    bytes: number,
  ): Blocking<number> {
    const { args, payload } = call, before = args[1] - start;
    const buffer = new Uint8Array(bytes);
    const answer = new Answer<number>();
    const settle = (value?: number, failure?: unknown) => answer.settle(value, failure);
    const around = this.#keepAnswer({ ...call, args: [args[0], start], payload: buffer }, file);
    this.tasks.spawn(coroutineOf(around), (status, failure) => {
      // What lies around may be what cannot be read.
      if (failure !== undefined || status! < 0) {
        return void this.tasks.spawn(coroutineOf(this.server.call(call)), settle);
      }
      const count = Math.max(0, Math.min(status! - before, payload.length));
      payload.set(buffer.subarray(before, before + count));
      settle(count);
    });
    return answer;
  }

  #keepAnswer(call: ServiceCall, file: CachedFile): Blocking<number> {
    const answer = this.server.call(call);
    // Only what one answer brings, and is looked at as it comes, is of one moment.
    if (!(answer instanceof Answer)) return answer;
    const { args, payload } = call;
    const read = file.begin(args[1], payload.length, false);
    return after(answer, this.tasks, (status) => {
      if (file.end(read) && status >= 0 && this.files.usable) {
        this.#keep(file, args[1], payload, status);
      }
      return status;
    });
  }

  #keep(file: CachedFile, offset: number, bytes: Uint8Array, count: number): void {
    const end = offset + count;
    // One that is empty says nothing: it may be anywhere behind the end.
    if (count === 0) return;
    if (count < bytes.length) file.endsAt(end);
    else if (end > file.knownBytes) file.knownBytes = end;
    const first = Math.ceil(offset / PAGE_BYTES);
    for (let page = first; page * PAGE_BYTES < end; page++) {
      const at = page * PAGE_BYTES - offset, length = Math.min(PAGE_BYTES, count - at);
      if (length < PAGE_BYTES && file.sizeBytes !== end) break;
      this.pool.keep(file, page, bytes.subarray(at, at + length));
    }
  }
}
