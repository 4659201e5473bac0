// What poll(2) says of a stream that is not listening, as Linux does it.
import { Ready } from "../endpoint_base.ts";
import { isWritable } from "./acknowledgement.ts";
import type { Connection } from "./connection.ts";
import { State } from "./state.ts";

/** @param error errno that waits to be told @param readShut the program wants to read no more */
export function streamReadiness(
  connection: Connection | undefined,
  error: number,
  readShut: boolean,
): number {
  let ready = error !== 0 ? Ready.ERR : 0;
  if (connection === undefined) return ready | Ready.OUT | Ready.HUP;
  const ended = connection.ended || readShut;
  const over = connection.state === State.CLOSED || ended && connection.finQueued;
  if (over) ready |= Ready.HUP;
  if (ended) ready |= Ready.IN | Ready.RDHUP;
  if (connection.readable >= connection.options.receiveLow) ready |= Ready.IN;
  if (over || connection.finQueued || isWritable(connection)) ready |= Ready.OUT;
  return ready;
}
