// What a domain may ask of the host: nothing. Rings, doorbells and device queues are memory it was given.
import type { DomainPlan } from "../../schemas/plan.ts";

export function planPermissions(): DomainPlan["permissions"] {
  return { read: [], write: [], net: [], env: [], run: [], ffi: [] };
}
