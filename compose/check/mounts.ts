// Mount points are absolute, there is a root, and each names one file system of the machine.
import { apart } from "../plan/placement.ts";
import type { Rule } from "./context.ts";

export const checkMounts: Rule = ({ system, placement, report, at, key }) => {
  const paths = Object.keys(system.mounts);
  if (!paths.includes("/") && Object.keys(system.programs).length > 0) {
    report({
      code: "E0702",
      message: "nothing is mounted at /",
      span: key(paths.length > 0 ? "mounts" : "programs"),
      hint: "programs need a root",
    });
  }
  const mounted = new Map<string, string>();
  for (const [path, { filesystem, slice }] of Object.entries(system.mounts)) {
    const span = key("mounts", path);
    if (!/^(\/|(\/[^/]+)+)$/.test(path) || /\/\.\.?(\/|$)/.test(path)) {
      report({
        code: "E0701",
        message: `mount point "${path}" is not a plain absolute path`,
        span,
        hint: "as in /tmp",
      });
    }
    if (slice !== undefined && !Object.hasOwn(system.slices, slice)) continue;
    const found = apart(placement.instances).filter((one) =>
      one.component === filesystem && (slice === undefined || one.slice === slice)
    );
    if (found.length === 0) {
      report({
        code: "E0704",
        message: `no component "${filesystem}"${
          slice === undefined ? "" : ` in slice "${slice}"`
        } to mount at "${path}"`,
        span: at("mounts", path, "filesystem"),
        hint: "add it to a slice, or to the components of a domain",
      });
    } else if (found.length > 1) {
      report({
        code: "E0705",
        message: `${found.length} components "${filesystem}" could be mounted at "${path}"`,
        span: at("mounts", path, "filesystem"),
        hint: `say slice: ${
          found.map((one) => one.slice).filter((name) => name !== undefined).join(" or ")
        }`,
      });
    } else {
      const earlier = mounted.get(found[0].name);
      if (earlier !== undefined) {
        report({
          code: "E0706",
          message: `"${found[0].name}" is mounted at two places`,
          span,
          related: [{ span: key("mounts", earlier), message: "first mounted" }],
          hint: "each component is one file system; a second one needs a slice of its own",
        });
      } else mounted.set(found[0].name, path);
      const served = placement.edges.some(({ interface: name, providers }) =>
        name === "filesystem" && providers.includes(found[0])
      );
      if (!served) {
        report({
          code: "E0707",
          message: `no vfs serves "${found[0].name}", which is to be mounted at "${path}"`,
          span: at("mounts", path, "filesystem"),
          related: [{ span: at(...found[0].place), message: "placed here" }],
          hint:
            "a vfs serves the file systems of its slice; one among the components of a domain, the rest",
        });
      }
    }
  }
};
