// A soak: nginx and redis on one machine, asked in every way that clients have, polite and not, for some time. What
// the machine holds is counted once it has warmed up, and once more when all clients have gone: nothing may have
// grown.
import { boot, type RunningMachine } from "../mod.ts";
import {
  answering,
  answerLength,
  ask,
  encode,
  freePort,
  GET,
  HTTP,
  redisLoad,
  SET,
} from "./clients.ts";
import { nginx, NGINX_PORT, programOf, redis, serverPlan } from "./servers.ts";
import { countAll, type Counts, grown } from "./soak_counts.ts";
import type { Row } from "./statistics.ts";

const REDIS_PORT = 7001;
const CLIENTS = 8, PIPELINE = 16;
/** Requests of each kind after which nothing new is set up any more. */
const WARM_UP_SECONDS = 3;
/** How long connections may take to be gone. */
const CALM_MS = 20_000, PAUSE_MS = 500;
const CLOSES = HTTP.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");

/** Connects, sends, and reads to the end of the answer or not at all. */
async function once(port: number, request: string, reads: boolean): Promise<void> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(encode(request));
  const buffer = new Uint8Array(65_536);
  while (reads && await connection.read(buffer) !== null);
}

/** Repeats something for a time, by some clients. @returns how often it was done */
async function repeat(seconds: number, act: () => Promise<void>): Promise<number> {
  const until = performance.now() + seconds * 1000;
  let times = 0;
  const client = async () => {
    for (; performance.now() < until; times++) await act();
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return times;
}

/** All kinds of clients at once. @returns requests that were made */
async function traffic(web: number, store: number, seconds: number): Promise<number> {
  const page = { request: encode(HTTP), answerBytes: await answerLength(web, HTTP) };
  const rates = await Promise.all([
    ask(web, { ...page, connections: CLIENTS, pipeline: 1 }, seconds),
    ask(store, redisLoad(SET, "+OK\r\n", CLIENTS, 1), seconds),
    ask(store, redisLoad(GET, "$5\r\nvalue\r\n", CLIENTS, PIPELINE), seconds),
  ]);
  const asked = rates.reduce((sum, rate) => sum + rate * seconds, 0);
  return asked;
}

/** Clients that come and go: at the end of an answer, in its middle, and before they have said all. */
async function visits(web: number, store: number, seconds: number): Promise<number> {
  const times = await Promise.all([
    repeat(seconds, () => once(web, CLOSES, true)),
    repeat(seconds, () => once(web, HTTP.repeat(4), false)),
    repeat(seconds, () => once(web, HTTP.slice(0, 20), false)),
    repeat(seconds, () => once(store, `${SET}QUIT\r\n`, true)),
  ]);
  return times.reduce((sum, each) => sum + each);
}

async function burst(web: number, store: number, seconds: number): Promise<number> {
  const made = await Promise.all([traffic(web, store, seconds), visits(web, store, seconds)]);
  return made[0] + made[1];
}

/** Counts until nothing is more than before, or the time for that is over. */
async function afterwards(machine: RunningMachine, before: Counts): Promise<Counts> {
  for (const until = performance.now() + CALM_MS;;) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const counts = await countAll(machine);
    if (grown(before, counts).length === 0 || performance.now() > until) return counts;
  }
}

/** @param seconds how long clients ask, after the machine has warmed up */
export async function soak(folder: string, seconds: number): Promise<Row[]> {
  if (!(seconds > 0)) throw new Error("Cannot soak: --seconds wants a number above 0");
  const web = freePort(), store = freePort();
  const plan = await serverPlan(folder, true, [
    { port: web, to: NGINX_PORT },
    { port: store, to: REDIS_PORT },
  ]);
  const programs = [nginx.words("", NGINX_PORT), redis.words("", REDIS_PORT)]
    .map((words, index) => ({ ...programOf(plan, words), name: `server${index}` }));
  const machine = await boot({ ...plan, programs });
  try {
    await Promise.all([answering(web, encode(HTTP)), answering(store, encode(GET))]);
    await burst(web, store, WARM_UP_SECONDS);
    const idle = await countAll(machine);
    // What warming up left behind may still go.
    const before = await afterwards(machine, idle);
    const requests = await burst(web, store, seconds);
    return rowsOf(before, await afterwards(machine, before), requests, seconds);
  } finally {
    await machine.stop(1000);
  }
}

function rowsOf(before: Counts, after: Counts, requests: number, seconds: number): Row[] {
  const worse = grown(before, after);
  const made: Row = {
    case: `requests in ${seconds} s`,
    unit: "",
    ours: requests,
    peer: "at least",
    peerValue: seconds,
    ratio: requests / seconds,
    goal: "> 1",
    runs: 1,
    spread: 1,
    failed: requests <= seconds,
  };
  return [
    made,
    ...Object.entries(after).map(([name, { value, allowance }]): Row => ({
      case: name,
      unit: "",
      ours: value,
      peer: "before",
      peerValue: before[name].value,
      ratio: value === before[name].value ? 1 : value / before[name].value,
      goal: allowance === 0 ? "no more" : `at most + ${allowance}`,
      runs: 1,
      spread: 1,
      failed: worse.includes(name),
    })),
  ];
}
