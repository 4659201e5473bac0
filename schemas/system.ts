// The manifest of kind `System` as a type. Made from the shape in manifest.ts: change that, and run
// `deno task schemas`.

/** A manifest after loading: what it extends is merged, units are resolved, defaults are filled in. */
export interface System {
  /** kind of manifest */
  kind: "System";
  /** a name */
  name: string;
  /** the emulated machine */
  machine: {
    /** physical memory in all; in bytes; "256MiB" unless told */
    memory: number;
    /** hardware threads; 1 unless told */
    harts: number;
    /** devices by name */
    devices: Record<string, {
      /** the virtio device model */
      model: "virtio-blk" | "virtio-console" | "virtio-net" | "virtio-rng";
      /** virtio-blk: the disk image, relative to the file that says it */
      image?: string;
      /** virtio-blk: make the image when it is not there */
      create?: {
        /** file system to make; "ext4" unless told */
        format: "ext4";
        /** size of the image; in bytes */
        size: number;
      };
      /** a root file system: exactly one of debian, folder, tar and image */
      rootfs?: {
        /** packages of Debian, with all they depend on */
        debian?: {
          /** name of a release; "trixie" unless told */
          suite: string;
          /** names of packages */
          packages: string[];
          /** address of an archive; else the host's apt configuration names it */
          mirror?: string;
        };
        /** a folder of the host */
        folder?: string;
        /** an archive of the host, also a compressed one */
        tar?: string;
        /** an ext4 image of the host */
        image?: string;
        /** size of the file system; else room to spare; in bytes */
        size?: number;
        /** symbolic links to add: where they lead, by path */
        links: Record<string, string>;
        /** files and folders of the host to add, by path */
        files: Record<string, string>;
        /** commands that the machine runs on it once, as root, before it is first used */
        prepare?: string[];
        /** a file that keeps what the machine changes; else it is gone at the end */
        keep?: string;
      };
      /** virtio-blk: refuse writes; false unless told */
      readOnly: boolean;
      /** what a network device is connected to: exactly one of user, tap and loop */
      backend?: {
        /** address translation on the host's sockets */
        user?: {
          /** ports of the host that lead into the machine */
          forward: {
            /** address and port of the host */
            from: string;
            /** port of the machine */
            to: number;
            /** of both ports; "tcp" unless told */
            protocol: "tcp" | "udp";
          }[];
          /** what the machine may reach; everything else is refused */
          allow: string[];
          /** addresses by name, for the machine's name server */
          dns: Record<string, string>;
        };
        /** name of a tap device of the host (Linux) */
        tap?: string;
        /** a segment between network devices of the machine */
        loop?: {
          /** devices that name the same are on it */
          segment: string;
          /** what goes wrong is drawn from it; 1 unless told */
          seed: number;
          /** of a million frames, so many are lost; 0 unless told */
          loss: number;
          /** of a million frames, so many come twice; 0 unless told */
          duplication: number;
          /** of a million frames, so many are overtaken; 0 unless told */
          reordering: number;
          /** how long a frame is under way; in milliseconds; "0ms" unless told */
          delay: number;
        };
      };
      /** virtio-net: addresses of the interface; 10.0.2.15/24 and fd00::15/64 unless told */
      addresses?: string[];
      /** virtio-net: where the rest of the world is; 10.0.2.2 and fd00::2 unless told */
      gateways?: string[];
      /** virtio-net: a file that gets all frames, for tcpdump and wireshark */
      capture?: string;
    }>;
  };
  /** vertical chains of components, by name */
  slices: Record<string, string[]>;
  /** where slices run, by name */
  domains: Record<string, {
    /** runs user programs and every slice not placed elsewhere; false unless told */
    primary: boolean;
    /** how it is kept apart; `process` unless told, `none` for the primary */
    isolation?: "none" | "worker" | "process";
    /** its memory object: device queues and page cache; in bytes; "32MiB" unless told */
    memory: number;
    /** limit on the heap of its kernel code; in bytes; "128MiB" unless told */
    heap: number;
    /** slices placed here */
    slices: string[];
    /** single components placed here */
    components: string[];
    /** devices it owns through the IOMMU */
    devices: string[];
    /** the ring on which it serves */
    ring: {
      /** entries in each queue, a power of two; 64 unless told */
      depth: number;
      /** look for work this long before sleeping, where the last wait was shorter; in microseconds; "1ms" unless told */
      spin: number;
      /** `exceptionless`: calls are written and other threads run; `trap`: each call signals the domain, and the caller's hart sleeps until it answers (nobody spins); "exceptionless" unless told */
      style: "exceptionless" | "trap";
      /** memory for payloads; in bytes; "4MiB" unless told */
      arena: number;
      /** the primary keeps pages of its files that programs read and write, in what is left of the primary's memory (at most 256 MiB), and what paths led to; reads of what it keeps do not cross, and writes are not waited for where there is room for certain; never where calls trap; true unless told */
      clientCache: boolean;
    };
    /** what happens when it fails */
    recovery?: {
      /** restart it, or end the machine; "restart" unless told */
      policy: "restart" | "fail";
      /** what callers get while it is down */
      clients?: "retry" | "error";
      /** least time from when an instance is ready to the start of the next; in milliseconds; "20ms" unless told */
      backoff: number;
      /** most restarts; 30 unless told */
      restarts: number;
      /** process: another one stands by for the next restart, which takes some 50 ms less then; it has some 30 MiB of the host's memory; true unless told */
      standby: boolean;
      /** no progress on pending work for this long is a failure; in milliseconds; "1s" unless told */
      heartbeat: number;
    };
  }>;
  /** mount points by absolute path */
  mounts: Record<string, {
    /** component that holds it */
    filesystem: "ext4" | "tmpfs" | "devfs" | "procfs" | "sysfs";
    /** which slice's component, where several slices have one */
    slice?: string;
  }>;
  /** what is to go wrong */
  faults: {
    /** service domain in which it does */
    domain?: string;
    /** device in which it does */
    device?: string;
    /** in a domain: its code throws, loops, takes all memory, answers late, writes nonsense into its ring, or lets its device reach for memory of others; in a device: requests fail, nothing more can be written, or frames are lost */
    kind:
      | "crash"
      | "hang"
      | "exhaust"
      | "slow"
      | "corrupt-ring"
      | "wild-dma"
      | "disk-error"
      | "disk-full"
      | "packet-loss";
    /** slow: how much later answers come; in milliseconds */
    by?: number;
    /** packet-loss: of a million frames, so many are lost */
    rate?: number;
    /** packet-loss: which frames are lost is drawn from it; 1 unless told */
    seed: number;
    /** how long; else disk-error is of one request, and the rest lasts; in milliseconds */
    for?: number;
    /** instead of a certain request */
    after?: {
      /** name of a request; else all count */
      call?: string;
      /** which of them, from 1 on; 1 unless told */
      count: number;
      /** how often: counting begins anew each time; 1 unless told */
      times: number;
    };
    /** when, from when programs may start; in milliseconds */
    at?: number;
    /** at moments drawn from a seed: exactly one of mean and count */
    random?: {
      /** they are drawn from it */
      seed: number;
      /** time between two, on average; in milliseconds */
      mean?: number;
      /** requests from one to the next, on average */
      count?: number;
      /** with count: name of a request; else all count */
      call?: string;
      /** how many; 1 unless told */
      times: number;
    };
  }[];
  /** what `compose up` prints when all programs are ready */
  ready?: string;
  /** programs to start, by name */
  programs: Record<string, {
    /** a program of the machine by its absolute path, or a TypeScript module of the host */
    run: string;
    /** what it is told its name is; else what `run` says */
    argv0?: string;
    /** arguments */
    args: string[];
    /** environment */
    env: Record<string, string>;
    /** working directory; "/" unless told */
    cwd: string;
    /** what it reads: nothing, or what `compose` reads; "none" unless told */
    stdin: "none" | "console";
    /** user id; 0 unless told */
    uid: number;
    /** group id; 0 unless told */
    gid: number;
    /** system calls it cannot do without */
    uses: string[];
    /** programs that it waits for before it starts, and until when, by name */
    depends_on: Record<string, "started" | "healthy" | "finished">;
    /** how to tell whether it works: exactly one of run and connect */
    health?: {
      /** a program of the machine that ends with 0 where it does */
      run?: string;
      /** arguments of that program */
      args: string[];
      /** port of 127.0.0.1 that takes connections where it does */
      connect?: number;
      /** from one answer to the next question; in milliseconds; "5s" unless told */
      interval: number;
      /** no answer for this long means that it does not; in milliseconds; "3s" unless told */
      timeout: number;
      /** as many failures in a row make it unhealthy; 3 unless told */
      retries: number;
      /** failures this soon after its start do not count; in milliseconds; "0s" unless told */
      start_period: number;
    };
    /** whether it is started again when it has ended; "no" unless told */
    restart: "no" | "on-failure" | "always";
    /** most restarts in a row; 10 unless told */
    restart_limit: number;
    /** wait before the first of them, then twice that; in milliseconds; "100ms" unless told */
    restart_backoff: number;
    /** what asks it to end; "SIGTERM" unless told */
    stop_signal:
      | "SIGHUP"
      | "SIGINT"
      | "SIGQUIT"
      | "SIGKILL"
      | "SIGUSR1"
      | "SIGUSR2"
      | "SIGTERM"
      | "SIGWINCH";
    /** how long it then has before SIGKILL; in milliseconds; "5s" unless told */
    stop_timeout: number;
  }>;
}
