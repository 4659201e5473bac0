// Graphviz as a program: from standard input to SVG on standard output. It needs no permissions.
import { instance } from "@viz-js/viz";

if (import.meta.main) {
  const dot = await new Response(Deno.stdin.readable).text();
  console.log((await instance()).renderString(dot, { format: "svg" }));
}
