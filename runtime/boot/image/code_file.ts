// Where the code is kept that was translated of the programs of a root file system: beside its image in the
// cache. Without it machines run as they do with it, after a slower start: so what goes wrong here is told,
// and nothing else comes of it.
import { crc32 } from "node:zlib";

/** Folder of the cache that has images. */
const IMAGES = "images";
const CODE = "code";
/** The file ends with a checksum of what comes before. */
const CHECKSUM_BYTES = 4;

export class CodeFile {
  private constructor(
    private readonly path: string,
    private readonly tell: (line: string) => void,
  ) {}

  /**
   * @param images paths of root file systems; what is not in a cache is followed by no code
   * @param tell gets what goes wrong
   */
  static beside(images: string[], tell: (line: string) => void): CodeFile | undefined {
    for (const image of images) {
      const [, cache, name] = image.match(`^(.*)/${IMAGES}/([^/]+)\\.img$`) ?? [];
      if (name !== undefined) return new CodeFile(`${cache}/${CODE}/${name}`, tell);
    }
    return undefined;
  }

  read(): Uint8Array<ArrayBuffer> | undefined {
    try {
      const file = Deno.readFileSync(this.path);
      const code = file.subarray(0, -CHECKSUM_BYTES);
      if (file.length > CHECKSUM_BYTES && crc32(code) === checksumOf(file).getUint32(0)) {
        return code;
      }
      this.tell(`The translated code in ${this.path} is damaged: it will be made anew`);
    } catch (failure) {
      if (!(failure instanceof Deno.errors.NotFound)) this.#failed("read", failure);
    }
    return undefined;
  }

  /** Replaces it, as a whole. */
  write(code: Uint8Array): void {
    const folder = this.path.slice(0, this.path.lastIndexOf("/"));
    const unfinished = `${this.path}.${crypto.randomUUID()}.part`;
    const file = new Uint8Array(code.length + CHECKSUM_BYTES);
    file.set(code);
    checksumOf(file).setUint32(0, crc32(code));
    try {
      Deno.mkdirSync(folder, { recursive: true });
      try {
        Deno.writeFileSync(unfinished, file);
        Deno.renameSync(unfinished, this.path);
      } catch (failure) {
        if (isFile(unfinished)) Deno.removeSync(unfinished);
        throw failure;
      }
    } catch (failure) {
      this.#failed("keep", failure);
    }
  }

  #failed(action: string, failure: unknown): void {
    const reason = failure instanceof Error ? failure.message : String(failure);
    this.tell(`Cannot ${action} translated code in ${this.path}: ${reason}`);
  }
}

function checksumOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset + byteLength - CHECKSUM_BYTES, CHECKSUM_BYTES);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}
