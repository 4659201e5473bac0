// The shape of experiments as a page for people: every field with type, default and meaning.
// Run as a program it writes docs/experiment_manifest.md.
import { experimentShape } from "./experiment_shape.ts";
import { paragraph, shapeSections } from "./manifest_page.ts";

/** The text of docs/experiment_manifest.md. */
export function experimentPageText(): string {
  return [
    "# The manifest of experiments\n",
    paragraph(
      `A manifest of kind \`Experiment\` says what is run, on which systems, what is varied and
      what is measured: [experiments](experiments.md) has it from the beginning. This page is made
      from the shape that the checker uses, \`schemas/experiment_shape.ts\`. Names, sizes, durations,
      \`extends\` and \`include\` are as in [manifests of systems](manifest.md). An editor that knows
      \`schemas/experiment.schema.json\` completes and checks experiments.`,
    ),
    paragraph(
      `Two fields are not in the tables, since they have the shape of something else. A system
      may have \`overrides\`: what is otherwise than in its manifest, as a manifest that extends it
      would say it. And the experiment may have \`quick\`: what is otherwise with \`--quick\`, in the
      form of the experiment itself; there, lists stand in place of those of the experiment, and
      \`null\` takes an entry away.`,
    ),
    ...shapeSections(experimentShape, "an experiment"),
  ].join("\n");
}

if (import.meta.main) {
  const page = new URL("../docs/experiment_manifest.md", import.meta.url);
  Deno.writeTextFileSync(page, experimentPageText());
}
