// What a driver is handed of its device: registers, and a call when there may be news. The domain's
// loop owns it as a poll source: an interrupt is a word in the register window, looked at every turn.
import type { DeviceRegisters } from "../../hardware/device/register_window.ts";
import type { PollSource } from "../domain_loop.ts";

export class DeviceAttachment implements PollSource {
  /** what the driver does when its device may have completed something; @returns how much that was */
  onPoll: () => number = () => 0;
  /** whether the device has completed something the driver has not taken */
  hasWork: () => boolean = () => false;
  interrupts = 0;

  constructor(readonly registers: DeviceRegisters) {}

  poll(): number {
    if (this.registers.takeInterrupt()) this.interrupts++;
    return this.onPoll();
  }

  pending(): boolean {
    return this.registers.interrupted || this.hasWork();
  }

  notify(): void {}
}
