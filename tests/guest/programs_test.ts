// Programs in C, run on a machine and by QEMU's user mode on the host: output, errors and status are the
// same. What QEMU does not do as Linux does, a program checks by itself, after the man pages.
import { testPrograms } from "./compared_programs.ts";

const sources = new URL("programs/", import.meta.url);

/** Programs that run under QEMU as they do on Linux. */
const COMPARED = [
  "processes",
  "execute",
  "signals",
  "faults",
  "threads",
  "shared_memory",
  "file_mapping",
  "memory",
  "pipes",
  "files",
  "locks",
  "sessions",
  "floating",
];
/** Programs that QEMU's user mode, or the host it runs on, would answer otherwise. */
const ALONE = [
  ...["robust", "pointers", "identity", "limits", "proc_self", "exhaustion", "pidfd"],
  ...["mounts", "vdso"],
];

testPrograms(
  "programs in C do on the machine what they do under QEMU",
  sources,
  COMPARED,
  ALONE,
);
