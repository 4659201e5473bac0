// The component `tcpip`: Ethernet, ARP, IPv4 and IPv6, ICMP, UDP and TCP over one network interface and
// the loopback interface. Where the parts are: stack.ts.
import type { ComponentConstructor } from "../../component.ts";
import type { FrameDevice } from "../frame_device.ts";
import { readSettings } from "./settings.ts";
import { Stack } from "./stack.ts";

export const createTcpip: ComponentConstructor = (environment, needs, settings) => {
  const devices = ([] as FrameDevice[]).concat((needs.frames ?? []) as FrameDevice | FrameDevice[]);
  if (devices.length > 1) {
    throw new Error(
      `Cannot start tcpip: it has addresses for one interface, not ${devices.length}`,
    );
  }
  const [device] = devices;
  const stack = new Stack(environment, readSettings(settings), environment.keep);
  if (device?.probe === undefined) stack.begin(device);
  return {
    provides: { transport: stack.transport() },
    *start() {
      if (device?.probe === undefined) return;
      const there = yield* device.probe();
      if (!there) environment.log("no network interface: nobody drives it");
      stack.begin(there ? device : undefined);
    },
  };
};
