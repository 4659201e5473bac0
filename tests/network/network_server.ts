// A machine whose program echoes what comes to a port of the host, and a client that has everything echoed.
import { boot, type Plan, type RunningMachine } from "../../mod.ts";

/** No test of these takes longer, on the slowest of machines. */
const LIMIT_MS = 40_000;

/** A port that nobody listens on. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return listener.addr.port;
}

/** Runs a body beside a machine, from its first output on. */
export async function beside(
  plan: Plan,
  body: (machine: RunningMachine) => Promise<void>,
): Promise<void> {
  const listening = Promise.withResolvers<void>();
  const machine = await boot(plan, { onOutput: () => listening.resolve() });
  const over = setTimeout(() => void machine.stop(0), LIMIT_MS);
  try {
    await listening.promise;
    await body(machine);
  } finally {
    clearTimeout(over);
    await machine.stop(0);
  }
}

/**
 * Sends everything and reads what comes back, up to the end.
 * @param came told how much has come back so far
 */
export async function echoed(
  port: number,
  sent: Uint8Array,
  came: (received: number) => void = () => {},
): Promise<Uint8Array> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const write = async () => {
    for (let done = 0; done < sent.length;) {
      done += await connection.write(sent.subarray(done, done + 50_000));
    }
    await connection.closeWrite();
  };
  const writing = write();
  const back = new Uint8Array(sent.length + 1);
  let received = 0;
  for (;;) {
    const count = await connection.read(back.subarray(received));
    if (count === null || count === 0) break;
    received += count;
    came(received);
  }
  await writing;
  return back.subarray(0, received);
}
