// Which way a call's payload travels through a ring, so that large transfers are copied once.

const PREAD64 = 67;
const PWRITE64 = 68;
const GETDENTS64 = 61;

/** "out": the status says how many bytes are output; "in": nothing comes back; "both": all of it, both ways. */
export type PayloadFlow = "in" | "out" | "both";

export function payloadFlow(number: number): PayloadFlow {
  switch (number) {
    case PREAD64:
    case GETDENTS64:
      return "out";
    case PWRITE64:
      return "in";
    default:
      return "both";
  }
}
