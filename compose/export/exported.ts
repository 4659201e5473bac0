// What an export is: files, made of a plan and nothing else.
import type { Plan } from "../../schemas/plan.ts";

/** A file of an export. */
export interface ExportedFile {
  /** its name in the folder of the export */
  name: string;
  /** what is in it, with a newline at its end */
  text: string;
}

/**
 * Turns a plan into another system's configuration. The same plan gives the same files, byte for byte.
 *
 * @throws {Inexpressible} where the other system has a limit that the plan exceeds
 */
export type Exporter = (plan: Plan) => ExportedFile[];

/** A plan that another system has no room for. */
export class Inexpressible extends Error {}
