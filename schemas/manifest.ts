// The manifest of kind `System`: what may be written, what it means, what is assumed where it is left out.
import { device } from "./device_shape.ts";
import { domain } from "./domain_shape.ts";
import { fault } from "./fault_shape.ts";
import { limits } from "./limits.ts";
import {
  choice,
  defaulted,
  list,
  map,
  named,
  namePattern,
  number,
  optional,
  record,
  required,
  text,
} from "./manifest_shape.ts";
import { program } from "./program_shape.ts";
import type { System } from "./system.ts";

/** The root shape; `include` and `extends` are gone after loading. */
export const systemShape = record("a system: machine, slices, domains, programs", {
  kind: required(choice("kind of manifest", ["System"])),
  name: required(named("a name")),
  machine: defaulted(
    record("the emulated machine", {
      memory: defaulted(number("bytes", "physical memory in all", limits.memoryBytes), "256MiB"),
      harts: defaulted(number("integer", "hardware threads", limits.harts), 1),
      devices: defaulted(map("devices by name", device, namePattern), {}),
    }),
    {},
  ),
  slices: defaulted(
    map(
      "vertical chains of components, by name",
      list("components, from system calls down to the device", named("name of a component")),
      namePattern,
    ),
    {},
  ),
  domains: required(map("where slices run, by name", domain, namePattern)),
  mounts: defaulted(
    map(
      "mount points by absolute path",
      record("a mounted file system", {
        filesystem: required(
          choice("component that holds it", ["ext4", "tmpfs", "devfs", "procfs", "sysfs"]),
        ),
        slice: optional(named("which slice's component, where several slices have one")),
      }),
    ),
    {},
  ),
  faults: defaulted(list("what is to go wrong", fault), []),
  ready: optional(text("what `compose up` prints when all programs are ready")),
  programs: defaulted(
    map(
      "programs to start, by name",
      program,
      namePattern,
    ),
    {},
  ),
}, ["extends", "include"]);

export type { System };
/** One domain of a manifest. */
export type Domain = System["domains"][string];
