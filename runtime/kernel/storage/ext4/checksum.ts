// Checksums of ext4 and jbd2: CRC-32C (Castagnoli, reflected) as `metadata_csum` uses it, running and
// not inverted at the end, and CRC-16 for group descriptors of images that are older than that.

const SLICES = 8;
const tables = makeTables();

function makeTables(): Uint32Array[] {
  const made = Array.from({ length: SLICES }, () => new Uint32Array(256));
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? value >>> 1 ^ 0x82f63b78 : value >>> 1;
    made[0][byte] = value;
  }
  for (let slice = 1; slice < SLICES; slice++) {
    for (let byte = 0; byte < 256; byte++) {
      const before = made[slice - 1][byte];
      made[slice][byte] = before >>> 8 ^ made[0][before & 0xff];
    }
  }
  return made;
}

/** Goes on with a CRC-32C over bytes. `crc` is 0xffffffff at the start, or a seed. */
export function crc32c(crc: number, bytes: Uint8Array, from = 0, to = bytes.length): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
  let at = from;
  for (; at + 8 <= to; at += 8) {
    crc ^= bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;
    crc = t7[crc & 0xff] ^ t6[crc >>> 8 & 0xff] ^ t5[crc >>> 16 & 0xff] ^ t4[crc >>> 24] ^
      t3[bytes[at + 4]] ^ t2[bytes[at + 5]] ^ t1[bytes[at + 6]] ^ t0[bytes[at + 7]];
  }
  for (; at < to; at++) crc = t0[(crc ^ bytes[at]) & 0xff] ^ crc >>> 8;
  return crc >>> 0;
}

/** Goes on over a 32-bit little-endian number. */
export function crc32cWord(crc: number, word: number): number {
  return crc32c(crc, Uint8Array.of(word, word >>> 8, word >>> 16, word >>> 24));
}

/** Goes on with a CRC-16 (polynomial 0x8005, reflected) over bytes. */
export function crc16(crc: number, bytes: Uint8Array): number {
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0xa001 : crc >>> 1;
  }
  return crc;
}
