// Who a process is: users and groups (credentials(7)), process groups and sessions.
import { E, fail } from "../errno.ts";
import type { Handlers } from "./handler.ts";
import type { Process } from "./process.ts";

const NGROUPS_MAX = 65536;
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

function privileged(process: Process): boolean {
  return process.identity.euid === 0;
}

/** @throws Errno EPERM for an id that the process neither is nor was, and may not become */
function demand(process: Process, id: number, among: number[]): void {
  if (!privileged(process) && !among.includes(id)) fail(E.EPERM);
}

function setId(kind: Kind) {
  const { real, effective, saved } = names[kind];
  return (process: Process, id: number): number => {
    if (id === KEEP) fail(E.EINVAL);
    const { identity } = process;
    if (privileged(process)) process.setIdentity({ [real]: id, [effective]: id, [saved]: id });
    else {
      demand(process, id, [identity[real], identity[saved]]);
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
    if (newReal !== KEEP) demand(process, newReal, known.slice(0, 2));
    if (newEffective !== KEEP) demand(process, newEffective, known);
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
    for (const id of ids) if (id !== KEEP) demand(process, id, known);
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

/** setfsuid and setfsgid: answer the old id, and change nothing: permission checks use the effective one. */
function setFileId(kind: Kind) {
  return (process: Process): number => process.identity[names[kind].effective];
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
  if (!privileged(process)) fail(E.EPERM);
  if (count > NGROUPS_MAX) fail(E.EINVAL);
  const view = list && new DataView(list.buffer, list.byteOffset);
  const groups = Array.from({ length: count }, (_, index) => view!.getUint32(index * 4, true));
  process.setIdentity({ groups });
  return 0;
}

function named(process: Process, pid: number): Process {
  return pid === 0 ? process : process.kernel.process(pid) ?? fail(E.ESRCH);
}

function setpgid(process: Process, pid: number, group: number): number {
  if (group < 0) fail(E.EINVAL);
  const target = named(process, pid);
  if (target !== process) {
    if (target.parent !== process) fail(E.ESRCH);
    if (target.session !== process.session) fail(E.EPERM);
    if (target.executed) fail(E.EACCES);
  }
  if (target.session === target.pid) fail(E.EPERM);
  const wanted = group === 0 ? target.pid : group;
  if (wanted !== target.pid) {
    const members = [...process.kernel.all].filter((each) => each.group === wanted);
    if (!members.some((each) => each.session === process.session)) fail(E.EPERM);
  }
  target.group = wanted;
  return 0;
}

function setsid(process: Process): number {
  const leads = [...process.kernel.all].some((each) => each.group === process.pid);
  if (leads) fail(E.EPERM);
  process.session = process.group = process.pid;
  return process.pid;
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
  setpgid,
  getpgid: (process: Process, pid: number) => named(process, pid).group,
  getsid: (process: Process, pid: number) => named(process, pid).session,
  setsid,
};
