// Who a process is: user and group ids, supplementary groups (credentials(7)). Ids come unsigned.
import { E, fail } from "../errno.ts";
import { CAP, isWithin } from "./capability_sets.ts";
import type { Handlers } from "./handler.ts";
import type { Process } from "./process.ts";

/** As /proc/sys/kernel/ngroups_max has it. */
export const NGROUPS_MAX = 65536;
/** "leave it as it is", as an unsigned number */
const KEEP = 0xffff_ffff;

type Kind = "uid" | "gid";
type Names = Record<
  "real" | "effective" | "saved",
  "ruid" | "euid" | "suid" | "rgid" | "egid" | "sgid"
>;
const names: Record<Kind, Names> = {
  uid: { real: "ruid", effective: "euid", saved: "suid" },
  gid: { real: "rgid", effective: "egid", saved: "sgid" },
};

/** Whether it may do what only root may. */
export function privileged(process: Process): boolean {
  return process.identity.euid === 0;
}

/** Whether a process may become anybody of a kind (CAP_SETUID, CAP_SETGID). */
function mayChange({ capabilities }: Process, kind: Kind): boolean {
  return isWithin(kind === "uid" ? CAP.SETUID : CAP.SETGID, capabilities.effective);
}

/** @throws Errno EPERM for an id that the process neither is nor was, and may not become */
function demand(process: Process, kind: Kind, id: number, among: number[]): void {
  if (!mayChange(process, kind) && !among.includes(id)) fail(E.EPERM);
}

function setId(kind: Kind) {
  const { real, effective, saved } = names[kind];
  return (process: Process, id: number): number => {
    if (id === KEEP) fail(E.EINVAL);
    const { identity } = process;
    if (mayChange(process, kind)) process.setIdentity({ [real]: id, [effective]: id, [saved]: id });
    else {
      demand(process, kind, id, [identity[real], identity[saved]]);
      process.setIdentity({ [effective]: id });
    }
    return 0;
  };
}

function setRealEffective(kind: Kind) {
  const { real, effective, saved } = names[kind];
  return (process: Process, newReal: number, newEffective: number): number => {
    const { identity } = process;
    const known = [identity[real], identity[effective], identity[saved]];
    if (newReal !== KEEP) demand(process, kind, newReal, known.slice(0, 2));
    if (newEffective !== KEEP) demand(process, kind, newEffective, known);
    const real2 = newReal === KEEP ? identity[real] : newReal;
    const effective2 = newEffective === KEEP ? identity[effective] : newEffective;
    const saves = newReal !== KEEP || newEffective !== KEEP && newEffective !== identity[real];
    process.setIdentity({
      [real]: real2,
      [effective]: effective2,
      [saved]: saves ? effective2 : identity[saved],
    });
    return 0;
  };
}

function setAll(kind: Kind) {
  const { real, effective, saved } = names[kind];
  return (process: Process, ...ids: number[]): number => {
    const { identity } = process;
    const fields = [real, effective, saved];
    const known = fields.map((field) => identity[field]);
    for (const id of ids) if (id !== KEEP) demand(process, kind, id, known);
    process.setIdentity(
      Object.fromEntries(
        fields.map((field, index) => [field, ids[index] === KEEP ? identity[field] : ids[index]]),
      ),
    );
    return 0;
  };
}

function getAll(kind: Kind) {
  const { real, effective, saved } = names[kind];
  return (process: Process, ...out: Uint8Array[]): number => {
    [real, effective, saved].forEach((field, index) => {
      const bytes = out[index];
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, process.identity[field], true);
    });
    return 0;
  };
}

/**
 * setfsuid(2) and setfsgid(2): file servers are told the effective id until this says otherwise, and again after
 * the next change of an id. Answers the one before, also where it may not be changed.
 */
function setFileId(kind: Kind) {
  const fields = Object.values(names[kind]);
  return (process: Process, id: number): number => {
    const { identity, credential } = process;
    const before = credential[kind];
    const own = fields.map((field) => identity[field]);
    if (id !== KEEP && (mayChange(process, kind) || id === before || own.includes(id))) {
      process.credential = { ...credential, [kind]: id };
    }
    return before;
  };
}

function getgroups(process: Process, count: number, out: Uint8Array | undefined): number {
  const { groups } = process.identity;
  if (count === 0) return groups.length;
  if (count < groups.length) fail(E.EINVAL);
  if (out === undefined) return groups.length === 0 ? 0 : fail(E.EFAULT);
  const view = new DataView(out.buffer, out.byteOffset);
  groups.forEach((group, index) => view.setUint32(index * 4, group, true));
  return groups.length;
}

function setgroups(process: Process, count: number, list: Uint8Array | undefined): number {
  if (!mayChange(process, "gid")) fail(E.EPERM);
  if (!(count >= 0 && count <= NGROUPS_MAX)) fail(E.EINVAL);
  const view = list && new DataView(list.buffer, list.byteOffset);
  const groups = Array.from({ length: count }, (_, index) => view!.getUint32(index * 4, true));
  if (groups.includes(KEEP)) fail(E.EINVAL);
  process.setIdentity({ groups });
  return 0;
}

export const identityCalls: Handlers = {
  getuid: (process: Process) => process.identity.ruid,
  geteuid: (process: Process) => process.identity.euid,
  getgid: (process: Process) => process.identity.rgid,
  getegid: (process: Process) => process.identity.egid,
  setuid: setId("uid"),
  setgid: setId("gid"),
  setreuid: setRealEffective("uid"),
  setregid: setRealEffective("gid"),
  setresuid: setAll("uid"),
  setresgid: setAll("gid"),
  getresuid: getAll("uid"),
  getresgid: getAll("gid"),
  setfsuid: setFileId("uid"),
  setfsgid: setFileId("gid"),
  getgroups,
  setgroups,
};
