// A ring between two domains that come and go: it is emptied only while nobody uses it.
import { assertEquals } from "@std/assert";
import { CONTROL_BYTES, ControlPage, LinkState } from "../control_page.ts";
import { Header, ringBytes } from "./layout.ts";
import { type LinkEnd, RingLink } from "./ring_link.ts";

const RING = 2;
const { DOWN, UP, GONE } = LinkState;

/** A link whose ends follow only when told, and a sleep that does what is next in `while`. */
function link(present: { client: boolean; server: boolean }) {
  const memory = new ArrayBuffer(ringBytes({ depth: 2, arenaBytes: 128 }));
  const pages = {
    client: new ControlPage(new ArrayBuffer(CONTROL_BYTES)),
    server: new ControlPage(new ArrayBuffer(CONTROL_BYTES)),
  };
  const late: string[] = [];
  const end = (side: "client" | "server"): LinkEnd => ({
    page: () => pages[side],
    bell: () => ({ ring: () => false }),
    present: () => present[side],
    limitMs: 5,
    late: () => {
      late.push(side);
      present[side] = false;
    },
  });
  const steps: (() => void)[] = [];
  const made = new RingLink(
    RING,
    () => memory,
    { client: end("client"), server: end("server") },
    () => {
      steps.shift()?.();
      return Promise.resolve();
    },
  );
  const state = (side: "client" | "server") => ControlPage.linkOf(pages[side].linkWord(RING));
  const follow = (side: "client" | "server") =>
    pages[side].acknowledge(RING, pages[side].linkWord(RING));
  return { made, memory, state, follow, steps, late };
}

Deno.test("a ring is opened to both ends once both are there, emptied", async () => {
  const { made, memory, state, follow, steps } = link({ client: true, server: true });
  new Int32Array(memory)[Header.REQUEST_TAIL] = 7;
  await made.open("client");
  assertEquals([state("client").state, made.generation], [DOWN, 0]);
  steps.push(() => {
    assertEquals(state("client"), { state: UP, generation: 1 });
    follow("client");
  });
  await made.open("server");
  assertEquals(steps.length, 0);
  assertEquals(state("server"), { state: UP, generation: 1 });
  assertEquals(new Int32Array(memory)[Header.REQUEST_TAIL], 0);
});

Deno.test("who is left lets go of the ring before closing is over, and the next generation is another", async () => {
  const { made, state, follow, steps } = link({ client: true, server: true });
  await made.open("client");
  steps.push(() => follow("client"));
  await made.open("server");
  let followed = false;
  steps.push(() => {}, () => {
    followed = true;
    follow("server");
  });
  await made.close("client");
  assertEquals(followed, true);
  assertEquals([state("client").state, state("server").state], [DOWN, DOWN]);
  steps.push(() => follow("server"));
  await made.open("client");
  assertEquals(state("server"), { state: UP, generation: 2 });
});

Deno.test("an end that is not there, or does not follow in time, holds nobody up", async () => {
  const { made, late } = link({ client: false, server: true });
  await made.open("client");
  await made.open("server");
  await made.close("server");
  assertEquals(late, []);
  await made.close("client");
  assertEquals(late, ["server"]);
});

Deno.test("a client that starts after its server was given up is told", async () => {
  const { made, state } = link({ client: false, server: false });
  await made.open("server");
  await made.close("server", true);
  await made.open("client");
  assertEquals(state("client").state, GONE);
});
