// The Internet checksum (RFC 1071). Sums are kept unfolded, so that parts can be added up; words are read
// in the order of the host (little-endian everywhere Deno runs) and swapped once at the end (section 2 B).

/** Below this, reading bytes is faster than finding the view of words. */
const BYTEWISE_BYTES = 64;

/** The last buffer summed over, as words: a driver's frames all lie in one. */
let lastBuffer: ArrayBufferLike | undefined;
let lastWords: Uint16Array = new Uint16Array(0);

function wordsOf(buffer: ArrayBufferLike): Uint16Array {
  if (buffer !== lastBuffer) {
    lastBuffer = buffer;
    lastWords = new Uint16Array(buffer, 0, buffer.byteLength >> 1);
  }
  return lastWords;
}

/** Folds a sum into 16 bits. */
export function foldSum(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

/**
 * Adds the big-endian words of `bytes[at, end)`, a last odd byte padded with zero, to a sum.
 * At most 64 KiB at a time keep every step in 32 bits.
 */
export function addToSum(bytes: Uint8Array, at: number, end: number, sum = 0): number {
  if (end - at < BYTEWISE_BYTES) {
    for (; at + 1 < end; at += 2) sum += bytes[at] << 8 | bytes[at + 1];
    return at < end ? sum + (bytes[at] << 8) : sum;
  }
  const odd = (bytes.byteOffset + at & 1) !== 0;
  if (odd) sum += bytes[at++] << 8;
  const words = wordsOf(bytes.buffer);
  let index = bytes.byteOffset + at >> 1;
  const stop = bytes.byteOffset + end >> 1;
  let swapped = 0;
  for (; index + 8 <= stop; index += 8) {
    swapped = (swapped + words[index] + words[index + 1] + words[index + 2] + words[index + 3] +
      words[index + 4] + words[index + 5] + words[index + 6] + words[index + 7]) | 0;
  }
  for (; index < stop; index++) swapped = (swapped + words[index]) | 0;
  // 64 KiB of 0xffff are less than 2^31. A last single byte comes first in memory: it is a low one.
  if ((bytes.byteOffset + end & 1) !== 0) swapped += bytes[end - 1];
  const folded = foldSum(swapped);
  // After an odd start, every word read holds the low byte of one word and the high byte of the next.
  return sum + (odd ? folded : (folded & 0xff) << 8 | folded >> 8);
}

/** The checksum for a sum: what makes the whole add up to 0xffff. */
export function checksumOf(sum: number): number {
  return ~foldSum(sum) & 0xffff;
}
