// `compose fault`: something goes wrong in a running system, to see what that makes of it.
import { Command, ValidationError } from "@cliffy/command";
import { faultPlaces } from "../../schemas/faults.ts";
import { limits } from "../../schemas/limits.ts";
import type { FaultDescription } from "../../schemas/plan.ts";
import { suggest } from "../diagnostic/suggest.ts";
import { demand } from "./system/demand.ts";
import { parseDuration } from "./duration.ts";
import { findRunning } from "./system/find_system.ts";
import { Exit, type Shared } from "./input.ts";

interface Options extends Shared {
  by?: string;
  for?: string;
  rate?: number;
  seed?: number;
}

const kinds = Object.keys(faultPlaces) as FaultDescription["kind"][];
const kindsOf = (place: string) => kinds.filter((kind) => faultPlaces[kind] === place).join(", ");

export const faultCommand = new Command()
  .description(
    "Have something go wrong in a running system.\n" +
      "Manifests can say the same, at certain moments: docs/faults.md.\n" +
      `In a service domain: ${kindsOf("domain")}.\n` +
      `In a virtio-blk device: ${kindsOf("virtio-blk")}.\nIn a virtio-net device: ${
        kindsOf("virtio-net")
      }.`,
  )
  .arguments("<system:string:system> <place:string> <kind:string>")
  .option("--by <time:string>", "slow: how much later answers come, such as 5ms")
  .option("--for <time:string>", "how long: slow, disk-error, disk-full, packet-loss")
  .option("--rate <frames:number>", "packet-loss: of a million frames, so many are lost")
  .option("--seed <number:number>", "packet-loss: which frames are lost is drawn from it")
  .example("A domain dies", "compose fault server storage crash")
  .example("A domain hangs, and its heartbeat is missed", "compose fault server network hang")
  .example("A domain answers 5 ms later", "compose fault server storage slow --by 5ms --for 10s")
  .example("A disk is full for a second", "compose fault server disk0 disk-full --for 1s")
  .example(
    "A network loses one frame of a hundred",
    "compose fault server net0 packet-loss --rate 10000",
  )
  .action(fault);

async function fault(options: Options, given: string, place: string, kind: string): Promise<void> {
  const description = describe(options, kind);
  const system = findRunning(given);
  await demand(system, { do: "fault", place, fault: description });
  if (options.json) console.log(JSON.stringify({ system: system.name, place, ...description }));
  Deno.exit(Exit.OK);
}

/** @throws ValidationError for what is no fault */
function describe({ by, for: lasts, rate, seed }: Options, given: string): FaultDescription {
  const kind = kinds.find((each) => each === given);
  if (kind === undefined) {
    const hint = suggest(given, kinds);
    throw new ValidationError(
      `There is no fault "${given}"${hint === undefined ? "" : `: ${hint}`}`,
    );
  }
  const wrong = (message: string): never => {
    throw new ValidationError(message);
  };
  const time = (option: string, text: string | undefined, max: number) => {
    const ms = text === undefined ? undefined : parseDuration(text);
    if (text !== undefined && (ms === undefined || ms > max)) {
      wrong(`Say --${option} 5ms, 10s or 1m, not "${text}"`);
    }
    return ms;
  };
  const byMs = time("by", by, limits.slowMs.max), forMs = time("for", lasts, limits.faultMs.max);
  if ((kind === "slow") !== (byMs !== undefined)) {
    wrong(kind === "slow" ? "Say by how much: --by 5ms" : `--by means nothing to "${kind}"`);
  }
  if ((kind === "packet-loss") !== (rate !== undefined)) {
    wrong(
      kind === "packet-loss"
        ? "Say how many frames of a million: --rate 10000"
        : `--rate means nothing to "${kind}"`,
    );
  }
  const { min, max } = limits.million;
  if (rate !== undefined && !(rate >= min && rate <= max)) {
    wrong(`Of a million frames ${rate} cannot be lost`);
  }
  return {
    kind,
    ...(byMs === undefined ? {} : { byMs }),
    ...(forMs === undefined ? {} : { forMs }),
    ...(rate === undefined ? {} : { rate: rate / 1e6 }),
    ...(seed === undefined ? {} : { seed }),
  };
}
