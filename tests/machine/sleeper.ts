// A program that does nothing for as long as it is there.
import type { Sys } from "../../mod.ts";

const HOUR_MS = 3_600_000;

export default async function main(sys: Sys): Promise<void> {
  for (;;) await sys.sleep(HOUR_MS);
}
