// The shape language of manifests: one value per kind of field. From a shape follow the TypeScript
// type, the structural check, the defaults and the JSON Schema, so none of them can disagree.
import type { Limit } from "./limits.ts";

interface Described {
  /** for editor completion and `explain` */
  description: string;
}
/** What a text has to match. */
export interface Pattern {
  /** a regular expression */
  source: string;
  /** the same in words: "a name is ..." */
  meaning: string;
  /** what such a text is, where it is no name: "address" */
  what?: string;
}
export interface TextShape extends Described {
  kind: "text";
  pattern?: Pattern;
  /** true and false, too, are texts here */
  flags?: boolean;
}
export interface ChoiceShape<C extends string = string> extends Described {
  kind: "choice";
  choices: readonly C[];
}
export interface FlagShape extends Described {
  kind: "flag";
}
/** A number, a size ("64MiB" -> bytes) or a duration ("20ms" -> milli- or microseconds). */
export interface NumberShape extends Described {
  kind: "integer" | "bytes" | "milliseconds" | "microseconds";
  limit: Limit;
}
export interface ListShape<S extends Shape = Shape> extends Described {
  kind: "list";
  item: S;
}
export interface MapShape<S extends Shape = Shape> extends Described {
  kind: "map";
  item: S;
  /** what its keys have to match */
  keys?: Pattern;
}
export interface RecordShape<F extends Fields = Fields> extends Described {
  kind: "record";
  fields: F;
  /** fields that are read before this shape is: of another shape, or of several files */
  apart?: readonly string[];
}
export interface Field<S extends Shape = Shape, P extends Presence = Presence> {
  shape: S;
  presence: P;
  /** as a manifest would write it */
  fallback?: unknown;
}
export type Presence = "required" | "optional" | "defaulted";
export type Fields = { readonly [name: string]: Field };
export type Shape =
  | TextShape
  | ChoiceShape
  | FlagShape
  | NumberShape
  | ListShape
  | MapShape
  | RecordShape;

/** The value that a shape describes, after units are resolved and defaults are filled in. */
export type Infer<S> = S extends ChoiceShape<infer C> ? C
  : S extends TextShape ? string
  : S extends FlagShape ? boolean
  : S extends NumberShape ? number
  : S extends ListShape<infer I> ? Infer<I>[]
  : S extends MapShape<infer I> ? Record<string, Infer<I>>
  : S extends RecordShape<infer F> ?
      & { [K in keyof F as F[K]["presence"] extends "optional" ? never : K]: Infer<F[K]["shape"]> }
      & { [K in keyof F as F[K]["presence"] extends "optional" ? K : never]?: Infer<F[K]["shape"]> }
  : never;

export const text = (description: string, pattern?: Pattern): TextShape => ({
  kind: "text",
  description,
  pattern,
});
/** What some other field takes, as a text: with numbers and flags. */
export const anyValue = (description: string): TextShape => ({
  kind: "text",
  description,
  flags: true,
});
export const flag = (description: string): FlagShape => ({ kind: "flag", description });
export const choice = <const C extends string>(
  description: string,
  choices: readonly C[],
): ChoiceShape<C> => ({
  kind: "choice",
  description,
  choices,
});
export const number = (
  kind: NumberShape["kind"],
  description: string,
  limit: Limit,
): NumberShape => ({ kind, description, limit });
export const list = <S extends Shape>(description: string, item: S): ListShape<S> => ({
  kind: "list",
  description,
  item,
});
export const map = <S extends Shape>(
  description: string,
  item: S,
  keys?: Pattern,
): MapShape<S> => ({
  kind: "map",
  description,
  item,
  keys,
});
export const record = <const F extends Fields>(
  description: string,
  fields: F,
  apart?: readonly string[],
): RecordShape<F> => ({
  kind: "record",
  description,
  fields,
  apart,
});
export const required = <S extends Shape>(shape: S): Field<S, "required"> => ({
  shape,
  presence: "required",
});
export const optional = <S extends Shape>(shape: S): Field<S, "optional"> => ({
  shape,
  presence: "optional",
});
export const defaulted = <S extends Shape>(shape: S, fallback: unknown): Field<S, "defaulted"> => ({
  shape,
  presence: "defaulted",
  fallback,
});

/** Names of what manifests declare. */
export const namePattern: Pattern = {
  source: "^[a-z][a-z0-9_-]{0,62}$",
  meaning: "a lower-case letter, then letters, digits, - and _",
};
/** Paths of the machine. */
export const pathPattern: Pattern = {
  source: "^/",
  meaning: "a path of the machine that begins with /",
  what: "absolute path",
};
/** Names of an environment. */
export const variablePattern: Pattern = {
  source: "^[^=]+$",
  meaning: "at least a character, none of them =",
  what: "variable of an environment",
};

/** A name of something that manifests declare. */
export const named = (description: string): TextShape => text(description, namePattern);

/** What each unit multiplies by, per kind of number. */
export const units: Record<Exclude<NumberShape["kind"], "integer">, Record<string, number>> = {
  bytes: { B: 1, KiB: 1024, MiB: 1 << 20, GiB: 2 ** 30, TiB: 2 ** 40 },
  milliseconds: { ms: 1, s: 1000 },
  microseconds: { us: 1, ms: 1000 },
};

/** Bytes in whole mebibytes, as hints suggest them. */
export function wholeMebibytes(bytes: number): number {
  return Math.ceil(bytes / (1 << 20)) * (1 << 20);
}

/** An amount as a manifest would write it: in the largest unit that divides it. */
export function amountText(amount: number, kind: NumberShape["kind"]): string {
  if (kind === "integer" || amount === 0) return String(amount);
  const [unit, factor] = Object.entries(units[kind]).findLast(([, factor]) =>
    amount % factor === 0
  )!;
  return `${amount / factor}${unit}`;
}
