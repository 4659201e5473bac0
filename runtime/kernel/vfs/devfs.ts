// devfs: /dev with the memory devices (mem(4), null(4), random(4)), one terminal a console port, and names
// of terminals that the primary has.
import type { Component } from "../component.ts";
import type { Blocking, WaitQueue } from "../coroutine.ts";
import type { Entropy } from "../drivers/entropy.ts";
import type { Terminal } from "../drivers/terminal.ts";
import type { Environment } from "../environment.ts";
import { E, fail } from "../errno.ts";
import { MemoryInode, type MemoryOwner } from "../storage/tmpfs/memory_inode.ts";
import { MemoryFileSystem, TMPFS_MAGIC } from "../storage/tmpfs/tmpfs.ts";
import { POLL } from "./constants.ts";
import { S, SYMLINK_MODE } from "./filesystem.ts";

/** At most what programs share below /dev/shm (shm_overview(7)). */
const MOST_BYTES = 256 << 20;
const LINKS = {
  fd: "/proc/self/fd",
  stdin: "/proc/self/fd/0",
  stdout: "/proc/self/fd/1",
  stderr: "/proc/self/fd/2",
};

/** What a character device does; positions mean nothing to it. */
interface CharacterDevice {
  read(into: Uint8Array): Blocking<number>;
  write(from: Uint8Array): Blocking<number>;
  poll?(): number;
  readiness?: WaitQueue;
}

const deviceNumber = (major: number, minor: number) => major << 8 | minor;

class DeviceInode extends MemoryInode {
  constructor(
    owner: MemoryOwner,
    ino: number,
    mode: number,
    rdev: number,
    private readonly behaviour: CharacterDevice,
  ) {
    super(owner, ino, { mode, uid: 0, gid: 0, rdev });
  }
  override read(_offset: number, into: Uint8Array): Blocking<number> {
    return this.behaviour.read(into);
  }
  override write(_offset: number, from: Uint8Array): Blocking<number> {
    return this.behaviour.write(from);
  }
  override truncate(): void {}
  override allocate(): void {
    fail(E.ENODEV);
  }
  override seek(): number {
    return fail(E.ESPIPE);
  }
  poll(): number {
    return this.behaviour.poll?.() ?? POLL.IN | POLL.OUT;
  }
  get readiness(): WaitQueue | undefined {
    return this.behaviour.readiness;
  }
}

class DeviceFileSystem extends MemoryFileSystem {
  addDevice(name: string, mode: number, rdev: number, behaviour: CharacterDevice): void {
    const inode = new DeviceInode(this, this.nextIno(), S.IFCHR | mode, rdev, behaviour);
    this.root.attach(name, this.keep(inode));
  }
}

export function createDevfs(environment: Environment, needs: Record<string, unknown>): Component {
  const terminal = needs.terminal as Terminal, entropy = needs.entropy as Entropy;
  const filesystem = new DeviceFileSystem("devtmpfs", environment, TMPFS_MAGIC, MOST_BYTES);
  const swallow = (from: Uint8Array) => from.length;
  const zeros = (into: Uint8Array) => into.fill(0).length;
  filesystem.addDevice("null", 0o666, deviceNumber(1, 3), { read: () => 0, write: swallow });
  filesystem.addDevice("zero", 0o666, deviceNumber(1, 5), { read: zeros, write: swallow });
  filesystem.addDevice("full", 0o666, deviceNumber(1, 7), {
    read: zeros,
    write: () => fail(E.ENOSPC),
  });
  const random: CharacterDevice = {
    *read(into) {
      // Hardware entropy seeds; what the environment mixes in keeps a silent device from deciding alone.
      const bytes = new Uint8Array(into.length);
      yield* entropy.fill(bytes) as Generator<never, void>;
      const mixed = new Uint8Array(into.length);
      environment.random(mixed);
      into.set(mixed.map((byte, index) => byte ^ bytes[index]));
      return into.length;
    },
    write: swallow,
  };
  filesystem.addDevice("random", 0o666, deviceNumber(1, 8), random);
  filesystem.addDevice("urandom", 0o666, deviceNumber(1, 9), random);
  // Terminals by these names are the primary's: who opens them gets what it has behind their numbers.
  const elsewhere: CharacterDevice = { read: () => fail(E.ENXIO), write: () => fail(E.ENXIO) };
  filesystem.addDevice("tty", 0o666, deviceNumber(5, 0), elsewhere);
  filesystem.addDevice("ptmx", 0o666, deviceNumber(5, 2), elsewhere);
  const names = filesystem.newInode({ mode: S.IFDIR | 0o755, uid: 0, gid: 0 });
  filesystem.root.attach("pts", names);
  filesystem.root.attach("mqueue", filesystem.newInode({ mode: S.IFDIR | 0o755, uid: 0, gid: 0 }));
  // What programs and shells expect of every Linux: descriptors by name, and a place for shared memory.
  for (const [name, target] of Object.entries(LINKS)) {
    filesystem.root.create(name, { mode: SYMLINK_MODE, uid: 0, gid: 0, target });
  }
  filesystem.root.attach("shm", filesystem.newInode({ mode: S.IFDIR | 0o1777, uid: 0, gid: 0 }));
  for (let port = 0; port < terminal.ports; port++) {
    filesystem.addDevice(`hvc${port}`, 0o620, deviceNumber(229, port), {
      read: (into) => terminal.read(port, into),
      write: (from) => terminal.write(port, from),
      poll: () => terminal.poll(port),
      readiness: terminal.readiness,
    });
  }
  return { provides: { filesystem, devices: filesystem } };
}
