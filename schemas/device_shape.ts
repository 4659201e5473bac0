// What a manifest says of a device: its model, the disk image or the network behind it.
import { limits } from "./limits.ts";
import {
  choice,
  defaulted,
  flag,
  list,
  map,
  named,
  number,
  optional,
  record,
  required,
  text,
} from "./manifest_shape.ts";

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

/** A device of `machine.devices`. */
export const device = record("a device of the machine", {
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
