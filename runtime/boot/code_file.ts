// Where the code is kept that was translated of the programs of a root file system: beside its image in the
// cache. Without it machines run as they do with it, after a slower start.

/** Folder of the cache that has images. */
const IMAGES = "images";
const CODE = "code";

export class CodeFile {
  private constructor(private readonly path: string) {}

  /** @param images paths of root file systems; what is not in a cache is followed by no code */
  static beside(images: string[]): CodeFile | undefined {
    for (const image of images) {
      const [, cache, name] = image.match(`^(.*)/${IMAGES}/([^/]+)\\.img$`) ?? [];
      if (name !== undefined) return new CodeFile(`${cache}/${CODE}/${name}`);
    }
    return undefined;
  }

  read(): Uint8Array<ArrayBuffer> | undefined {
    try {
      return Deno.readFileSync(this.path);
    } catch (failure) {
      if (failure instanceof Deno.errors.NotFound) return undefined;
      throw failure;
    }
  }

  /** Replaces it, as a whole. @throws Error that names it, where that cannot be done */
  write(code: Uint8Array): void {
    const folder = this.path.slice(0, this.path.lastIndexOf("/"));
    const unfinished = `${this.path}.${crypto.randomUUID()}.part`;
    try {
      Deno.mkdirSync(folder, { recursive: true });
      try {
        Deno.writeFileSync(unfinished, code);
        Deno.renameSync(unfinished, this.path);
      } catch (failure) {
        if (isFile(unfinished)) Deno.removeSync(unfinished);
        throw failure;
      }
    } catch (failure) {
      throw new Error(
        `Cannot keep translated code in ${this.path}: ${(failure as Error).message}`,
        { cause: failure },
      );
    }
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (failure) {
    if (failure instanceof Deno.errors.NotFound) return false;
    throw failure;
  }
}
