// Something that a running system is to do, for a command that does nothing else.
import type { ControlRequest } from "../../../runtime/boot/control/control_protocol.ts";
import { Exit } from "../input.ts";
import { ControlClient, Refused } from "./control_client.ts";
import type { SystemEntry } from "./system_folder.ts";

/** Has a system do it; where it does not, says why and ends the process as failed. */
export async function demand(
  { folder, name }: SystemEntry,
  request: ControlRequest,
): Promise<void> {
  try {
    const answer = await ControlClient.once(folder, request);
    if (answer !== undefined && "done" in answer) return;
    console.error(`compose: system "${name}" has ended`);
  } catch (failure) {
    if (!(failure instanceof Refused)) throw failure;
    console.error(`compose: ${failure.message}`);
  }
  Deno.exit(Exit.FAILED);
}
