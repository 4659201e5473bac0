// What Debian's tools say of the machine's devices: /sys by busybox, interfaces and neighbours by iproute2, the hart and
// the disk by util-linux, what is on it by e2fsprogs.
import { assertEquals, assertMatch } from "@std/assert";
import { compile, load } from "../../mod.ts";
import { withFolder } from "../fixtures/boot_harness.ts";
import { onMachine } from "./machine.ts";

const ignore = Deno.env.get("VIRTUOS_TEST_MIRROR") === undefined;
const base = new URL("../../examples/web.yaml", import.meta.url).pathname;
const manifest = `kind: System
name: devices
extends: ${base}
machine:
  devices:
    disk0: { rootfs: { debian: { packages: [busybox-static, iproute2, util-linux, e2fsprogs] } } }
programs: { pages: { run: /bin/busybox } }
`;

/** Each command after its words, with what it prints. */
const SCRIPT = `
show() { echo "# $*"; "$@" 2>&1; }
cd /sys
show busybox ls
show busybox ls -l kernel/mm
show busybox cat devices/system/cpu/online block/vda/queue/rotational class/net/lo/mtu
show busybox cat class/net/eth0/address class/net/eth0/operstate
show busybox cat fs/cgroup
show busybox nproc
show busybox find . -name "*cpus" -o -name "enabled"
show busybox stat -f -c %T /sys
(echo 1 >class/net/eth0/mtu) 2>&1
mkdir /tmp/other
show busybox mount -t sysfs none /tmp/other
show busybox ls /tmp/other/class
busybox ping -c 1 10.0.2.2 >/tmp/ping
show /sbin/ip -brief link
show /sbin/ip neigh
show busybox arp -n
show /usr/sbin/blkid -s LABEL -s TYPE
show /usr/bin/findmnt -n -o SOURCE,FSTYPE /
show /usr/sbin/blockdev --getss --getro /dev/vda
busybox mkdir /var/tmp/some
busybox sync
/usr/sbin/e2fsck -f -n /dev/vda >/tmp/check 2>&1; echo $? $(busybox grep -c Pass /tmp/check)
show /usr/sbin/tune2fs -L other /dev/vda | busybox grep busy
show /usr/bin/lscpu
`;

const EXPECTED = `\
# busybox ls
block
class
dev
devices
fs
kernel
# busybox ls -l kernel/mm
total 0
dr-xr-xr-x    2 root     root             0 DATE transparent_hugepage
# busybox cat devices/system/cpu/online block/vda/queue/rotational class/net/lo/mtu
0
0
65536
# busybox cat class/net/eth0/address class/net/eth0/operstate
52:54:00:12:34:59
up
# busybox cat fs/cgroup
cat: can't open 'fs/cgroup': No such file or directory
# busybox nproc
1
# busybox find . -name *cpus -o -name enabled
./devices/system/cpu/cpu0/topology/core_cpus
./kernel/mm/transparent_hugepage/enabled
# busybox stat -f -c %T /sys
sysfs
sh: write error: Permission denied
# busybox mount -t sysfs none /tmp/other
# busybox ls /tmp/other/class
block
net
# /sbin/ip -brief link
lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP> 
eth0             UP             52:54:00:12:34:59 <BROADCAST,MULTICAST,UP> 
# /sbin/ip neigh
10.0.2.2 dev eth0 lladdr 52:55:0a:00:02:02 REACHABLE 
# busybox arp -n
? (10.0.2.2) at 52:55:0a:00:02:02 [ether]  on eth0
# /usr/sbin/blkid -s LABEL -s TYPE
/dev/vda: LABEL="root" TYPE="ext4"
# /usr/bin/findmnt -n -o SOURCE,FSTYPE /
/dev/vda ext4
# /usr/sbin/blockdev --getss --getro /dev/vda
512
0
0 5
/usr/sbin/tune2fs: Device or resource busy while trying to open /dev/vda
`;

Deno.test({
  name: "Debian's tools find the machine's devices",
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      Deno.writeTextFileSync(`${folder}/devices.yaml`, manifest);
      const { plan, diagnostics } = compile(await load(`${folder}/devices.yaml`));
      if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
      for (const { network } of plan.machine.devices) {
        if (network?.backend.kind === "user") network.backend.forward = [];
      }
      plan.programs = [{ ...plan.programs[0], health: undefined }];
      const { output } = await onMachine(plan, ["/bin/sh", "-c", SCRIPT]);
      const date = / +\w{3} +\d+ +[\d:]+ /g;
      assertEquals(
        output.replace(/^# \/usr\/bin\/lscpu\n.*$/ms, "").replace(date, " DATE "),
        EXPECTED,
      );
      assertMatch(output, /^CPU\(s\): +1$/m);
      assertMatch(output, /^On-line CPU\(s\) list: +0$/m);
      assertMatch(output, /^Thread\(s\) per core: +1$/m);
    }),
});
