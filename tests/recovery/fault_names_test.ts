// The names by which faults count requests, and the numbers of the protocols: one table each.
import { assertEquals } from "@std/assert";
import { Block } from "../../runtime/hardware/device/virtio.ts";
import { SocketCall } from "../../runtime/kernel/network/protocol.ts";
import { DiskCall, FrameCall } from "../../runtime/kernel/remote/transport/payload_flow.ts";
import { Call, Private } from "../../runtime/kernel/vfs/protocol.ts";
import { deviceRequests, requestsOfCalls, ringRequests } from "../../schemas/faults.ts";

const numbers = (calls: Record<string, number>) =>
  Object.fromEntries(Object.entries(calls).map(([name, number]) => [name.toLowerCase(), number]));

Deno.test("requests on files are named as the protocol names them", () => {
  const { walk, create, open, ...calls } = ringRequests.files;
  assertEquals(calls, numbers(Call));
  assertEquals([walk, create, open], [Private.WALK, Private.CREATE, Private.OPEN]);
});

Deno.test("requests on sockets are named as the protocol names them", () => {
  const { events: _events, proc: _proc, claim: _claim, claimed: _claimed, ...calls } = numbers(
    SocketCall,
  );
  assertEquals(ringRequests.sockets, calls);
});

Deno.test("requests of disks are named alike at the ring and at the device", () => {
  const { READ, WRITE, FLUSH, DISCARD } = DiskCall;
  assertEquals(Object.values(ringRequests.disk), [READ, WRITE, FLUSH, DISCARD]);
  const disk = deviceRequests["virtio-blk"];
  assertEquals(Object.values(disk), [Block.IN, Block.OUT, Block.FLUSH, Block.DISCARD]);
  assertEquals(Object.keys(disk), Object.keys(ringRequests.disk));
});

Deno.test("requests of network interfaces are named as the protocol names them", () => {
  const { SEND, RECEIVE } = FrameCall;
  assertEquals(ringRequests.frames, { "frames-sent": SEND, "frames-awaited": RECEIVE });
});

Deno.test("what stands for other calls is there", () => {
  const known = Object.values(ringRequests).flatMap((each) => Object.keys(each));
  const named = Object.values(requestsOfCalls).flatMap((each) => each.split(/, | or /));
  assertEquals(named.filter((each) => !known.includes(each)), []);
});
