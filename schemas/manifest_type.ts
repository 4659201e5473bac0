// The manifest's shape as a TypeScript interface, written out so that its documentation can be read
// and nobody has to infer it. Run as a program it writes schemas/system.ts.
import { systemShape } from "./manifest.ts";
import type { Field, RecordShape, Shape } from "./manifest_shape.ts";

const LINE_WIDTH = 100;
const typeOfNumber = {
  integer: "",
  bytes: "in bytes",
  milliseconds: "in milliseconds",
  microseconds: "in microseconds",
} as const;

/** What the value of a shape is; lines after the first are indented by `indent`. */
function typeText(shape: Shape, indent: string, column: number): string {
  switch (shape.kind) {
    case "text":
      return "string";
    case "flag":
      return "boolean";
    case "choice": {
      const choices = shape.choices.map((choice) => JSON.stringify(choice));
      const line = choices.join(" | ");
      if (column + line.length < LINE_WIDTH) return line;
      return choices.map((choice) => `\n${indent}  | ${choice}`).join("");
    }
    case "list": {
      const item = typeText(shape.item, indent, column);
      return shape.item.kind === "choice" ? `(${item})[]` : `${item}[]`;
    }
    case "map":
      return `Record<string, ${typeText(shape.item, indent, column + "Record<string, ".length)}>`;
    case "record":
      return recordText(shape, indent);
    default:
      return "number";
  }
}

function recordText(shape: RecordShape, indent: string): string {
  const inner = `${indent}  `;
  const fields = Object.entries(shape.fields).map(([name, field]) => {
    const begin = `${inner}${name}${field.presence === "optional" ? "?" : ""}:`;
    const type = typeText(field.shape, inner, begin.length + 1);
    const space = type.startsWith("\n") ? "" : " ";
    return `${inner}/** ${meaning(field)} */\n${begin}${space}${type};\n`;
  });
  return `{\n${fields.join("")}${indent}}`;
}

function meaning({ shape, presence, fallback }: Field): string {
  const unit = shape.kind in typeOfNumber
    ? typeOfNumber[shape.kind as keyof typeof typeOfNumber]
    : "";
  const assumed = presence === "defaulted" && (typeof fallback !== "object")
    ? `${JSON.stringify(fallback)} unless told`
    : "";
  return [shape.description, unit, assumed].filter((part) => part !== "").join("; ");
}

/** The text of schemas/system.ts. */
export function systemTypeText(): string {
  return `// The manifest of kind \`System\` as a type. Made from the shape in manifest.ts: change that, and run
// \`deno task schemas\`.

/** A manifest after loading: what it extends is merged, units are resolved, defaults are filled in. */
export interface System ${recordText(systemShape, "")}
`;
}

if (import.meta.main) {
  Deno.writeTextFileSync(new URL("system.ts", import.meta.url), systemTypeText());
}
