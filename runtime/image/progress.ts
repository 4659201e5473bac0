// What building an image says about how far it is.

export interface ProgressEvent {
  /**
   * reading indexes, fetching and unpacking packages, writing the file system, running commands on it; or
   * a remark on the way
   */
  step: "index" | "fetch" | "unpack" | "write" | "prepare" | "note";
  /** what it is at: a suite, a package, a path, a command; or the remark */
  what: string;
  done: number;
  total: number;
}

export type Progress = (event: ProgressEvent) => void;
