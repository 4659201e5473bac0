// Messages of netlink(7): a header of 16 bytes, a structure, and attributes (rtnetlink(7)).

export const HEADER_BYTES = 16;
export const NLM_F = { MULTI: 2, DUMP: 0x300 } as const;

/** What a request has in its header, and its answers repeat. */
export interface Request {
  type: number;
  sequence: number;
  /** of the socket */
  port: number;
  /** what comes after the header */
  body: Uint8Array;
}

export const word = (value: number) => new Uint8Array(Int32Array.of(value).buffer);
export const text = (value: string) => new TextEncoder().encode(`${value}\0`);

/** `struct rtattr`s after a structure, each aligned to four bytes. */
export function message(
  type: number,
  flags: number,
  sequence: number,
  port: number,
  body: Uint8Array,
  attributes: [number, Uint8Array][] = [],
): Uint8Array {
  const aligned = (bytes: number) => Math.ceil(bytes / 4) * 4;
  const length = attributes.reduce(
    (sum, [, value]) => sum + aligned(4 + value.length),
    HEADER_BYTES + aligned(body.length),
  );
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  view.setUint32(12, port, true);
  bytes.set(body, HEADER_BYTES);
  let at = HEADER_BYTES + aligned(body.length);
  for (const [kind, value] of attributes) {
    view.setUint16(at, 4 + value.length, true);
    view.setUint16(at + 2, kind, true);
    bytes.set(value, at + 4);
    at += aligned(4 + value.length);
  }
  return bytes;
}
