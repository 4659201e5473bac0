// Debian's servers in machines, as users of the host know them: the examples are started in the background,
// asked over forwarded ports, told to reload, and stopped.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { composeCommand, withFolder } from "../fixtures/boot_harness.ts";

const examples = new URL("../../examples/", import.meta.url);
/** An archive of Debian packages that tests may reach. */
const mirror = Deno.env.get("VIRTUOS_TEST_MIRROR");
const ignore = mirror === undefined;
if (ignore) console.warn("Servers are not tested: VIRTUOS_TEST_MIRROR is not set");

const decoder = new TextDecoder();

/** A running example. */
class Server {
  constructor(
    readonly folder: string,
    readonly name: string,
    private readonly env: Record<string, string>,
  ) {}

  /** Runs compose. @throws Error where it fails */
  async compose(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await composeCommand(this.folder, args, this.env).output();
    if (code !== 0) throw new Error(`compose ${args[0]}: ${code}\n${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }

  /** Runs a shell's command inside. */
  shell(command: string): Promise<string> {
    return this.compose("exec", "--no-terminal", this.name, "--", "/bin/sh", "-c", command);
  }
}

/** Runs a body while an example runs. */
function serving(name: string, body: (server: Server) => Promise<void>): () => Promise<void> {
  return () =>
    withFolder(async (folder) => {
      for (const { name } of Deno.readDirSync(examples)) {
        if (name.endsWith(".yaml")) Deno.copyFileSync(new URL(name, examples), `${folder}/${name}`);
      }
      const cache = Deno.env.get("VIRTUOS_CACHE");
      const env: Record<string, string> = cache === undefined ? {} : { VIRTUOS_CACHE: cache };
      if (mirror !== "apt") env.VIRTUOS_MIRROR = mirror!;
      const server = new Server(folder, name, env);
      await server.compose("up", "--detach", `${name}.yaml`);
      try {
        await body(server);
        const [{ now }] = JSON.parse(await server.compose("ps", "--json")).systems;
        for (const { name, restarts } of now.machine.domains) assertEquals(restarts, 0, name);
      } finally {
        await server.compose("down", name);
      }
    });
}

const page = "http://127.0.0.1:8080/";

/**
 * Fetches a page over and over, some at a time. Each has a connection of its own: one that is kept may be closed
 * by a server that reloads just when it is used again.
 * @returns how many answers were not as the first
 */
async function fetchMany(times: number, atATime: number): Promise<number> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const first = await (await fetch(page, { client })).text();
  let left = times, wrong = 0;
  const fetcher = async () => {
    while (left-- > 0) {
      const answer = await fetch(page, { client });
      if (await answer.text() !== first || answer.status !== 200) wrong++;
    }
  };
  await Promise.all(Array.from({ length: atATime }, fetcher));
  return wrong;
}

Deno.test({
  name: "nginx serves, reloads while it serves, and logs",
  ignore,
  fn: serving("nginx", async (server) => {
    assertStringIncludes(await (await fetch(page)).text(), "Welcome to nginx!");
    const missing = await fetch(`${page}nothing`);
    assertEquals(missing.status, 404);
    await missing.body?.cancel();
    const [wrong] = await Promise.all([
      fetchMany(300, 16),
      server.shell("sleep 0.3; nginx -s reload 2>/dev/null"),
    ]);
    assertEquals(wrong, 0);
    const log = await server.shell("grep -c ' 200 ' /var/log/nginx/access.log; ls /run/nginx.pid");
    assertEquals(log, "302\n/run/nginx.pid\n");
  }),
});

/** A client of redis: commands as lines, answers as they come. */
async function redis(port: number, commands: string[]): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const text = [...commands, "QUIT"].map((each) => `${each}\r\n`).join("");
  const answers = new Response(connection.readable).text();
  const writer = connection.writable.getWriter();
  await writer.write(new TextEncoder().encode(text));
  return await answers;
}

Deno.test({
  name: "redis answers, in pipelines and transactions, and keeps what it was told",
  ignore,
  fn: serving("redis", async (server) => {
    const session = ["SET a 5", "INCR a", "RPUSH l x y z", "LRANGE l 0 -1", "GET nothing"];
    assertEquals(
      await redis(6379, session),
      "+OK\r\n:6\r\n:3\r\n*3\r\n$1\r\nx\r\n$1\r\ny\r\n$1\r\nz\r\n$-1\r\n+OK\r\n",
    );
    const counters = Array.from({ length: 8 }, () => new Array(250).fill("INCR n"));
    await Promise.all(counters.map((commands) => redis(6379, commands)));
    assertEquals(
      await redis(6379, ["GET n", "MULTI", "SET b 1", "INCR b", "EXEC", "BGREWRITEAOF", "SAVE"]),
      "$4\r\n2000\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:2\r\n" +
        "+Background append only file rewriting started\r\n" +
        "+OK\r\n+OK\r\n",
    );
    await server.shell(
      "while redis-cli info persistence | grep -q in_progress:1; do sleep 0.1; done",
    );
    const checked = await server.shell(
      "cp -r /var/lib/redis/appendonlydir /tmp/copy; redis-check-aof /tmp/copy/*.manifest",
    );
    assertMatch(checked, /All AOF files and manifest are valid/);
  }),
});

Deno.test({
  name: "Apache serves, restarts gracefully, and forks where it is told to",
  ignore,
  fn: serving("apache", async (server) => {
    assertStringIncludes(await (await fetch(page)).text(), "Apache2 Debian Default Page");
    const apache = ". /etc/apache2/envvars; apache2 -c 'ServerName machine'";
    const [wrong] = await Promise.all([fetchMany(200, 8), server.shell(`${apache} -k graceful`)]);
    assertEquals(wrong, 0);
    await server.shell(
      "cp -r /etc/apache2 /tmp/forks; cd /tmp/forks; rm mods-enabled/mpm_event.*;" +
        "ln -s ../mods-available/mpm_prefork.load ../mods-available/mpm_prefork.conf mods-enabled/;" +
        "sed -i 's/Listen 80$/Listen 81/' ports.conf; sed -i 's/:80>/:81>/' sites-available/*;" +
        `${apache} -d /tmp/forks -c 'PidFile /run/forks.pid' -k start`,
    );
    const forks = await server.shell(
      "for i in 1 2 3 4 5 6 7 8 9 10; do busybox wget -q -O - http://127.0.0.1:81/ | head -c 15; done;" +
        "ps | grep -c '[a]pache2.*forks'",
    );
    const [pages, processes] = [forks.slice(0, -2), Number(forks.slice(-2))];
    assertEquals(pages.length, 150);
    assert(processes >= 5, `${processes} processes`);
  }),
});

Deno.test({
  name: "MariaDB keeps its tables, for clients beside each other",
  ignore,
  fn: serving("mariadb", async (server) => {
    const sql = (text: string) =>
      server.compose("exec", "--no-terminal", "mariadb", "--", "mariadb", "-N", "-B", "-e", text);
    await sql("create database d; create table d.t (n int auto_increment primary key, who int)");
    const insert = (who: number) =>
      sql(
        `begin; insert into d.t (who) select ${who} from d.seq_1_to_500; commit;` +
          `begin; insert into d.t (who) values (99); rollback`,
      );
    await Promise.all([1, 2, 3, 4].map(insert));
    assertEquals(
      await sql("select who, count(*) from d.t group by who order by who; check table d.t"),
      "1\t500\n2\t500\n3\t500\n4\t500\nd.t\tcheck\tstatus\tOK\n",
    );
  }),
});
