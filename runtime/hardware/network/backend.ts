// What is on the other end of a network device's cable: the interface of all backends, and their settings.
import type { Frame } from "./frame.ts";

/**
 * Frames go both ways as they are asked for: a backend that has no room says so, and is given the frame
 * again; what it has for the machine stays with it until the machine has room.
 */
export interface NetworkBackend {
  /** most bytes of a packet that goes over the link in one frame */
  readonly mtu: number;
  /** Takes a frame of the machine; its bytes are the backend's. @returns false where there is no room now */
  send(frame: Frame): boolean;
  /** The next frame for the machine; its bytes stay as they are until the next call. */
  receive(): Frame | undefined;
  /** Whether `receive` may have a frame. */
  readonly pending: boolean;
  /** The machine's end was taken away or begins anew: nothing of what went on goes on. */
  reset(): void;
  close(): void;
}
