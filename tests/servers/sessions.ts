// What clients say to servers in a session, and the settings that a server has in one, on a machine and elsewhere.

/** A server of the session: its files lie under `root`, which is "" on a machine. */
export interface SessionServer {
  name: string;
  /** where it keeps what it writes, and its settings by path */
  files(root: string, port: number): Record<string, string>;
  words(root: string, port: number): string[];
  session(port: number): Promise<string[]>;
}

const encode = (text: string) => new TextEncoder().encode(text);

/** Sends everything, and reads to the end. */
async function say(port: number, text: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const answers: Uint8Array<ArrayBuffer>[] = [];
  const reader = (async () => {
    const buffer = new Uint8Array(65_536);
    for (let count; (count = await connection.read(buffer)) !== null;) {
      answers.push(buffer.slice(0, count));
    }
  })();
  const bytes = encode(text);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  await reader;
  return await new Blob(answers).text();
}

const REDIS_COMMANDS = [
  ...["SET a 5", "INCRBY a 37", "APPEND a x", "STRLEN a", "GETRANGE a 0 1", "SETBIT bits 7 1"],
  ...["RPUSH l c b a d", "LRANGE l 0 -1", "SORT l ALPHA DESC", "LINSERT l BEFORE b z", "LPOP l"],
  ...["HSET h f 1 g 2", "HINCRBYFLOAT h f 0.25", "HGETALL h", "ZADD z 1 one 2 two 3 three"],
  ...["ZRANGEBYSCORE z (1 +inf WITHSCORES", "SADD s 1 2 3", "SISMEMBER s 2", "PFADD p a b c"],
  ...["PFCOUNT p", "XADD x 1-1 k v", "XRANGE x - +", "GEOADD g 13.36 38.11 P", "GEOHASH g P"],
  ...["MULTI", "INCR n", "INCR a", "EXEC", "WATCH n", "MULTI", "SET n 9", "EXEC", "GET n"],
  ...["EVAL \"return {KEYS[1], ARGV[1], redis.call('GET', 'n')}\" 1 k v", "OBJECT ENCODING l"],
  ...["NOSUCH", "GET", "LPUSH n 1", "SET big " + "0123456789".repeat(2000), "STRLEN big"],
  ...["DEBUG DIGEST"],
];
/** Until the child of BGSAVE has ended; and then what a server has that starts with its file. */
const REDIS_SAVED = /rdb_bgsave_in_progress:0[^]*rdb_last_bgsave_status:ok/;

export const redis: SessionServer = {
  name: "redis, with appendonly and BGSAVE",
  files: () => ({}),
  words: (root, port) => [
    "/usr/bin/redis-server",
    ...["--port", String(port), "--dir", `${root}/tmp`, "--appendonly", "yes", "--save", ""],
    ...["--protected-mode", "no", "--enable-debug-command", "yes"],
  ],
  session: async (port) => {
    const lines = (commands: string[]) =>
      say(port, [...commands, "QUIT"].map((each) => `${each}\r\n`).join(""));
    const answers = [await lines(REDIS_COMMANDS), await lines(["BGSAVE"])];
    for (let tries = 0; tries < 100; tries++) {
      if (REDIS_SAVED.test(await lines(["INFO persistence"]))) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    // From the append-only file, and from the image of memory.
    answers.push(await lines(["DEBUG LOADAOF", "DEBUG DIGEST", "DEBUG RELOAD NOSAVE"]));
    answers.push(await lines(["DEBUG DIGEST", "DBSIZE", "GET a"]));
    return answers;
  },
};

const get = (path: string, ...headers: string[]) => request("GET", path, ...headers);

function request(method: string, path: string, ...headers: string[]): string {
  return [`${method} ${path} HTTP/1.1`, "Host: machine", ...headers, "", ""].join("\r\n");
}

const CLOSE = "Connection: close";
const LARGE_BYTES = 300_000;
/** An answer that is longer is compared by its hash. */
const LONG_BYTES = 1000;
const PAGES: Record<string, string> = {
  "index.html": "<p>a page</p>\n".repeat(300),
  "large.txt": "0123456789abcde\n".repeat(LARGE_BYTES / 16),
  "folder/note.txt": "a note\n",
};

/** Requests of a session with a web server. A connection may carry several. */
const WEB_REQUESTS = [
  get("/", CLOSE),
  get("/nothing", CLOSE),
  request("HEAD", "/large.txt", CLOSE),
  get("/large.txt", CLOSE, "Range: bytes=10-29"),
  get("/large.txt", CLOSE, "Range: bytes=-5"),
  get("/large.txt", CLOSE, "Range: bytes=999999-"),
  get("/large.txt", CLOSE, "Range: bytes=0-3,16-19").replace("Range:", "X-Range:"),
  get("/folder", CLOSE),
  get("/folder/../index.html", CLOSE),
  get("/folder/note.txt", CLOSE, "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"),
  get("/folder/note.txt", CLOSE, 'If-None-Match: "nothing"'),
  get("/folder/note.txt") + get("/") + get("/large.txt", CLOSE),
  "GET / HTTP/1.0\r\n\r\n",
  "NONSENSE\r\n\r\n",
  get("/", "Connection: close", `X: ${"y".repeat(3000)}`),
];

/** An answer without what differs from run to run, and with a long body in short. */
async function inShort(answer: string): Promise<string> {
  const text = answer.replace(/^(Date|Last-Modified|ETag): .*\r\n/gm, "");
  if (text.length < LONG_BYTES) return text;
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", encode(text)));
  return `${text.slice(0, LONG_BYTES)}... ${text.length} in all, ${hash.toHex()}`;
}

async function webSession(port: number): Promise<string[]> {
  const answers = [];
  for (const each of WEB_REQUESTS) answers.push(await inShort(await say(port, each)));
  const many: string[] = await Promise.all(
    Array.from({ length: 40 }, (_, index) => say(port, get(index % 2 ? "/" : "/large.txt", CLOSE))),
  );
  answers.push(...new Set(await Promise.all(many.map(inShort))));
  return answers;
}

function pages(root: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(PAGES).map(([name, text]) => [`${root}/srv/pages/${name}`, text]),
  );
}

export const nginx: SessionServer = {
  name: "nginx",
  files: (root, port) => ({
    ...pages(root),
    [`${root}/srv/nginx.conf`]: `daemon off; worker_processes 2; user root;
pid ${root}/tmp/nginx.pid; error_log ${root}/tmp/nginx.errors;
events {}
http {
  access_log ${root}/tmp/nginx.log; default_type text/plain; sendfile on; tcp_nopush on;
  client_body_temp_path ${root}/tmp/body; proxy_temp_path ${root}/tmp/proxy;
  fastcgi_temp_path ${root}/tmp/fcgi; uwsgi_temp_path ${root}/tmp/uwsgi; scgi_temp_path ${root}/tmp/scgi;
  server { listen ${port}; root ${root}/srv/pages; port_in_redirect off; }
}
`,
  }),
  words: (root) => ["/usr/sbin/nginx", "-p", `${root}/tmp`, "-c", `${root}/srv/nginx.conf`],
  session: webSession,
};

function apache(model: "event" | "prefork"): SessionServer {
  const modules = [`mpm_${model}`, "authz_core", "dir", "mime", "unixd"];
  return {
    name: `Apache, ${model}`,
    files: (root, port) => ({
      ...pages(root),
      [`${root}/srv/types`]: "text/html html\ntext/plain txt\n",
      [`${root}/srv/${model}.conf`]: `${
        modules.filter((each) => each !== "unixd").map((each) =>
          `LoadModule ${each}_module ${root}/usr/lib/apache2/modules/mod_${each}.so`
        ).join("\n")
      }
ServerName machine
ServerRoot ${root}/srv
Listen ${port}
User nobody
Group nogroup
PidFile ${root}/tmp/${model}.pid
DefaultRuntimeDir ${root}/tmp
Mutex fcntl:${root}/tmp
ScoreBoardFile ${root}/tmp/${model}.board
ErrorLog ${root}/tmp/${model}.errors
TypesConfig ${root}/srv/types
DocumentRoot ${root}/srv/pages
DirectoryIndex index.html
<Directory ${root}/srv/pages>
  Require all granted
</Directory>
`,
    }),
    words: (root) => ["/usr/sbin/apache2", "-D", "FOREGROUND", "-f", `${root}/srv/${model}.conf`],
    session: webSession,
  };
}

export const sessionServers = [redis, nginx, apache("event"), apache("prefork")];
