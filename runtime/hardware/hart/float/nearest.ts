// What the host's rounding to nearest loses, exactly: error-free transformations. With them an operation's
// result comes from the host's arithmetic, and whether it is inexact needs no arithmetic of our own.
// Sums after Knuth, products after Dekker and Veltkamp, the fused operation after Boldo and Melquiond
// ("Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).

/** Magnitudes between which no step here overflows, and what is lost is a number of the format. */
const LEAST = 2 ** -900, MOST = 2 ** 900;

/** Splits a double into halves of 26 bits. */
const SPLITTER = 2 ** 27 + 1;

const double = new Float64Array(1);
const bits = new Int32Array(double.buffer);

export function between(x: number): boolean {
  const magnitude = Math.abs(x);
  return magnitude > LEAST && magnitude < MOST;
}

/** What is missing of a sum of two finite numbers that is finite. */
export function sumRest(x: number, y: number, sum: number): number {
  const ofY = sum - x;
  return x - (sum - ofY) + (y - ofY);
}

/** What is missing of a product. Factors and product are between LEAST and MOST. */
export function productRest(x: number, y: number, product: number): number {
  const xs = SPLITTER * x, ys = SPLITTER * y;
  const xh = xs - (xs - x), yh = ys - (ys - y);
  const xl = x - xh, yl = y - yh;
  return xl * yl - (product - xh * yh - xl * yh - xh * yl);
}

/**
 * A sum with something missing, rounded to odd instead: rounding it again, to fewer bits, then comes out as
 * if it had been rounded once.
 */
export function toOdd(sum: number, rest: number): number {
  if (rest === 0) return sum;
  double[0] = sum;
  if ((bits[0] & 1) === 0) {
    // Up is away from zero where both have the same sign.
    if (rest > 0 === sum > 0) bits[0] |= 1;
    else {
      if (bits[0] === 0) bits[1]--;
      bits[0]--;
    }
  }
  return double[0];
}

/** A fused multiply-add, and whether it is inexact. Made once and used again: nothing is allocated. */
export class FusedMultiplyAdd {
  result = 0;
  inexact = false;

  /** The product and its factors are between LEAST and MOST, the addend also may be zero. */
  compute(x: number, y: number, z: number): void {
    const product = x * y, productLow = productRest(x, y, product);
    const upper = z + productLow, upperLow = sumRest(z, productLow, upper);
    const total = product + upper, totalLow = sumRest(product, upper, total);
    const low = totalLow + upperLow, lowest = sumRest(totalLow, upperLow, low);
    const odd = toOdd(low, lowest);
    this.result = total + odd;
    this.inexact = lowest !== 0 || sumRest(total, odd, this.result) !== 0;
  }
}

/** Rounds to an integer. @param rounding as frm has it @returns an integer; NaN and infinities as they are */
export function toIntegral(x: number, rounding: number): number {
  const whole = Math.trunc(x), rest = Math.abs(x - whole);
  // Also where there is nothing to round.
  if (!(rest > 0)) return whole;
  const away = x < 0 ? whole - 1 : whole + 1;
  switch (rounding) {
    case 0:
      return rest > 0.5 || rest === 0.5 && whole % 2 !== 0 ? away : whole;
    case 2:
      return x < 0 ? away : whole;
    case 3:
      return x < 0 ? whole : away;
    case 4:
      return rest >= 0.5 ? away : whole;
    default:
      return whole;
  }
}
