// A tree of XML as text: elements, attributes in the order in which they are given, comments.

/** What an element has in it. */
export type Content = Element | Comment | string;

/** An element; attributes that are undefined are left out. */
export interface Element {
  tag: string;
  attributes: Record<string, string | number | undefined>;
  content: Content[];
}

/** A comment: one line each. */
export interface Comment {
  comment: string[];
}

/** An element with attributes and content. */
export function element(
  tag: string,
  attributes: Element["attributes"] = {},
  ...content: Content[]
): Element {
  return { tag, attributes, content };
}

/** A comment of as many lines as are given. */
export const comment = (...lines: string[]): Comment => ({ comment: lines });

/** A document, two spaces a level; text stands alone in its element. */
export function document(root: Element): string {
  return ['<?xml version="1.0" encoding="UTF-8"?>', ...lines(root, ""), ""].join("\n");
}

function lines(content: Content, indent: string): string[] {
  if (typeof content === "string") return [`${indent}${escape(content)}`];
  if ("comment" in content) return commentLines(content.comment, indent);
  const { tag, attributes } = content;
  const head = Object.entries(attributes).filter(([, value]) => value !== undefined).map((
    [name, value],
  ) => ` ${name}="${escape(String(value))}"`).join("");
  const [first] = content.content;
  if (first === undefined) return [`${indent}<${tag}${head}/>`];
  if (typeof first === "string") return [`${indent}<${tag}${head}>${escape(first)}</${tag}>`];
  return [
    `${indent}<${tag}${head}>`,
    ...content.content.flatMap((one) => lines(one, `${indent}  `)),
    `${indent}</${tag}>`,
  ];
}

/** XML allows no two hyphens in a comment, nor one at its end. */
function commentLines(texts: string[], indent: string): string[] {
  const safe = texts.map((text) => text.replace(/-(?=-)/g, "- "));
  if (safe.length === 1) return [`${indent}<!-- ${safe[0]} -->`];
  return [`${indent}<!--`, ...safe.map((text) => `${indent}  ${text}`.trimEnd()), `${indent}-->`];
}

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ESCAPES[character]).replace(
    /[\t\n\r]/g,
    (character) => `&#${character.charCodeAt(0)};`,
  );
}
