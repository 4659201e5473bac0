// Binds sockets to paths, one after the other, while another thread connects to each as soon as its file is there.
import { PosixError, type Sys } from "../../mod.ts";

const AF_UNIX = 1, SOCK_DGRAM = 2, SOCKETS = 50;

export default async function main(sys: Sys): Promise<void> {
  const address = (index: number) =>
    Uint8Array.of(AF_UNIX, 0, ...new TextEncoder().encode(`/socket${index}`), 0);
  const open = (own: Sys) => own.call("socket", "", AF_UNIX, SOCK_DGRAM, 0);
  void sys.thread(async (own) => {
    for (let index = 0; index < SOCKETS; index++) {
      await own.call("bind", "", await open(own), address(index));
    }
  });
  const connecting = await open(sys);
  for (let index = 0; index < SOCKETS;) {
    try {
      await sys.call("connect", "", connecting, address(index));
      index++;
    } catch (failure) {
      if (!(failure instanceof PosixError) || failure.name !== "ENOENT") throw failure;
    }
  }
  await sys.print(`connected to ${SOCKETS}`);
}
