// The manifest of kind `System`: what may be written, what it means, what is assumed where it is left out.
import { faultPlaces } from "./faults.ts";
import { limits } from "./limits.ts";
import {
  choice,
  defaulted,
  flag,
  list,
  map,
  named,
  namePattern,
  number,
  optional,
  pathPattern,
  record,
  required,
  text,
  variablePattern,
} from "./manifest_shape.ts";
import type { System } from "./system.ts";

const rootfs = record("a root file system: exactly one of debian, folder, tar and image", {
  debian: optional(record("packages of Debian, with all they depend on", {
    suite: defaulted(
      text("name of a release", {
        source: "^[a-z][a-z0-9.-]{0,62}$",
        meaning: "a lower-case letter, then letters, digits, . and -",
      }),
      "trixie",
    ),
    packages: required(list(
      "names of packages",
      text("a package, or package=version", {
        source: "^[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9.+:~-]+)?$",
        meaning: "lower-case letters, digits, +, . and -, and a version after =",
      }),
    )),
    mirror: optional(text("address of an archive; else the host's apt configuration names it", {
      source: "^https?://[^ ]+$",
      meaning: "http:// or https://, and where the archive is",
      what: "address",
    })),
  })),
  folder: optional(text("a folder of the host")),
  tar: optional(text("an archive of the host, also a compressed one")),
  image: optional(text("an ext4 image of the host")),
  size: optional(number("bytes", "size of the file system; else room to spare", limits.imageBytes)),
  links: defaulted(map("symbolic links to add: where they lead, by path", text("a path")), {}),
  files: defaulted(
    map("files and folders of the host to add, by path", text("a file or folder of the host")),
    {},
  ),
  prepare: optional(list(
    "commands that the machine runs on it once, as root, before it is first used",
    text("a command for /bin/sh"),
  )),
  keep: optional(text("a file that keeps what the machine changes; else it is gone at the end")),
});

const hostPort = (description: string) =>
  text(description, {
    source: "^(\\[[0-9a-fA-F:]+\\]|[^ :/\\[\\]]+):([0-9]{1,5}|\\*)$",
    meaning: "an address or a name, a colon, and a port, such as 127.0.0.1:8080",
    what: "address with port",
  });

const backend = record("what a network device is connected to: exactly one of user, tap and loop", {
  user: optional(record("address translation on the host's sockets", {
    forward: defaulted(
      list(
        "ports of the host that lead into the machine",
        record("a forwarded port", {
          from: required(hostPort("address and port of the host")),
          to: required(number("integer", "port of the machine", limits.port)),
          protocol: defaulted(choice("of both ports", ["tcp", "udp"]), "tcp"),
        }),
      ),
      [],
    ),
    allow: defaulted(
      list(
        "what the machine may reach; everything else is refused",
        hostPort("an address, a name or * (any address), and a port or * (any port)"),
      ),
      [],
    ),
    dns: defaulted(
      map("addresses by name, for the machine's name server", text("an address"), {
        source: "^[A-Za-z0-9_-]{1,63}(\\.[A-Za-z0-9_-]{1,63})*$",
        meaning: "letters, digits, - and _, in parts of at most 63 with dots between them",
        what: "name of a host",
      }),
      {},
    ),
  })),
  tap: optional(text("name of a tap device of the host (Linux)", {
    source: "^[A-Za-z][A-Za-z0-9_.-]{0,14}$",
    meaning: "at most 15 letters, digits, _, . and -, the first of them a letter",
  })),
  loop: optional(record("a segment between network devices of the machine", {
    segment: required(named("devices that name the same are on it")),
    seed: defaulted(number("integer", "what goes wrong is drawn from it", limits.seed), 1),
    loss: defaulted(number("integer", "of a million frames, so many are lost", limits.million), 0),
    duplication: defaulted(
      number("integer", "of a million frames, so many come twice", limits.million),
      0,
    ),
    reordering: defaulted(
      number("integer", "of a million frames, so many are overtaken", limits.million),
      0,
    ),
    delay: defaulted(
      number("milliseconds", "how long a frame is under way", limits.linkDelayMs),
      "0ms",
    ),
  })),
});

const device = record("a device of the machine", {
  model: required(
    choice("the virtio device model", ["virtio-blk", "virtio-console", "virtio-net", "virtio-rng"]),
  ),
  image: optional(text("virtio-blk: the disk image, relative to the file that says it")),
  create: optional(record("virtio-blk: make the image when it is not there", {
    format: defaulted(choice("file system to make", ["ext4"]), "ext4"),
    size: required(number("bytes", "size of the image", limits.imageBytes)),
  })),
  rootfs: optional(rootfs),
  readOnly: defaulted(flag("virtio-blk: refuse writes"), false),
  backend: optional(backend),
  addresses: optional(list(
    "virtio-net: addresses of the interface; 10.0.2.15/24 and fd00::15/64 unless told",
    text("an address and the length of its network's prefix"),
  )),
  gateways: optional(list(
    "virtio-net: where the rest of the world is; 10.0.2.2 and fd00::2 unless told",
    text("an address"),
  )),
  capture: optional(text("virtio-net: a file that gets all frames, for tcpdump and wireshark")),
});

const domain = record("a unit of isolation", {
  primary: defaulted(flag("runs user programs and every slice not placed elsewhere"), false),
  isolation: optional(
    choice("how it is kept apart; `process` unless told, `none` for the primary", [
      "none",
      "worker",
      "process",
    ]),
  ),
  memory: defaulted(
    number("bytes", "its memory object: device queues and page cache", limits.domainMemoryBytes),
    "32MiB",
  ),
  heap: defaulted(
    number("bytes", "limit on the heap of its kernel code", limits.heapBytes),
    "128MiB",
  ),
  slices: defaulted(list("slices placed here", named("name of a slice")), []),
  components: defaulted(list("single components placed here", named("name of a component")), []),
  devices: defaulted(list("devices it owns through the IOMMU", named("name of a device")), []),
  ring: defaulted(
    record("the ring on which it serves", {
      depth: defaulted(
        number("integer", "entries in each queue, a power of two", limits.ringDepth),
        64,
      ),
      spin: defaulted(
        number("microseconds", "spin this long before sleeping", limits.spinUs),
        "50us",
      ),
      style: defaulted(
        choice(
          "`exceptionless`: calls are written and other threads run; `trap`: each call signals the " +
            "domain, and the caller's hart sleeps until it answers (nobody spins)",
          ["exceptionless", "trap"],
        ),
        "exceptionless",
      ),
      arena: defaulted(number("bytes", "memory for payloads", limits.ringArenaBytes), "4MiB"),
      clientCache: defaulted(
        flag(
          "the primary keeps pages of its files that programs read and write, in what is left of the " +
            "primary's memory (at most 256 MiB), and what paths led to; reads of what it keeps do not " +
            "cross, and writes are not waited for where there is room for certain; never where calls trap",
        ),
        true,
      ),
    }),
    {},
  ),
  recovery: optional(record("what happens when it fails", {
    policy: defaulted(choice("restart it, or end the machine", ["restart", "fail"]), "restart"),
    clients: optional(choice("what callers get while it is down", ["retry", "error"])),
    backoff: defaulted(
      number(
        "milliseconds",
        "least time from when an instance is ready to the start of the next",
        limits.backoffMs,
      ),
      "20ms",
    ),
    restarts: defaulted(number("integer", "most restarts", limits.maxRestarts), 30),
    standby: defaulted(
      flag(
        "process: another one stands by for the next restart, which takes some 50 ms less then; it " +
          "has some 30 MiB of the host's memory",
      ),
      true,
    ),
    heartbeat: defaulted(
      number(
        "milliseconds",
        "no progress on pending work for this long is a failure",
        limits.heartbeatMs,
      ),
      "1s",
    ),
  })),
});

/** Signals that ask a program to end, by their numbers. */
export const stopSignals = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
  SIGWINCH: 28,
} as const;

const health = record("how to tell whether it works: exactly one of run and connect", {
  run: optional(text("a program of the machine that ends with 0 where it does")),
  args: defaulted(list("arguments of that program", text("an argument")), []),
  connect: optional(
    number("integer", "port of 127.0.0.1 that takes connections where it does", limits.port),
  ),
  interval: defaulted(
    number("milliseconds", "from one answer to the next question", limits.healthMs),
    "5s",
  ),
  timeout: defaulted(
    number("milliseconds", "no answer for this long means that it does not", limits.healthMs),
    "3s",
  ),
  retries: defaulted(
    number("integer", "as many failures in a row make it unhealthy", limits.healthRetries),
    3,
  ),
  start_period: defaulted(
    number("milliseconds", "failures this soon after its start do not count", limits.startPeriodMs),
    "0s",
  ),
});

const fault = record(
  "something that goes wrong, in a domain or a device: after requests, at a time, or at random",
  {
    domain: optional(named("service domain in which it does")),
    device: optional(named("device in which it does")),
    kind: required(choice(
      "in a domain: its code throws, loops, takes all memory, answers late, writes nonsense into its " +
        "ring, or lets its device reach for memory of others; in a device: requests fail, nothing " +
        "more can be written, or frames are lost",
      Object.keys(faultPlaces) as (keyof typeof faultPlaces)[],
    )),
    by: optional(number("milliseconds", "slow: how much later answers come", limits.slowMs)),
    rate: optional(
      number("integer", "packet-loss: of a million frames, so many are lost", limits.million),
    ),
    seed: defaulted(
      number("integer", "packet-loss: which frames are lost is drawn from it", limits.seed),
      1,
    ),
    for: optional(number(
      "milliseconds",
      "how long; else disk-error is of one request, and the rest lasts",
      limits.faultMs,
    )),
    after: optional(record("instead of a certain request", {
      call: optional(named("name of a request; else all count")),
      count: defaulted(number("integer", "which of them, from 1 on", limits.faultCount), 1),
      times: defaulted(
        number("integer", "how often: counting begins anew each time", limits.faultTimes),
        1,
      ),
    })),
    at: optional(number("milliseconds", "when, from when programs may start", limits.faultMs)),
    random: optional(record("at moments drawn from a seed: exactly one of mean and count", {
      seed: required(number("integer", "they are drawn from it", limits.seed)),
      mean: optional(number("milliseconds", "time between two, on average", limits.faultMeanMs)),
      count: optional(
        number("integer", "requests from one to the next, on average", limits.faultCount),
      ),
      call: optional(named("with count: name of a request; else all count")),
      times: defaulted(number("integer", "how many", limits.faultTimes), 1),
    })),
  },
);

/** The root shape; `include` and `extends` are gone after loading. */
export const systemShape = record("a system: machine, slices, domains, programs", {
  kind: required(choice("kind of manifest", ["System"])),
  name: required(named("a name")),
  machine: defaulted(
    record("the emulated machine", {
      memory: defaulted(number("bytes", "physical memory in all", limits.memoryBytes), "256MiB"),
      harts: defaulted(number("integer", "hardware threads", limits.harts), 1),
      devices: defaulted(map("devices by name", device, namePattern), {}),
    }),
    {},
  ),
  slices: defaulted(
    map(
      "vertical chains of components, by name",
      list("components, from system calls down to the device", named("name of a component")),
      namePattern,
    ),
    {},
  ),
  domains: required(map("where slices run, by name", domain, namePattern)),
  mounts: defaulted(
    map(
      "mount points by absolute path",
      record("a mounted file system", {
        filesystem: required(
          choice("component that holds it", ["ext4", "tmpfs", "devfs", "procfs", "sysfs"]),
        ),
        slice: optional(named("which slice's component, where several slices have one")),
      }),
    ),
    {},
  ),
  faults: defaulted(list("what is to go wrong", fault), []),
  ready: optional(text("what `compose up` prints when all programs are ready")),
  programs: defaulted(
    map(
      "programs to start, by name",
      record("a user program", {
        run: required(
          text("a program of the machine by its absolute path, or a TypeScript module of the host"),
        ),
        argv0: optional(text("what it is told its name is; else what `run` says")),
        args: defaulted(list("arguments", text("an argument")), []),
        env: defaulted(map("environment", text("a value"), variablePattern), {}),
        cwd: defaulted(text("working directory", pathPattern), "/"),
        stdin: defaulted(
          choice("what it reads: nothing, or what `compose` reads", ["none", "console"]),
          "none",
        ),
        uid: defaulted(number("integer", "user id", limits.id), 0),
        gid: defaulted(number("integer", "group id", limits.id), 0),
        uses: defaulted(
          list("system calls it cannot do without", text("name of a system call")),
          [],
        ),
        depends_on: defaulted(
          map(
            "programs that it waits for before it starts, and until when, by name",
            choice("until it has been started, works, or has ended with 0", [
              "started",
              "healthy",
              "finished",
            ]),
          ),
          {},
        ),
        health: optional(health),
        restart: defaulted(
          choice("whether it is started again when it has ended", ["no", "on-failure", "always"]),
          "no",
        ),
        restart_limit: defaulted(
          number("integer", "most restarts in a row", limits.programRestarts),
          10,
        ),
        restart_backoff: defaulted(
          number(
            "milliseconds",
            "wait before the first of them, then twice that",
            limits.backoffMs,
          ),
          "100ms",
        ),
        stop_signal: defaulted(
          choice(
            "what asks it to end",
            Object.keys(stopSignals) as (keyof typeof stopSignals)[],
          ),
          "SIGTERM",
        ),
        stop_timeout: defaulted(
          number("milliseconds", "how long it then has before SIGKILL", limits.stopMs),
          "5s",
        ),
      }),
      namePattern,
    ),
    {},
  ),
}, ["extends", "include"]);

export type { System };
/** One domain of a manifest. */
export type Domain = System["domains"][string];
