// InRelease files: the OpenPGP signature over the list of an archive's indexes and their hashes. What is
// not signed by a key of the keyring is not used.
import { readCleartextMessage, readKeys, verify } from "openpgp";
import { parseStanza } from "./control.ts";

/** Where Debian's package debian-archive-keyring keeps the archive's keys. */
export const DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** A suite's InRelease file is a few hundred KiB. */
export const MAX_RELEASE_BYTES = 8 << 20;

export interface Release {
  suite: string;
  codename: string;
  architectures: string[];
  /** by path below the suite's folder */
  files: Map<string, { sha256: string; sizeBytes: number }>;
}

/** A Release file that cannot be trusted to be what was asked for. */
export class UntrustedRelease extends Error {
  override name = "UntrustedRelease";
}

export type Keys = Awaited<ReturnType<typeof readKeys>>;

/** @throws Error that says what to install where there is no keyring */
export async function readKeyring(path = DEBIAN_KEYRING): Promise<Keys> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (failure) {
    throw new Error(
      `Cannot read the keyring ${path}: ${
        (failure as Error).message
      }; install debian-archive-keyring, or name a keyring file`,
    );
  }
  try {
    const text = new TextDecoder().decode(bytes);
    return text.startsWith("-----BEGIN PGP")
      ? await readKeys({ armoredKeys: text })
      : await readKeys({ binaryKeys: bytes });
  } catch (failure) {
    throw new Error(`Cannot read the keyring ${path}: ${(failure as Error).message}`);
  }
}

/**
 * The signed text of an InRelease file.
 * @param keyring its name, for messages
 * @throws Error where no key of the keyring signed it, or where a signature by one of them is wrong
 */
export async function verifySigned(
  bytes: Uint8Array,
  keys: Keys,
  what: string,
  keyring: string,
): Promise<string> {
  const refuse = (reason: string): never => {
    throw new UntrustedRelease(`Cannot use ${what}: ${reason}`);
  };
  const cleartextMessage = new TextDecoder().decode(bytes);
  const checked = await readCleartextMessage({ cleartextMessage })
    .then((message) => verify({ message, verificationKeys: keys }))
    .catch((failure) => refuse(`its signature cannot be read: ${(failure as Error).message}`));
  const known = new Set(
    keys.flatMap((key) => [key, ...key.subkeys].map((each) => each.getKeyID().toHex())),
  );
  const signers = checked.signatures.map(({ keyID }) => keyID.toHex());
  let good = 0;
  for (const { keyID, verified } of checked.signatures) {
    const failure = await verified.then(() => undefined, (failure: Error) => failure);
    if (failure === undefined) good++;
    else if (known.has(keyID.toHex())) {
      refuse(`the signature by key ${keyID.toHex()} is wrong: ${failure.message}`);
    }
  }
  if (good === 0) {
    refuse(
      `it is signed by ${
        signers.length === 0 ? "nobody" : `key ${signers.join(", ")}`
      }, and the keyring ${keyring} has no such key; update debian-archive-keyring, or name a keyring that has it`,
    );
  }
  return checked.data;
}

/** @throws Error where the text is no Release file of that suite */
export function readRelease(text: string, suite: string, what: string): Release {
  const stanza = parseStanza(text);
  const field = (name: string) => stanza.get(name) ?? "";
  if (field("suite") !== suite && field("codename") !== suite) {
    throw new UntrustedRelease(
      `Cannot use ${what}: it is of suite ${field("codename") || field("suite")}, not of ${suite}`,
    );
  }
  const files: Release["files"] = new Map();
  for (const line of field("sha256").split("\n")) {
    const match = /^\s*([0-9a-f]{64})\s+(\d+)\s+(\S+)\s*$/.exec(line);
    if (match !== null) files.set(match[3], { sha256: match[1], sizeBytes: Number(match[2]) });
  }
  return {
    suite: field("suite"),
    codename: field("codename"),
    architectures: field("architectures").split(/\s+/),
    files,
  };
}
