// How core files are called: /proc/sys/kernel/core_pattern (core(5), "Naming of core dump files").
import { E, fail } from "../../errno.ts";
import type { Process } from "../process.ts";
import type { Core } from "./core.ts";

/** Bytes that a pattern has at most. */
const PATTERN_MAX = 127;

/** A pattern as root has written it. @throws Errno EINVAL for a program that would be handed the core */
export function demandPattern(written: string): string {
  const pattern = written.replace(/\n.*$/s, "").slice(0, PATTERN_MAX);
  return pattern.startsWith("|") ? fail(E.EINVAL) : pattern;
}

/** What would be a directory is none. */
const asName = (text: string) => text.replaceAll("/", "!");

/** @param seconds since 1970 @returns a path, relative to where the process was or not */
export function coreName(pattern: string, process: Process, core: Core, seconds: number): string {
  const { pid, identity, name, executable, kernel } = process;
  const values: Record<string, string | number> = {
    "%": "%",
    p: pid,
    P: pid,
    i: core.threads[0].tid,
    I: core.threads[0].tid,
    u: identity.ruid,
    g: identity.rgid,
    d: process.settings.dumpable,
    s: core.info.signal,
    t: seconds,
    h: asName(kernel.names.host),
    e: asName(name),
    f: asName(executable.slice(executable.lastIndexOf("/") + 1)),
    E: asName(executable),
  };
  return pattern.replace(/%(.?)/g, (_, letter) => String(values[letter] ?? ""));
}
