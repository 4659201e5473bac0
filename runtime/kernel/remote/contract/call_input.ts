// What calls carry in payloads that their answers take the place of: names, which are needed to do a call again.
import type { ServiceCall } from "../../service.ts";
import { Call, Private } from "../../vfs/protocol.ts";

const nothing = new Uint8Array(0);

/** What a call carries in its payload beside room for output: a copy. */
export function inputOf(call: ServiceCall): Uint8Array {
  const length = inputBytes(call);
  return length === 0 ? nothing : call.payload.slice(0, length);
}

/** Input bytes at the start of a payload that also carries output. */
function inputBytes(call: ServiceCall): number {
  switch (call.number) {
    case Call.SYMLINKAT:
      return call.args[1] + call.args[2];
    case Call.FGETXATTR:
      return call.args[1];
    case Call.RENAMEAT2:
      return call.args[1] + call.args[3];
    case Call.LINKAT:
      return call.args[2];
    case Call.MKDIRAT:
    case Call.MKNODAT:
    case Call.UNLINKAT:
    case Private.CREATE:
      return call.args[1];
    default:
      return 0;
  }
}

/** Calls that make an inode and give no handle of it. */
export function makesWithoutHandle(number: number): boolean {
  return number === Call.MKDIRAT || number === Call.MKNODAT || number === Call.SYMLINKAT;
}
