// A manifest with programs of a few instructions, and `compose` in its folder: for tests of running systems.
import { assertEquals } from "@std/assert";
import { composeCommand, withFolder } from "../fixtures/boot_harness.ts";
import { smallManifest } from "../fixtures/small_manifest.ts";
import { writePrograms } from "./small_programs.ts";

export const decoder = new TextDecoder();

interface Ended {
  code: number;
  out: string;
  err: string;
}

/** Commands in a folder with a manifest and its programs. */
class Place {
  constructor(readonly folder: string) {}

  async compose(...args: string[]): Promise<Ended> {
    const { code, stdout, stderr } = await composeCommand(this.folder, args).output();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  }

  start(...args: string[]): Deno.ChildProcess {
    return composeCommand(this.folder, args, {}, "piped").spawn();
  }

  async systems() {
    const { code, out, err } = await this.compose("ps", "--json");
    assertEquals([code, err], [0, ""]);
    return JSON.parse(out).systems;
  }

  /** What is left of systems. */
  get entries(): string[] {
    return [...Deno.readDirSync(`${this.folder}/virtuos`)].map(({ name }) => name);
  }
}

/** Runs `body` beside a manifest with these programs; whatever runs afterwards is killed. */
export function withManifest(
  programs: string,
  body: (place: Place) => Promise<void>,
  more?: string,
): Promise<void> {
  return withFolder(async (folder) => {
    await writePrograms(`${folder}/root`);
    await Deno.writeTextFile(`${folder}/small.yaml`, smallManifest({ programs, more }));
    const place = new Place(folder);
    try {
      await body(place);
    } finally {
      for (const { name, end } of await place.systems()) {
        if (end === undefined) await place.compose("stop", "--timeout", "0s", name);
      }
    }
  });
}

export const WAIT = "  main: { run: /wait }";
