// Operands on which arithmetic goes wrong where it goes wrong at all, and a seeded source of more.

/** Random numbers that a seed determines: xorshift with 64 bits of state, multiplied at the end. */
export class Random {
  #state: bigint;

  constructor(seed: number) {
    this.#state = BigInt.asUintN(64, (BigInt(seed) + 1n) * 0x9e37_79b9_7f4a_7c15n);
  }

  /** 64 bits. */
  bits(): bigint {
    let x = this.#state;
    x ^= x >> 12n;
    x = BigInt.asUintN(64, x ^ x << 25n);
    x ^= x >> 27n;
    this.#state = x;
    return BigInt.asUintN(64, x * 0x2545_f491_4f6c_dd1dn);
  }

  /** An integer below a limit. */
  below(limit: number): number {
    return Number(this.bits() >> 11n) % limit;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)];
  }
}

/** Integers at the edges of 8, 16, 32 and 64 bits. */
export const integers: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 7n, 10n, 31n, 32n, 33n, 63n, 64n],
  ...[0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x1_0000n],
  ...[0x7fff_ffffn, 0x8000_0000n, 0x8000_0001n, 0xffff_ffffn, 0x1_0000_0000n],
  ...[0x7_ffff_ffff_ffffn, 0x8_0000_0000_0001n, 0x3f_ffff_ffff_ffffn, 0x40_0000_0000_0003n],
  ...[0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0x8000_0000_0000_0001n],
  ...[-1n, -2n, -3n, -10n, -0x80n, -0x8000n, -0x8000_0000n, -0x8000_0001n],
  ...[0x0123_4567_89ab_cdefn, 0xfedc_ba98_7654_3210n, 0x0100_0080_0000_ff00n],
].map((value) => BigInt.asUintN(64, value));

/** Numbers of single precision: zeros, subnormals, edges of rounding, infinities, NaNs. */
export const singles: readonly bigint[] = [
  ...[0x0000_0000n, 0x0000_0001n, 0x0000_0003n, 0x007f_ffffn, 0x0080_0000n, 0x0080_0001n],
  ...[0x0100_0000n, 0x2000_0000n, 0x33ff_ffffn, 0x3400_0000n, 0x3e80_0000n, 0x3eaa_aaabn],
  ...[0x3f00_0000n, 0x3f7f_ffffn, 0x3f80_0000n, 0x3f80_0001n, 0x3fc0_0000n, 0x4020_0000n],
  ...[0x4049_0fdbn, 0x4b00_0001n, 0x4b7f_ffffn, 0x4eff_ffffn, 0x4f00_0000n, 0x4f80_0000n],
  ...[0x5eff_ffffn, 0x5f00_0000n, 0x5f80_0000n, 0x7e80_0000n, 0x7f7f_ffffn],
  ...[0x7f80_0000n, 0x7f80_0001n, 0x7fc0_0000n, 0x7fff_ffffn],
].flatMap((value) => [value, value | 0x8000_0000n]);

/** The same as registers hold them; and bits that are not boxed. */
export const boxedSingles: readonly bigint[] = [
  ...singles.map((value) => value | 0xffff_ffff_0000_0000n),
  ...[0x3f80_0000n, 0xffff_fffe_3f80_0000n, 0n],
];

const bitsOf = (value: number) => new BigUint64Array(new Float64Array([value]).buffer)[0];

/** Numbers of double precision: also those at the edges of integers and of single precision. */
export const doubles: readonly bigint[] = [
  ...[0x0n, 0x1n, 0x3n, 0xf_ffff_ffff_ffffn, 0x10_0000_0000_0000n, 0x10_0000_0000_0001n],
  ...[0x3ca0_0000_0000_0000n, 0x3fef_ffff_ffff_ffffn, 0x3ff0_0000_0000_0001n],
  ...[0x7fef_ffff_ffff_ffffn, 0x7ff0_0000_0000_0000n, 0x7ff0_0000_0000_0001n],
  ...[0x7ff8_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn],
  ...[0.25, 1 / 3, 0.5, 1, 1.5, 2.5, Math.PI, 2 ** 31 - 0.5, 2 ** 31, 2 ** 32].map(bitsOf),
  ...[2 ** 32 - 0.5, 2 ** 52 + 1, 2 ** 53 - 1, 2 ** 63, 2 ** 63 - 1024, 2 ** 64].map(bitsOf),
  ...[1.0000000596046448, 3.4028235677973366e38, 2 ** -126, 1.1754942807573643e-38].map(bitsOf),
  ...[2 ** -149, 2 ** -150, 2 ** -538, 2 ** 511, 1e300].map(bitsOf),
].flatMap((value) => [value, value | 0x8000_0000_0000_0000n]);

/** Every one with every one. */
export function pairs(a: readonly bigint[], b = a): bigint[][] {
  return a.flatMap((x) => b.map((y) => [x, y]));
}

/** So many tuples, chosen by a seed. */
export function tuples(values: readonly bigint[], size: number, count: number, seed: number) {
  const random = new Random(seed);
  return Array.from(
    { length: count },
    () => Array.from({ length: size }, () => random.pick(values)),
  );
}
