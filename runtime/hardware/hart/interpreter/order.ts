// The order of 64-bit numbers that are pairs of 32-bit words.

export function lessSigned(al: number, ah: number, bl: number, bh: number): boolean {
  return ah < bh || ah === bh && al >>> 0 < bl >>> 0;
}

export function lessUnsigned(al: number, ah: number, bl: number, bh: number): boolean {
  return ah >>> 0 < bh >>> 0 || ah === bh && al >>> 0 < bl >>> 0;
}
