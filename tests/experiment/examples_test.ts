// Every experiment of the examples, in little: it ends in a minute, no run fails, every figure is there.
import { assert, assertEquals } from "@std/assert";
import { composeCommand, withFolder } from "../fixtures/boot_harness.ts";

const folder = new URL("../../examples/experiments/", import.meta.url);
const names = [...Deno.readDirSync(folder)].map(({ name }) => name)
  .filter((name) => name.endsWith(".yaml")).sort();
/** An archive of Debian packages that tests may reach; without one, what is made of packages does not run. */
const mirror = Deno.env.get("VIRTUOS_TEST_MIRROR");
const packaged = (name: string) => Deno.readTextFileSync(new URL(name, folder)).includes("debian:");
if (mirror === undefined) {
  const left = names.filter(packaged).join(", ");
  console.warn(
    `Experiments with Debian's programs do not run: VIRTUOS_TEST_MIRROR is not set: ${left}`,
  );
}

const env: Record<string, string> = {};
if (mirror !== undefined && mirror !== "apt") env.VIRTUOS_MIRROR = mirror;
const cache = Deno.env.get("VIRTUOS_CACHE");
if (cache !== undefined) env.VIRTUOS_CACHE = cache;

/** Twice what it may take, for hosts that have other things to do; making an image is not counted in. */
const LIMIT_MS = 120_000;
const IMAGES_MS = 400_000;

for (const name of names) {
  Deno.test({
    name: `experiments/${name} --quick`,
    ignore: packaged(name) && mirror === undefined,
    fn: () =>
      withFolder(async (out) => {
        const path = new URL(name, folder).pathname;
        const child = composeCommand(
          out,
          ["experiment", "--quick", "--json", "--out", `${out}/results`, path],
          env,
        ).spawn();
        const limit = LIMIT_MS + (packaged(name) ? IMAGES_MS : 0);
        const timer = setTimeout(() => child.kill("SIGTERM"), limit);
        const { code, stdout, stderr } = await child.output();
        clearTimeout(timer);
        const text = new TextDecoder().decode(stdout);
        assert(text !== "", new TextDecoder().decode(stderr));
        const { figures, failures, missingCounters } = JSON.parse(text);
        assertEquals(failures, []);
        assertEquals([code, missingCounters], [0, []]);
        assert(figures.length > 0);
        for (const { figure, value, values } of figures) {
          assert(Number.isFinite(value) && value >= 0 && values.length > 0, figure);
        }
        const page = Deno.readTextFileSync(`${out}/results/report.html`);
        assert(page.includes("<svg"));
      }),
  });
}
