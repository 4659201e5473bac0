// The shapes of manifests as JSON Schema (draft 2020-12), for completion in editors.
// Run as a program it writes schemas/system.schema.json and schemas/experiment.schema.json.
import { experimentShape } from "./experiment_shape.ts";
import { systemShape } from "./manifest.ts";
import { type Shape, units } from "./manifest_shape.ts";

type Json = Record<string, unknown>;

function toJsonSchema(shape: Shape): Json {
  const { description } = shape;
  switch (shape.kind) {
    case "text":
      return {
        type: ["string", "number", ...(shape.flags ? ["boolean"] : [])],
        description,
        ...(shape.pattern ? { pattern: shape.pattern.source } : {}),
      };
    case "choice":
      return { enum: shape.choices, description };
    case "flag":
      return { type: "boolean", description };
    case "integer":
      return { type: "integer", description, minimum: shape.limit.min, maximum: shape.limit.max };
    case "list":
      return { type: "array", description, items: toJsonSchema(shape.item) };
    case "map":
      return {
        type: "object",
        description,
        ...(shape.keys ? { propertyNames: { pattern: shape.keys.source } } : {}),
        additionalProperties: nullable(toJsonSchema(shape.item)),
      };
    case "record":
      return {
        type: "object",
        description,
        additionalProperties: false,
        properties: Object.fromEntries(
          Object.entries(shape.fields).map(([name, field]) => {
            const schema = toJsonSchema(field.shape);
            const given = field.fallback === undefined
              ? schema
              : { ...schema, default: field.fallback };
            return [name, field.presence === "required" ? given : nullable(given)];
          }),
        ),
      };
    default: {
      const known = Object.keys(units[shape.kind]).join("|");
      return {
        type: ["string", "integer"],
        description,
        pattern: `^(0|[0-9]+(\\.[0-9]+)? *(${known}))$`,
        minimum: 0,
        maximum: 0,
      };
    }
  }
}

/** Null takes an inherited entry away. What is required may come from the manifest that is extended. */
function nullable(schema: Json): Json {
  return { anyOf: [schema, { type: "null" }] };
}

/** The text of schemas/system.schema.json. */
export function systemSchemaText(): string {
  return schemaText("VirtuOS system", toJsonSchema(systemShape));
}

/** The text of schemas/experiment.schema.json: with the trees that are taken out before decoding. */
export function experimentSchemaText(): string {
  const schema = toJsonSchema(experimentShape);
  const properties = schema.properties as Record<string, Json>;
  const system = (properties.systems.additionalProperties as { anyOf: Json[] }).anyOf[0];
  Object.assign(system.properties as Json, {
    overrides: {
      $ref: "system.schema.json",
      description: "what is otherwise than in its manifest, as a manifest that extends it says it",
    },
  });
  const quick = {
    $ref: "#",
    description: "the same in little: what is otherwise; lists stand in place of those above",
  };
  return schemaText("VirtuOS experiment", { ...schema, properties: { ...properties, quick } });
}

function schemaText(title: string, schema: Json): string {
  const path = { type: "string", description: "path of a manifest, relative to this file" };
  const paths = { anyOf: [path, { type: "array", items: path }] };
  const properties = { extends: paths, include: paths, ...schema.properties as Json };
  return JSON.stringify(
    {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title,
      ...schema,
      properties,
    },
    null,
    2,
  ) + "\n";
}

if (import.meta.main) {
  for (
    const [name, text] of [["system", systemSchemaText()], ["experiment", experimentSchemaText()]]
  ) {
    Deno.writeTextFileSync(new URL(`${name}.schema.json`, import.meta.url), text);
  }
}
