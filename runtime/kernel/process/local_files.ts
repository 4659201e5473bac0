// What the primary keeps about files, whatever server they are on: pipes behind names, files without a place.
import type { Environment } from "../environment.ts";
import { AnonymousFiles } from "./anonymous_files.ts";
import { FifoTable } from "./fifo.ts";

export class LocalFiles {
  readonly fifos = new FifoTable();
  readonly anonymous: AnonymousFiles;

  constructor(environment: Environment) {
    this.anonymous = new AnonymousFiles(environment);
  }
}
