import { assert, assertEquals } from "@std/assert";
import Ajv2020 from "ajv/dist/2020.js";
import { parse, stringify } from "@std/yaml";
import { systemSchemaText } from "../schemas/json_schema.ts";
import { compile, load } from "./mod.ts";
import { flatManifest } from "./source/flat.ts";

const root = new URL("../", import.meta.url);
const examples = [...Deno.readDirSync(new URL("examples/", root))].map((entry) => entry.name)
  .filter((name) => name.endsWith(".yaml")).sort();
const reader = {
  read: (path: string) => Deno.readTextFile(new URL(path, root)),
  exists: () => Promise.resolve(true),
};
const calls = [
  { number: 56, name: "openat", group: "files" },
  { number: 203, name: "connect", group: "sockets" },
];
const planOf = async (name: string) => {
  const { plan } = compile(await load(`examples/${name}`, reader), calls);
  assert(plan);
  return plan;
};

Deno.test("the JSON Schema is that of the shape", () => {
  assertEquals(
    Deno.readTextFileSync(new URL("schemas/system.schema.json", root)),
    systemSchemaText(),
    "run `deno task schemas`",
  );
});

for (const name of examples) {
  Deno.test(`examples/${name} satisfies the JSON Schema and its plan is the golden one`, async () => {
    const validate = new Ajv2020.default({ strict: true, allowUnionTypes: true }).compile(
      JSON.parse(systemSchemaText()),
    );
    const content = parse(await reader.read(`examples/${name}`)) as { kind?: string };
    assert(validate(content), JSON.stringify(validate.errors));
    assert(!validate({ ...content, kidn: 1 }));
    const text = JSON.stringify(await planOf(name), null, 2) + "\n";
    const golden = new URL(`tests/golden/plan_${name.replace(/yaml$/, "json")}`, root);
    if (Deno.env.get("UPDATE") === "1") Deno.writeTextFileSync(golden, text);
    assertEquals(text, Deno.readTextFileSync(golden));
  });
}

Deno.test("no two regions of memory overlap, and a device sees its own domain's memory only", async () => {
  for (const name of examples) {
    const plan = await planOf(name);
    const regions = [
      { address: plan.machine.iommu.directory, sizeBytes: 4096 },
      ...plan.rings,
      ...plan.domains.map((domain) => domain.memory),
    ].sort((a, b) => a.address - b.address);
    regions.forEach((region, index) => {
      assertEquals(region.address % 4096, 0);
      if (index > 0) {
        assert(regions[index - 1].address + regions[index - 1].sizeBytes <= region.address);
      }
    });
    for (const context of plan.machine.iommu.contexts) {
      const { address, sizeBytes } = plan.domains.find((domain) =>
        domain.name === context.domain
      )!.memory;
      assertEquals(context.windows, [{ address, sizeBytes }]);
    }
  }
});

Deno.test("placement alone decides what crosses a ring", async () => {
  const apart = await planOf("quickstart.yaml");
  assertEquals(apart.rings.map((ring) => ring.name), ["primary-storage-files"]);
  assertEquals(apart.routes, [{
    number: 56,
    name: "openat",
    component: "storage.vfs",
    domain: "storage",
  }]);
  const together = await planOf("quickstart_monolithic.yaml");
  assertEquals([together.rings.length, together.domains.length], [0, 1]);
  assert(
    together.domains[0].components.every((one) =>
      one.needs.every((need) => need.transport === "call")
    ),
  );
});

Deno.test("extends merges maps by key and lists by value, and null takes away", async () => {
  const files: Record<string, string> = {
    "a.yaml":
      "extends: base/b.yaml\nname: a\nslices: { s: [ext4, virtio-blk] }\nmounts: { /tmp: null }\ndomains: {}\n",
    "base/b.yaml":
      "kind: System\nname: b\nslices: { s: [vfs, ext4] }\nmounts: { /: { filesystem: ext4 }, /tmp: { filesystem: tmpfs } }\n" +
      "domains: { p: { primary: true } }\nprograms: { x: { run: x.ts } }\n",
  };
  const asked: string[] = [];
  const { system } = await load("a.yaml", {
    read: (path) => Promise.resolve(files[path]),
    exists: (path) => Promise.resolve(asked.push(path) > 0),
  });
  assertEquals(system?.name, "a");
  assertEquals(system?.slices, { s: ["vfs", "ext4", "virtio-blk"] });
  assertEquals(Object.keys(system?.mounts ?? {}), ["/"]);
  assertEquals(asked, ["base/x.ts"]);
});

Deno.test("a driver in a domain of its own is reached by a ring that carries disk requests", async () => {
  const text = (await reader.read("examples/quickstart.yaml"))
    .replace("storage: [vfs, ext4, virtio-blk]", "storage: [vfs, ext4]\n  disk: [virtio-blk]")
    .replace("slices: [terminal]", "slices: [terminal, storage]")
    .replace("slices: [storage]", "slices: [disk]");
  const { plan, diagnostics } = compile(await load("examples/driver.yaml", reader, text));
  assertEquals(diagnostics, []);
  assertEquals(plan?.rings.map((ring) => [ring.client, ring.server, ring.interface]), [[
    "primary",
    "storage",
    "disk",
  ]]);
  const ext4 = plan?.domains[0].components.find((one) => one.component === "ext4");
  assertEquals(ext4?.needs, [{
    interface: "disk",
    component: "disk.virtio-blk",
    domain: "storage",
    transport: "ring",
  }]);
});

Deno.test("lists of a manifest gain entries of what extends it, and arguments are replaced", async () => {
  const files: Record<string, string> = {
    "base.yaml": `kind: System
name: base
slices: { args: [vfs, tmpfs] }
domains: { primary: { primary: true, slices: [args], components: [process] } }
mounts: { /: { filesystem: tmpfs } }
programs: { shell: { run: /bin/sh, args: [-c, "echo one"], uses: [read] } }
`,
    "over.yaml": `extends: base.yaml
slices: { args: [devfs] }
programs: { shell: { args: [-c, "echo two"], uses: [write] } }
`,
  };
  const { system } = await load("over.yaml", {
    read: (path) => Promise.resolve(files[path]),
    exists: () => Promise.resolve(true),
  });
  assertEquals(system?.slices.args, ["vfs", "tmpfs", "devfs"]);
  assertEquals(system?.programs.shell.args, ["-c", "echo two"]);
  assertEquals(system?.programs.shell.uses, ["read", "write"]);
});

Deno.test("a manifest as one file is the same machine, wherever the parts of it were", async () => {
  const paths = examples.map((name) => `examples/${name}`);
  const elsewhere = ["monolithic", "vertical"].map((name) => `examples/architectures/${name}.yaml`);
  for (const path of [...paths, ...elsewhere]) {
    const whole = await load(path, reader);
    const plan = compile(whole, calls).plan;
    for (const folder of [path.slice(0, path.lastIndexOf("/")), "/far"]) {
      const file = `${folder}/flat.yaml`;
      // As another folder sees them, its parts are below a root of their own.
      const far = folder === "/far" ? await load(`/${path}`, { ...reader, read: below }) : whole;
      const text = stringify(flatManifest(far, file), { lineWidth: -1 });
      const again = compile(await load(file, reader, text), calls);
      assertEquals(again.diagnostics.filter(({ code }) => code !== "W0501"), [], path);
      const unrooted = JSON.stringify(again.plan).replaceAll('"/examples/', '"examples/')
        .replaceAll("file:///examples/", "examples/");
      assertEquals(JSON.parse(unrooted), JSON.parse(JSON.stringify(plan)), `${path} in ${folder}`);
    }
  }
});

function below(path: string): Promise<string> {
  return reader.read(path.slice(1));
}
