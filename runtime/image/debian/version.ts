// Order of Debian version numbers: [epoch:]upstream[-revision], as deb-version(7) defines it.

/** Negative where `a` is older than `b`, positive where it is newer, 0 where they are equal. */
export function compareVersions(a: string, b: string): number {
  const left = split(a), right = split(b);
  return left.epoch - right.epoch || compareParts(left.upstream, right.upstream) ||
    compareParts(left.revision, right.revision);
}

/** Whether `version` stands in a relation (`<<`, `<=`, `=`, `>=`, `>>`) to another. */
export function satisfies(version: string, relation: string, other: string): boolean {
  const order = compareVersions(version, other);
  switch (relation) {
    case "<<":
      return order < 0;
    case "<=":
    case "<":
      return order <= 0;
    case "=":
      return order === 0;
    case ">=":
    case ">":
      return order >= 0;
    case ">>":
      return order > 0;
    default:
      return false;
  }
}

function split(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(":");
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf("-");
  return {
    epoch: colon < 0 ? 0 : Number(version.slice(0, colon)),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? "" : rest.slice(dash + 1),
  };
}

/** Alternates between parts without digits, compared by character, and numbers. */
function compareParts(a: string, b: string): number {
  let left = a, right = b;
  while (left !== "" || right !== "") {
    const leftText = /^\D*/.exec(left)![0], rightText = /^\D*/.exec(right)![0];
    for (let at = 0; at < Math.max(leftText.length, rightText.length); at++) {
      const order = weight(leftText[at]) - weight(rightText[at]);
      if (order !== 0) return order;
    }
    left = left.slice(leftText.length);
    right = right.slice(rightText.length);
    const leftDigits = /^\d*/.exec(left)![0], rightDigits = /^\d*/.exec(right)![0];
    const leftNumber = BigInt(leftDigits || "0"), rightNumber = BigInt(rightDigits || "0");
    if (leftNumber !== rightNumber) return leftNumber < rightNumber ? -1 : 1;
    left = left.slice(leftDigits.length);
    right = right.slice(rightDigits.length);
  }
  return 0;
}

/** A tilde comes before the end, the end before letters, letters before the rest. */
function weight(character: string | undefined): number {
  if (character === "~") return -1;
  if (character === undefined) return 0;
  const code = character.charCodeAt(0);
  return /[A-Za-z]/.test(character) ? code : code + 256;
}
