// The manifest's shape as a page for people: every field with type, default and meaning.
// Run as a program it writes docs/manifest.md.
import { limits } from "./limits.ts";
import { systemShape } from "./manifest.ts";
import {
  amountText,
  type Field,
  type NumberShape,
  type RecordShape,
  type Shape,
  units,
} from "./manifest_shape.ts";

const LINE_WIDTH = 100;

/** A record of the manifest under the path that a manifest has it at; "" is the root. */
interface Section {
  path: string;
  shape: RecordShape;
  /** what it is, where no row of another table says so */
  opening?: string;
}

function sections(shape: Shape, path: string, opening?: string): Section[] {
  switch (shape.kind) {
    case "list":
    case "map":
      return sections(shape.item, itemPath(path), shape.item.description);
    case "record":
      return [
        { path, shape, opening },
        ...Object.entries(shape.fields).flatMap(([name, field]) =>
          sections(field.shape, join(path, name))
        ),
      ];
    default:
      return [];
  }
}

const join = (path: string, name: string) => path === "" ? name : `${path}.${name}`;
const itemPath = (path: string) => `${path}.${path === "mounts" ? "PATH" : "NAME"}`;

function typeText(shape: Shape, path: string): string {
  switch (shape.kind) {
    case "text":
      return shape.pattern ? shape.pattern.what ?? "name" : "text";
    case "flag":
      return "`true`, `false`";
    case "choice":
      return shape.choices.map((choice) => `\`${choice}\``).join(", ");
    case "list":
      return `list of ${plural(shape.item, path)}`;
    case "map":
      return `map of ${plural(shape.item, path)}`;
    case "record":
      return `[\`${path}\`](#${path.toLowerCase().replaceAll(".", "")})`;
    case "integer":
      return `whole number, ${boundsText(shape)}`;
    case "bytes":
      return `size, ${boundsText(shape)}`;
    default:
      return `duration, ${boundsText(shape)}`;
  }
}

function plural(item: Shape, path: string): string {
  if (item.kind === "record") return typeText(item, itemPath(path));
  if (item.kind === "list") return `lists of ${plural(item.item, path)}`;
  return `${typeText(item, path)}${item.kind === "text" ? "s" : ""}`;
}

function boundsText({ kind, limit: { min, max } }: NumberShape): string {
  const least = `\`${amountText(min, kind)}\``;
  return min === max ? least : `${least} to \`${amountText(max, kind)}\``;
}

function fallbackText({ shape, presence, fallback }: Field): string {
  if (presence === "required") return "required";
  if (presence === "optional") return "";
  if (typeof fallback !== "object") return `\`${fallback}\``;
  return shape.kind === "record" ? "those of its fields" : "empty";
}

/** The tables of a shape's records, as sections of a page. @param whole what the root is: "a system" */
export function shapeSections(shape: Shape, whole: string): string[] {
  return sections(shape, "").map((section) => sectionText(section, whole));
}

function sectionText({ path, shape, opening }: Section, whole: string): string {
  const rows = Object.entries(shape.fields).map(([name, field]) => [
    `\`${name}\``,
    typeText(field.shape, join(path, name)),
    fallbackText(field),
    field.shape.description,
  ]);
  return [
    `## ${path === "" ? `Fields of ${whole}` : `\`${path}\``}\n`,
    ...opening ? [`${opening.charAt(0).toUpperCase()}${opening.slice(1)}.\n`] : [],
    table(["field", "type", "default", "meaning"], rows),
  ].join("\n");
}

/** A table as the formatter leaves it: columns as wide as their widest cell. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column].length))
  );
  const line = (row: string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |\n`;
  return [head, widths.map((width) => "-".repeat(width)), ...rows].map(line).join("");
}

/** A paragraph as the formatter leaves it: lines are full, and a link is one word. */
export function paragraph(text: string): string {
  const lines = [""];
  for (const [word] of text.matchAll(/(\[[^\]]*\]\([^)]*\)|\S)+/g)) {
    const line = lines.at(-1)!;
    if (line !== "" && line.length + 1 + word.length > LINE_WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join("\n") + "\n";
}

function introduction(nameMeaning: string): string[] {
  return [
    "# The manifest\n",
    paragraph(`A manifest of kind \`System\` describes one machine: its devices, the slices of its
      kernel, the domains that slices run in, and the programs to start. A whole one is
      [the quickstart](../examples/quickstart.yaml). This page is made from the shape that the
      checker uses, \`schemas/manifest.ts\`. An editor that knows \`schemas/system.schema.json\`
      completes and checks manifests; the first line of the examples tells it where that is.`),
    paragraph(`A name is ${nameMeaning}. A size or a duration is a number and a unit, such as
      \`64MiB\` or \`20ms\`; 0 needs none. What comes out has to be whole in the smallest unit that
      the field has.`),
    table(
      ["field holds", "units"],
      Object.entries(units).map(([kind, factors]) => [
        kind === "bytes" ? "a size" : `a duration in ${kind}`,
        Object.keys(factors).map((unit) => `\`${unit}\``).join(", "),
      ]),
    ),
    "## Several files\n",
    table(["field", "type", "meaning"], [
      ["`extends`", "path, or list of paths", "starts from these manifests and changes them"],
      ["`include`", "path, or list of paths", "the same, for parts that are no system alone"],
    ]),
    paragraph(`Paths are relative to the file that says them. Maps merge by key, and \`null\` takes
      an inherited entry away; lists gain the entries that they do not have yet; anything else is
      replaced, and so is \`args\`. A file that is reached twice is refused. \`compose config FILE\` prints the
      result, which can be read again.`),
  ];
}

function boundsSection(found: Section[]): string {
  const numbers = found.flatMap(({ path, shape }) =>
    Object.entries(shape.fields).flatMap(([name, { shape }]) =>
      "limit" in shape ? [[`\`${join(path, name)}\``, shape.limit.reason]] : []
    )
  );
  const counts = (["devices", "domains", "programs"] as const).map((what) => [
    `${what}, at most ${limits[what].max}`,
    limits[what].reason,
  ]);
  const rows = table(["number", "reason"], [...numbers, ...counts]);
  return `## Why the bounds are where they are\n\n${rows}`;
}

/** The text of docs/manifest.md. */
export function manifestPageText(): string {
  const found = sections(systemShape, "");
  const { name } = systemShape.fields;
  return [
    ...introduction(name.shape.pattern!.meaning),
    ...shapeSections(systemShape, "a system"),
    boundsSection(found),
  ].join("\n");
}

if (import.meta.main) {
  Deno.writeTextFileSync(new URL("../docs/manifest.md", import.meta.url), manifestPageText());
}
