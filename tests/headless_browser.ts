// A browser of the host without a window, for tests of pages: runs expressions in a page, over the protocol
// of its developer tools.

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const START_LIMIT_MS = 20_000, ANSWER_LIMIT_MS = 20_000;

/** Where there is one. */
export function findBrowser(): string | undefined {
  for (const folder of ["/usr/bin", "/usr/local/bin", "/opt/google/chrome"]) {
    for (const name of NAMES) {
      try {
        if (Deno.statSync(`${folder}/${name}`).isFile) return `${folder}/${name}`;
      } catch {
        // Not there.
      }
    }
  }
}

export class HeadlessPage {
  #next = 0;
  readonly #waiting = new Map<number, (result: unknown) => void>();

  private constructor(
    private readonly browser: Deno.ChildProcess,
    private readonly socket: WebSocket,
    private readonly folder: string,
  ) {
    socket.onmessage = ({ data }) => {
      const { id, result } = JSON.parse(data);
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    };
  }

  /** Opens a page. @throws Error where the browser does not start */
  static async open(path: string, url: string): Promise<HeadlessPage> {
    const folder = await Deno.makeTempDir();
    const browser = new Deno.Command(path, {
      args: [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1280,1400",
        "--remote-debugging-port=0",
        `--user-data-dir=${folder}`,
        url,
      ],
      stdout: "null",
      stderr: "null",
    }).spawn();
    const deadlineMs = performance.now() + START_LIMIT_MS;
    for (;;) {
      try {
        const port = (await Deno.readTextFile(`${folder}/DevToolsActivePort`)).split("\n")[0];
        const pages = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
        const page = pages.find((each: { type: string }) => each.type === "page");
        const socket = new WebSocket(page.webSocketDebuggerUrl);
        await new Promise((resolve, reject) => {
          socket.onopen = resolve;
          socket.onerror = reject;
        });
        return new HeadlessPage(browser, socket, folder);
      } catch (failure) {
        if (performance.now() > deadlineMs) {
          browser.kill("SIGKILL");
          throw new Error(`The browser does not start: ${failure}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** The value of an expression in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = await this.send("Runtime.evaluate", { expression, returnByValue: true }) as {
      result: { value?: unknown };
    };
    return answer.result.value;
  }

  /** One command of the developer tools' protocol. */
  send(method: string, params: Record<string, unknown>): Promise<unknown> {
    const id = ++this.#next;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), ANSWER_LIMIT_MS);
      this.#waiting.set(id, (result) => {
        clearTimeout(timer);
        resolve(result);
      });
      this.socket.send(JSON.stringify({ id, method, params }));
    });
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.socket.onclose = resolve);
    this.browser.kill("SIGKILL");
    await this.browser.status;
    this.socket.close();
    await closed;
    await Deno.remove(this.folder, { recursive: true }).catch(() => {});
  }
}
