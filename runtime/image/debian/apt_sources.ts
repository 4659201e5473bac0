// Where packages come from: the mirror that the machine's own apt configuration names, or one that the
// user names. Nothing here knows a host's name.
import { parseStanzas } from "./control.ts";

/** An archive and the suites to take from it. */
export interface ArchiveSource {
  uri: string;
  suites: string[];
}

interface AptEntry {
  uris: string[];
  suites: string[];
  components: string[];
}

const SOURCES = "/etc/apt/sources.list";
const SOURCES_FOLDER = "/etc/apt/sources.list.d";

/**
 * The archives for a suite: the main archive with its updates, and the security archive where the
 * configuration names one. A `mirror` of the user stands for the main archive alone.
 * @throws Error that says what to set, where no mirror is known
 */
export function sourcesOf(suite: string, mirror?: string): ArchiveSource[] {
  const main = (uri: string) => ({ uri: trimSlash(uri), suites: [suite, `${suite}-updates`] });
  if (mirror !== undefined) return [main(mirror)];
  const entries = readConfiguration();
  const found = entries.find(isMainArchive);
  if (found === undefined) {
    throw new Error(
      `Cannot find a Debian mirror: neither ${SOURCES} nor ${SOURCES_FOLDER} names Debian's main archive; set "mirror"`,
    );
  }
  const security = entries.find(isSecurityArchive);
  const sources = [main(found.uris[0])];
  if (security !== undefined) {
    sources.push({ uri: trimSlash(security.uris[0]), suites: [`${suite}-security`] });
  }
  return sources;
}

function isMainArchive({ uris, suites, components }: AptEntry): boolean {
  return components.includes("main") && /\/debian\/?$/.test(uris[0] ?? "") &&
    suites.some((suite) => /^[a-z]+$/.test(suite));
}

function isSecurityArchive({ uris, suites, components }: AptEntry): boolean {
  return components.includes("main") && /\/debian-security\/?$/.test(uris[0] ?? "") &&
    suites.some((suite) => suite.endsWith("-security"));
}

function readConfiguration(): AptEntry[] {
  const files = [SOURCES];
  try {
    for (const { name } of Deno.readDirSync(SOURCES_FOLDER)) {
      files.push(`${SOURCES_FOLDER}/${name}`);
    }
  } catch (failure) {
    if (!(failure instanceof Deno.errors.NotFound)) throw failure;
  }
  return files.sort().flatMap((path) => {
    if (!/\.(list|sources)$/.test(path)) return [];
    let text: string;
    try {
      text = Deno.readTextFileSync(path);
    } catch (failure) {
      if (failure instanceof Deno.errors.NotFound) return [];
      throw failure;
    }
    return path.endsWith(".list") ? readOneLineStyle(text) : readDeb822Style(text);
  });
}

/** sources.list(5): `deb [options] uri suite component...`. */
export function readOneLineStyle(text: string): AptEntry[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line);
    if (match === null) return [];
    const [, uri, suite, components] = match;
    return [{ uris: [uri], suites: [suite], components: words(components) }];
  });
}

/** sources.list(5): stanzas with Types, URIs, Suites, Components. */
export function readDeb822Style(text: string): AptEntry[] {
  return parseStanzas(text).flatMap((stanza) => {
    const of = (field: string) => words(stanza.get(field) ?? "");
    if (!of("types").includes("deb") || stanza.get("enabled")?.toLowerCase() === "no") return [];
    return [{ uris: of("uris"), suites: of("suites"), components: of("components") }];
  });
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function trimSlash(uri: string): string {
  return uri.replace(/\/+$/, "");
}
