// Clients of the host that ask a server over and over.

/** What a client asks over and over, on each of its connections. */
export interface Load {
  request: Uint8Array;
  /** bytes of an answer */
  answerBytes: number;
  connections: number;
  /** requests that are under way on a connection */
  pipeline: number;
}

export const encode = (text: string) => new TextEncoder().encode(text);

export function redisLoad(
  command: string,
  answer: string,
  connections: number,
  pipeline: number,
): Load {
  return {
    request: encode(command.repeat(pipeline)),
    answerBytes: answer.length * pipeline,
    connections,
    pipeline,
  };
}

export const SET = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n",
  GET = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
export const HTTP = "GET / HTTP/1.1\r\nHost: machine\r\n\r\n";

/** Asks for so many seconds. @returns requests a second */
export async function ask(port: number, load: Load, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000;
  let answered = 0;
  const client = async () => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    const buffer = new Uint8Array(65536);
    do {
      for (let sent = 0; sent < load.request.length;) {
        sent += await connection.write(load.request.subarray(sent));
      }
      for (let got = 0; got < load.answerBytes;) {
        const count = await connection.read(buffer);
        if (count === null) throw new Error("the server closed a connection");
        got += count;
      }
      answered += load.pipeline;
    } while (performance.now() < until);
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: load.connections }, client));
  return answered / ((performance.now() - started) / 1000);
}

/** How many bytes the answer to one request has. */
export async function answerLength(port: number, request: string): Promise<number> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(encode(request));
  const buffer = new Uint8Array(65536);
  const text = new TextDecoder().decode(buffer.subarray(0, (await connection.read(buffer))!));
  const body = Number(/content-length: (\d+)/i.exec(text)?.[1]);
  return text.indexOf("\r\n\r\n") + 4 + body;
}

/**
 * Connects until there is a server: a forwarded port takes connections before that.
 * @param attempt undefined where nobody answered
 */
async function onceThere<T>(
  port: number,
  attempt: (connection: Deno.Conn) => Promise<T | undefined>,
): Promise<T> {
  for (let tries = 0; tries < 1200; tries++) {
    try {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port });
      const result = await attempt(connection);
      if (result !== undefined) return result;
    } catch (failure) {
      const away = failure instanceof Deno.errors.ConnectionRefused ||
        failure instanceof Deno.errors.ConnectionReset;
      if (!away) throw failure;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the server does not answer");
}

/** Waits until a request is answered. */
export async function answering(port: number, request: Uint8Array): Promise<void> {
  await onceThere(port, async (connection) => {
    await connection.write(request);
    return await connection.read(new Uint8Array(1)) ?? undefined;
  });
}

export function freePort(): number {
  using probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return probe.addr.port;
}

/**
 * Reads all that a server sends, once it is there.
 * @returns bytes a second
 * @throws Error where other than so many bytes came
 */
export async function receive(port: number, wanted: number): Promise<number> {
  const buffer = new Uint8Array(1 << 20);
  return await onceThere(port, async (connection) => {
    const started = performance.now();
    let bytes = 0;
    for (let count; (count = await connection.read(buffer)) !== null;) bytes += count;
    if (bytes === 0) return undefined;
    if (bytes !== wanted) throw new Error(`${bytes} bytes came`);
    return bytes / ((performance.now() - started) / 1000);
  });
}
