// Plan -> picture as text: domains as boxes, components in them, devices below, rings as thick edges.
import type { Plan } from "../../schemas/plan.ts";

interface Arrow {
  from: string;
  to: string;
  label: string;
  ring: boolean;
}

const id = (domain: string, component: string) =>
  `${domain}_${component}`.replace(/[^A-Za-z0-9_]/g, "_");

function arrows(plan: Plan): Arrow[] {
  return plan.domains.flatMap((domain) =>
    domain.components.flatMap((component) =>
      component.needs.map((need) => ({
        from: id(domain.name, component.name),
        to: id(need.domain, need.component),
        label: need.interface,
        ring: need.transport === "ring",
      }))
    )
  );
}

const title = (domain: Plan["domains"][number]) =>
  `${domain.name} (${domain.primary ? "primary" : domain.isolation}, ${
    domain.memory.sizeBytes / (1 << 20)
  } MiB)`;

/** Graphviz's language. */
export function toDot(plan: Plan): string {
  const lines = [
    `digraph ${JSON.stringify(plan.name)} {`,
    `  graph [fontname="Helvetica", fontsize=12, compound=true, nodesep=0.35, ranksep=0.55, pad=0.3, label=${
      JSON.stringify(plan.name)
    }, labelloc=t];`,
    `  node [fontname="Helvetica", fontsize=11, shape=box, style="rounded,filled", fillcolor="white", color="#5b6b7b", height=0.35];`,
    `  edge [fontname="Helvetica", fontsize=9, color="#8794a1", arrowsize=0.6];`,
  ];
  for (const domain of plan.domains) {
    const [fill, line] = domain.primary ? ["#eef4fb", "#3b72b0"] : ["#fdf3e7", "#c7772b"];
    lines.push(
      `  subgraph ${JSON.stringify(`cluster_${domain.name}`)} {`,
      `    label=${
        JSON.stringify(title(domain))
      }; style="rounded,filled"; fillcolor="${fill}"; color="${line}"; margin=14;`,
      ...domain.components.map((one) =>
        `    ${id(domain.name, one.name)} [label=${JSON.stringify(one.name)}];`
      ),
      `  }`,
    );
  }
  for (const device of plan.machine.devices) {
    const node = `device_${id("", device.name)}`;
    lines.push(
      `  ${node} [label=${
        JSON.stringify(`${device.name}\n${device.model}`)
      }, shape=box3d, style=filled, fillcolor="#eceff1"];`,
    );
    lines.push(`  ${id(device.domain, device.driver)} -> ${node} [style=dashed, label="IOMMU"];`);
  }
  for (const program of plan.programs) {
    const node = `program_${id("", program.name)}`;
    lines.push(
      `  ${node} [label=${JSON.stringify(program.name)}, shape=ellipse, fillcolor="#e8f5e9"];`,
    );
    const server = plan.domains[0].components.find((one) => one.component === "process");
    if (server) lines.push(`  ${node} -> ${id(plan.domains[0].name, server.name)};`);
  }
  for (const { from, to, label, ring } of arrows(plan)) {
    const look = ring
      ? `, penwidth=3, color="#c0392b", label=${JSON.stringify(`ring: ${label}`)}, dir=both`
      : "";
    lines.push(`  ${from} -> ${to} [tooltip=${JSON.stringify(label)}${look}];`);
  }
  return [...lines, "}"].join("\n");
}

/** Mermaid, for Markdown pages. */
export function toMermaid(plan: Plan): string {
  return [
    "flowchart TB",
    ...plan.domains.flatMap((domain) => [
      `  subgraph domain_${id("", domain.name)}["${title(domain)}"]`,
      ...domain.components.map((one) => `    ${id(domain.name, one.name)}["${one.name}"]`),
      "  end",
    ]),
    ...arrows(plan).map(({ from, to, label, ring }) =>
      ring ? `  ${from} <== "ring: ${label}" ==> ${to}` : `  ${from} --> ${to}`
    ),
    ...plan.machine.devices.flatMap((device) => [
      `  device_${id("", device.name)}[("${device.name}: ${device.model}")]`,
      `  ${id(device.domain, device.driver)} -. IOMMU .-> device_${id("", device.name)}`,
    ]),
  ].join("\n");
}
