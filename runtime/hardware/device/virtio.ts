// Names and numbers of virtio 1.2: MMIO registers (4.2.2), device status (2.1), split virtqueues (2.7).

export const Register = {
  MAGIC: 0x000,
  VERSION: 0x004,
  DEVICE_ID: 0x008,
  VENDOR_ID: 0x00c,
  DEVICE_FEATURES: 0x010,
  DEVICE_FEATURES_SELECT: 0x014,
  DRIVER_FEATURES: 0x020,
  DRIVER_FEATURES_SELECT: 0x024,
  QUEUE_SELECT: 0x030,
  QUEUE_SIZE_MAX: 0x034,
  QUEUE_SIZE: 0x038,
  QUEUE_READY: 0x044,
  STATUS: 0x070,
  QUEUE_DESCRIPTORS: 0x080,
  QUEUE_DRIVER: 0x090,
  QUEUE_DEVICE: 0x0a0,
  CONFIG_GENERATION: 0x0fc,
  CONFIG: 0x100,
  /**
   * Beyond virtio's registers: two calls to the hypervisor about the device's own context.
   * The root of the first-stage tables, low and high word (the high one makes it effective), and
   * "forget my translations".
   */
  FIRST_STAGE_LOW: 0xf00,
  FIRST_STAGE_HIGH: 0xf04,
  INVALIDATE: 0xf08,
} as const;

export const MAGIC = 0x7472_6976;
export const MMIO_VERSION = 2;
export const VENDOR = 0x564f_5331;

export const DeviceId = { NETWORK: 1, BLOCK: 2, CONSOLE: 3, ENTROPY: 4 } as const;

export const Status = {
  ACKNOWLEDGE: 1,
  DRIVER: 2,
  DRIVER_OK: 4,
  FEATURES_OK: 8,
  NEEDS_RESET: 64,
  FAILED: 128,
} as const;

/** Feature bits of every device, as masks in their word of 32. */
export const Feature = {
  /** word 0 */
  INDIRECT_DESCRIPTORS: 1 << 28,
  /** word 1 */
  VERSION_1: 1 << 0,
  ACCESS_PLATFORM: 1 << 1,
  IN_ORDER: 1 << 3,
} as const;

export const DescriptorFlag = { NEXT: 1, WRITE: 2, INDIRECT: 4 } as const;
export const DESCRIPTOR_BYTES = 16;
/** Flag of the available ring: do not interrupt for this queue. */
export const NO_INTERRUPT = 1;

/** virtio-blk (5.2) */
export const Block = {
  FEATURE_SIZE_MAX: 1 << 1,
  FEATURE_SEG_MAX: 1 << 2,
  FEATURE_RO: 1 << 5,
  FEATURE_BLK_SIZE: 1 << 6,
  FEATURE_FLUSH: 1 << 9,
  FEATURE_DISCARD: 1 << 13,
  FEATURE_WRITE_ZEROES: 1 << 14,
  IN: 0,
  OUT: 1,
  FLUSH: 4,
  GET_ID: 8,
  DISCARD: 11,
  WRITE_ZEROES: 13,
  OK: 0,
  IOERR: 1,
  UNSUPP: 2,
  ID_BYTES: 20,
  HEADER_BYTES: 16,
} as const;

/** virtio-console (5.3) */
export const Console = {
  FEATURE_SIZE: 1 << 0,
  FEATURE_MULTIPORT: 1 << 1,
  DEVICE_READY: 0,
  DEVICE_ADD: 1,
  PORT_READY: 3,
  /** the port is a terminal */
  CONSOLE_PORT: 4,
  /** its size follows, columns and rows, two bytes each */
  RESIZE: 5,
  PORT_OPEN: 6,
  CONTROL_BYTES: 8,
  RESIZE_BYTES: 4,
} as const;

/** How much a terminal shows, in characters. */
export interface TerminalSize {
  /** characters of a line */
  columns: number;
  /** lines */
  rows: number;
}

/** Queue numbers of a console port: receive and transmit; control has queues 2 and 3. */
export function portQueues(port: number): { receive: number; transmit: number } {
  return port === 0
    ? { receive: 0, transmit: 1 }
    : { receive: 2 + port * 2, transmit: 3 + port * 2 };
}
