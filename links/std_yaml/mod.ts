// Stand-in for @std/yaml 1.2: parse and stringify, over the npm package `yaml`.
import { parseDocument, stringify as stringifyYaml } from "yaml";

/** Options of {@link stringify}, as in the real package. */
export interface StringifyOptions {
  /** spaces of one level; 2 unless told */
  indent?: number;
  /** longest line before folding; -1 never folds; 80 unless told */
  lineWidth?: number;
  /** leaves out what YAML has no form for instead of throwing */
  skipInvalid?: boolean;
  /** whether map keys are sorted */
  sortKeys?: boolean;
}

/**
 * The value of one YAML document.
 * @throws SyntaxError where the text is not YAML
 */
export function parse(content: string): unknown {
  const document = parseDocument(content, { schema: "core" });
  if (document.errors.length > 0) throw new SyntaxError(document.errors[0].message);
  return document.toJS();
}

/**
 * The YAML text of a value.
 * @throws TypeError on functions and symbols, unless `skipInvalid`
 */
export function stringify(data: unknown, options: StringifyOptions = {}): string {
  const clean = (value: unknown, where: string): unknown => {
    if (typeof value === "function" || typeof value === "symbol") {
      if (options.skipInvalid) return undefined;
      throw new TypeError(`Cannot stringify ${typeof value} at "${where}"`);
    }
    if (Array.isArray(value)) return value.map((item, index) => clean(item, `${where}.${index}`));
    if (
      typeof value !== "object" || value === null ||
      Object.getPrototypeOf(value) !== Object.prototype
    ) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, clean(item, `${where}.${key}`)]),
    );
  };
  return stringifyYaml(clean(data, ""), {
    schema: "core",
    indent: options.indent ?? 2,
    lineWidth: options.lineWidth === -1 ? 0 : options.lineWidth ?? 80,
    sortMapEntries: options.sortKeys ?? false,
    aliasDuplicateObjects: false,
  });
}
