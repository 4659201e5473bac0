// What a machine tells while it runs and when it ends: plain data for whoever shows it.
import type { Isolation } from "../schemas/plan.ts";
import type { DomainEvent } from "./hypervisor/supervisor.ts";

/** Things that happen while a machine boots and runs. */
export type MachineEvent =
  | DomainEvent
  | { kind: "image-created"; image: string; sizeBytes: number }
  | { kind: "booted"; ms: number }
  | { kind: "program-started"; program: string }
  | { kind: "program-ended"; program: string; status: number }
  | { kind: "iommu-fault"; device: string; cause: number; address: string }
  | { kind: "log"; domain: string; line: string };

export interface ProgramReport {
  name: string;
  /** 0 to 255; 128 + signal where one ended it */
  status: number;
}

export interface DomainReport {
  name: string;
  isolation: Isolation;
  /** memory object in bytes, and what its heap takes */
  memoryBytes: number;
  heapBytes: number;
  /** system calls (or requests of a cut edge) served; for the primary, those its programs made */
  calls: number;
  /** calls that went through a ring and back */
  roundTrips: number;
  /** signals sent because the other side slept */
  doorbells: number;
  restarts: number;
  generation: number;
  /** faults the IOMMU recorded for its devices */
  faults: number;
}

export interface MachineReport {
  name: string;
  programs: ProgramReport[];
  domains: DomainReport[];
  /** system calls that nobody serves, and how often programs made them */
  missingCalls: { name: string; count: number }[];
  /** from the start of `boot` to the end of the last program */
  seconds: number;
  /** resident memory of all the machine's host processes at the end, bytes; 0 where it cannot be told */
  residentBytes: number;
}
