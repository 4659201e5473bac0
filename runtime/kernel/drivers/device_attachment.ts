// What a driver is handed of its device: registers, and a call when it interrupts. The domain's loop
// owns it as a poll source: an interrupt is a word in the register window, looked at every turn.
import type { DeviceRegisters } from "../../hardware/device/register_window.ts";
import type { PollSource } from "../domain_loop.ts";

export class DeviceAttachment implements PollSource {
  /** what the driver does on an interrupt: takes all that is completed; @returns how much that was */
  onInterrupt: () => number = () => 0;
  /** what the driver does at the end of a turn: tells the device of what came together in it */
  onTurnEnd: () => void = () => {};
  /** whether the driver waits for something that takes the device some microseconds */
  imminent = false;
  interrupts = 0;

  /** @param id of the device at the IOMMU, by which traces know it */
  constructor(readonly registers: DeviceRegisters, readonly id = 0) {}

  poll(): number {
    if (!this.registers.takeInterrupt()) return 0;
    this.interrupts++;
    return this.onInterrupt();
  }

  pending(): boolean {
    return this.registers.interrupted;
  }

  notify(): void {
    this.onTurnEnd();
  }
}
