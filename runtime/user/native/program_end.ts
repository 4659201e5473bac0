// How native programs hear that a call failed, and how they end from anywhere.
import { errnoName } from "../../kernel/errno.ts";

/** A system call failed: `name` is the error's, such as "ENOENT". */
export class PosixError extends Error {
  /**
   * The failure of one call.
   * @param errno the positive number of the error
   * @param call name of the system call
   * @param subject what it was about, such as a path
   */
  constructor(readonly errno: number, readonly call: string, subject: string) {
    super(`${errnoName(errno)}: ${call}${subject === "" ? "" : ` ${subject}`}`);
    this.name = errnoName(errno);
  }
}

/** Ends a program from anywhere inside it; the thread that called it does not go on. */
export class ExitProgram {
  /** Thrown, it ends the program. @param status of which 8 bits count */
  constructor(readonly status: number) {}
}
