// The cache of what was fetched. Contents lie under their SHA-256 and are checked whenever they are read;
// signed indexes lie under the archive's address. Files appear whole or not at all.

/** Where files come from; throws where one cannot be had. */
export type Fetch = (url: string, maxBytes: number) => Promise<Uint8Array>;

export class Store {
  /** @param folder of the cache; made when it is not there */
  constructor(private readonly folder: string, private readonly fetch: Fetch = fetchOverHttp) {}

  /** Contents by their hash, if they are here. A damaged file counts as missing. */
  async get(sha256: string): Promise<Uint8Array | undefined> {
    const bytes = await readIfThere(this.#pathOf(sha256));
    return bytes !== undefined && await sha256Of(bytes) === sha256 ? bytes : undefined;
  }

  /** @throws Error where the contents do not have that hash */
  async put(sha256: string, bytes: Uint8Array, what: string): Promise<void> {
    const found = await sha256Of(bytes);
    if (found !== sha256) {
      throw new Error(`Cannot use ${what}: its SHA-256 is ${found}, the index says ${sha256}`);
    }
    await writeWhole(this.#pathOf(sha256), bytes);
  }

  /**
   * Contents by their hash: from the cache, else from the first address that has them.
   * @throws Error that says what is missing, or what came was wrong
   */
  async fetched(sha256: string, sizeBytes: number, ...urls: string[]): Promise<Uint8Array> {
    const present = await this.get(sha256);
    if (present !== undefined) return present;
    let reason: Error | undefined;
    for (const url of urls) {
      try {
        const bytes = await this.fetch(url, sizeBytes);
        await this.put(sha256, bytes, url);
        return bytes;
      } catch (failure) {
        reason = failure as Error;
      }
    }
    if (reason?.message.startsWith("Cannot use")) throw reason;
    const url = urls[urls.length - 1];
    throw new Error(
      `Cannot get ${url}, and it is not in the cache ${this.folder}: ${reason?.message}`,
    );
  }

  /**
   * Uses a file that changes at its address: fetched anew, or as it was when it was last of use.
   * @param use what is done with it; a file with which it fails is not kept
   * @param final which failures of `use` an older file would not mend
   * @returns what `use` made of it, and why the file is an older one if it is
   */
  async current<T>(
    url: string,
    maxBytes: number,
    use: (bytes: Uint8Array) => Promise<T>,
    final: (failure: unknown) => boolean,
  ): Promise<{ value: T; older?: Error }> {
    const path = `${this.folder}/index/${encodeURIComponent(url)}`;
    let bytes: Uint8Array | undefined;
    try {
      bytes = await this.fetch(url, maxBytes);
      const value = await use(bytes);
      await writeWhole(path, bytes);
      return { value };
    } catch (failure) {
      if (bytes !== undefined && final(failure)) throw failure;
      const kept = await readIfThere(path);
      if (kept !== undefined) return { value: await use(kept), older: failure as Error };
      if (bytes !== undefined) throw failure;
      const { message } = failure as Error;
      throw new Error(`Cannot get ${url}, and it is not in the cache ${this.folder}: ${message}`);
    }
  }

  #pathOf(sha256: string): string {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Error(`Cannot use ${sha256} as a SHA-256`);
    return `${this.folder}/sha256/${sha256.slice(0, 2)}/${sha256}`;
  }
}

/** In hexadecimal. */
export async function sha256Of(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return new Uint8Array(digest).toHex();
}

/** Writes a file under another name and renames it, so that nobody sees a part of it. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  const unfinished = `${path}.${crypto.randomUUID()}.unfinished`;
  try {
    await Deno.writeFile(unfinished, bytes);
    await Deno.rename(unfinished, path);
  } catch (failure) {
    await Deno.remove(unfinished).catch(() => {});
    throw new Error(`Cannot write ${path}: ${(failure as Error).message}`);
  }
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await Deno.readFile(path);
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return undefined;
    throw new Error(`Cannot read ${path}: ${(failure as Error).message}`);
  }
}

const ATTEMPTS = 3;
const TIMEOUT_MS = 120_000;

/**
 * A file over HTTP; a server's passing fault is tried again.
 * @throws what `interruption` is aborted with
 */
export async function fetchOverHttp(
  url: string,
  maxBytes: number,
  interruption?: AbortSignal,
): Promise<Uint8Array> {
  for (let attempt = 1;; attempt++) {
    try {
      const limits = [AbortSignal.timeout(TIMEOUT_MS), ...(interruption ? [interruption] : [])];
      const response = await fetch(url, { signal: AbortSignal.any(limits) });
      if (!response.ok) {
        await response.body?.cancel();
        throw new Error(`the server answers ${response.status} ${response.statusText}`);
      }
      return await readBody(response, maxBytes);
    } catch (failure) {
      interruption?.throwIfAborted();
      const { message } = failure as Error;
      const final = attempt === ATTEMPTS || /answers 4|more than/.test(message) ||
        failure instanceof Deno.errors.NotCapable;
      if (final) throw failure;
    }
  }
}

async function readBody(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw new Error(`the server sends more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
