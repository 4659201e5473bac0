// A conversation with a running system over its control socket.
import { LineConnection } from "../../../runtime/boot/control/control_lines.ts";
import {
  type ControlAnswer,
  type ControlRequest,
  type ExecutionInput,
  lineOf,
  readAnswer,
} from "../../../runtime/boot/control/control_protocol.ts";
import { socketOf } from "./system_folder.ts";

/** The system does not do what was asked. */
export class Refused extends Error {}

/** What connecting to somebody who is gone, or going, fails with. */
const GONE = [
  Deno.errors.NotFound,
  Deno.errors.ConnectionRefused,
  Deno.errors.ConnectionReset,
];

export class ControlClient {
  readonly #answers: AsyncGenerator<string, void, void>;

  private constructor(private readonly connection: LineConnection) {
    this.#answers = connection.lines();
  }

  /** @throws Deno.errors.ConnectionRefused, NotFound where nobody listens */
  static async ask(folder: string, request: ControlRequest): Promise<ControlClient> {
    const connection = await Deno.connect({ transport: "unix", path: socketOf(folder) });
    const client = new ControlClient(new LineConnection(connection));
    // Whether it was heard, the answer tells.
    void client.connection.send(lineOf(request)).catch(() => {});
    return client;
  }

  /** As `ask`; undefined where nobody listens. */
  static async find(folder: string, request: ControlRequest): Promise<ControlClient | undefined> {
    try {
      return await ControlClient.ask(folder, request);
    } catch (failure) {
      if (!GONE.some((each) => failure instanceof each)) throw failure;
    }
  }

  /** Tells the program that was asked for something. */
  async tell(input: ExecutionInput): Promise<void> {
    // One that has ended hears nothing, which its end says already.
    await this.connection.send(lineOf(input)).catch(() => {});
  }

  /** The next answer; undefined at the end. @throws Refused, ProtocolError */
  async next(): Promise<ControlAnswer | undefined> {
    const { done, value } = await this.#answers.next();
    if (done) return undefined;
    const answer = readAnswer(value);
    if ("refused" in answer) throw new Refused(answer.refused);
    return answer;
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  /**
   * One question with one answer; undefined where nobody listens, or the system ends before it answers.
   * @param patienceMs after that it is taken to have none
   */
  static async once(
    folder: string,
    request: ControlRequest,
    patienceMs?: number,
  ): Promise<ControlAnswer | undefined> {
    const client = await ControlClient.find(folder, request);
    if (client === undefined) return undefined;
    const timer = patienceMs === undefined
      ? undefined
      : setTimeout(() => void client.close(), patienceMs);
    try {
      return await client.next();
    } finally {
      clearTimeout(timer);
      await client.close();
    }
  }
}
