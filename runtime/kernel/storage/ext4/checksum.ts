// Checksums of ext4 and jbd2: CRC-32C (Castagnoli, reflected) as `metadata_csum` uses it, running and
// not inverted at the end, and CRC-16 for group descriptors of images that are older than that.

const SLICES = 8;
/** By slice and byte: what a byte does to the checksum of so many bytes behind it. */
const table = makeTable();

function makeTable(): Int32Array {
  const made = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? value >>> 1 ^ 0x82f63b78 : value >>> 1;
    made[byte] = value;
  }
  for (let each = 256; each < made.length; each++) {
    const before = made[each - 256];
    made[each] = before >>> 8 ^ made[before & 0xff];
  }
  return made;
}

/** Goes on with a CRC-32C over bytes. `crc` is 0xffffffff at the start, or a seed. */
export function crc32c(crc: number, bytes: Uint8Array, from = 0, to = bytes.length): number {
  let at = from;
  for (; at < to && (bytes.byteOffset + at & 3) !== 0; at++) crc = step(crc, bytes[at]);
  const count = (to - at >> 3) * 2;
  if (count > 0) {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, count);
    for (let word = 0; word < count; word += 2) {
      const first = words[word] ^ crc, second = words[word + 1];
      crc = table[0x700 + (first & 0xff)] ^ table[0x600 + (first >>> 8 & 0xff)] ^
        table[0x500 + (first >>> 16 & 0xff)] ^ table[0x400 + (first >>> 24)] ^
        table[0x300 + (second & 0xff)] ^ table[0x200 + (second >>> 8 & 0xff)] ^
        table[0x100 + (second >>> 16 & 0xff)] ^ table[second >>> 24];
    }
    at += count * 4;
  }
  for (; at < to; at++) crc = step(crc, bytes[at]);
  return crc >>> 0;
}

function step(crc: number, byte: number): number {
  return table[(crc ^ byte) & 0xff] ^ crc >>> 8;
}

/** Goes on over a 32-bit little-endian number. */
export function crc32cWord(crc: number, word: number): number {
  for (let shift = 0; shift < 32; shift += 8) crc = step(crc, word >>> shift);
  return crc >>> 0;
}

/** Goes on with a CRC-16 (polynomial 0x8005, reflected) over bytes. */
export function crc16(crc: number, bytes: Uint8Array): number {
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0xa001 : crc >>> 1;
  }
  return crc;
}
