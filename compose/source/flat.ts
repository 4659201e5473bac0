// A manifest as one file: what it extends and includes merged in, defaults filled in, amounts with their units, so
// that it can be read again.
import { systemShape } from "../../schemas/manifest.ts";
import { amountText, type Shape } from "../../schemas/manifest_shape.ts";
import type { Loaded } from "./load.ts";
import { hostPaths, pathAt } from "./load.ts";
import { nodeAt } from "./node.ts";

/**
 * The values of a manifest as one in the folder of its file would say them.
 *
 * @param loaded one that is sound
 */
export function flatManifest({ root, system }: Loaded, file: string): unknown {
  const flat = written(systemShape, system);
  for (const { place, value } of hostPaths(system!)) {
    if (folderOf(nodeAt(root, place).file.path) === folderOf(file)) continue;
    // Said elsewhere, it is relative to that. A path from / would be one of the machine.
    const path = pathAt(root, place, value);
    setIn(flat, place, place[0] === "programs" ? `file://${encodeURI(path)}` : path);
  }
  return flat;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

/** A value as a manifest writes it. */
function written(shape: Shape, value: unknown): unknown {
  switch (shape.kind) {
    case "list":
      return (value as unknown[]).map((item) => written(shape.item, item));
    case "map":
      return Object.fromEntries(
        Object.entries(value as object).map(([key, item]) => [key, written(shape.item, item)]),
      );
    case "record":
      return Object.fromEntries(
        Object.entries(value as object).filter(([, field]) => field !== undefined).map(
          ([key, field]) => [key, written(shape.fields[key].shape, field)],
        ),
      );
    case "bytes":
    case "milliseconds":
    case "microseconds":
      return amountText(value as number, shape.kind);
    default:
      return value;
  }
}

function setIn(tree: unknown, place: readonly string[], value: string): void {
  let at = tree as Record<string, unknown>;
  for (const step of place.slice(0, -1)) at = at[step] as Record<string, unknown>;
  at[place.at(-1)!] = value;
}
