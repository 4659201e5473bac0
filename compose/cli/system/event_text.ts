// What happens to a machine, in words: for the terminal of `compose up` and for the log of the system.
import type { MachineEvent } from "../../../runtime/report.ts";

const ms = (duration: number) => `${duration.toFixed(0)} ms`;

/** @returns undefined for what nobody has to be told. @param system its name */
export function eventText(event: MachineEvent, system: string): string | undefined {
  switch (event.kind) {
    case "booted":
      return `booted ${system} in ${ms(event.ms)}`;
    case "ready":
      return `ready in ${ms(event.ms)}`;
    case "not-ready":
      return `not ready: ${event.reason}`;
    case "program-healthy":
      return `${event.program} is healthy after ${ms(event.ms)}`;
    case "program-unhealthy":
      return `${event.program} is unhealthy: ${event.reason}`;
    case "program-restarting":
      return `${event.program} is started again in ${ms(event.backoffMs)}`;
    case "log":
      // Whoever waits for the machine is told of its end.
      return event.domain === "machine" ? undefined : `[${event.domain}] ${event.line}`;
  }
}

/** What only a log has to keep. */
export function eventTextForLog(event: MachineEvent, system: string): string | undefined {
  switch (event.kind) {
    case "program-started":
      return `${event.program} has started`;
    case "program-ended":
      return `${event.program} ended with ${event.signal ?? event.status}`;
    case "domain-failed":
      return `domain "${event.domain}" failed: ${event.reason}`;
    case "domain-restarting":
      return `domain "${event.domain}" is started again in ${ms(event.backoffMs)}`;
    case "domain-recovered":
      return `domain "${event.domain}" answered its first call after ${ms(event.firstCallMs!)}`;
    case "domain-gone":
      return `domain "${event.domain}" is gone: ${event.reason}`;
    default:
      return eventText(event, system);
  }
}
