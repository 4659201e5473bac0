// Every device has an owner with a driver for it, and every driver a device.
import { suggestNear } from "../diagnostic/suggest.ts";
import type { Rule } from "./context.ts";

export const checkDevices: Rule = ({ system, placement, report, at, key }) => {
  const driven = new Set(placement.instances.map((instance) => instance.device));
  for (const [name, { model }] of Object.entries(system.machine.devices)) {
    const owner = Object.entries(system.domains).find(([, domain]) =>
      domain.devices.includes(name)
    );
    const drivers = placement.instances.filter((instance) => instance.described.device === model);
    if (!owner) {
      const home = drivers[0]?.domain;
      report({
        code: "E0209",
        message: `device "${name}" belongs to no domain`,
        span: key("machine", "devices", name),
        hint: home ? `add it to the devices of "${home}", which has a driver for it` : undefined,
      });
    } else if (!driven.has(name)) {
      report({
        code: "E0213",
        message: `domain "${owner[0]}" has no driver for device "${name}" (${model})`,
        span: at("domains", owner[0], "devices", owner[1].devices.indexOf(name)),
        hint: drivers.length > 0
          ? `the driver is in domain "${drivers[0].domain}"`
          : `place component "${model}" in "${owner[0]}"`,
      });
    }
  }
  /** A slice that no domain names is in the primary; one of a name like another's is meant to be that. */
  const unplaced = (slice: string | undefined) => {
    if (slice === undefined) return undefined;
    if (Object.values(system.domains).some((domain) => domain.slices.includes(slice))) return;
    const near = suggestNear(slice, Object.keys(system.slices).filter((other) => other !== slice));
    return near && `no domain has slice "${slice}", so it is in the primary; ${near}`;
  };
  for (const instance of placement.instances) {
    if (instance.described.device === undefined || instance.device !== undefined) continue;
    report({
      code: "E0214",
      message: `driver "${instance.name}" has no device in domain "${instance.domain}"`,
      span: at(...instance.place),
      hint: unplaced(instance.slice) ??
        `give "${instance.domain}" a device with model ${instance.described.device}`,
    });
  }
};
