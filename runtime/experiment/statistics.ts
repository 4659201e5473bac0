// What a few runs say about a mean, and about the ratio of two: Student's t for the interval of a mean ("The
// Probable Error of a Mean", 1908), Welch's degrees of freedom for two groups of unequal variance ("The
// Generalization of Student's Problem", 1947). The incomplete beta function behind t's distribution is the
// continued fraction of Abramowitz and Stegun 26.5.8, by Lentz's method.

/** A number with what is believed of it. */
export interface Interval {
  value: number;
  low: number;
  high: number;
}

/** What a sample says. `low` and `high` are those of its mean; of one run alone they are infinite. */
export interface Sample extends Interval {
  count: number;
  median: number;
  /** of the sample, with n - 1 below */
  deviation: number;
  least: number;
  most: number;
  /** as they were given */
  values: readonly number[];
}

/** Sums up runs. @param confidence of the mean's interval: 0.95 */
export function summarize(values: readonly number[], confidence: number): Sample {
  const count = values.length;
  const value = values.reduce((sum, each) => sum + each, 0) / count;
  const squares = values.reduce((sum, each) => sum + (each - value) ** 2, 0);
  const deviation = count > 1 ? Math.sqrt(squares / (count - 1)) : NaN;
  const half = count > 1
    ? studentQuantile((1 + confidence) / 2, count - 1) * deviation / Math.sqrt(count)
    : Infinity;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = count >> 1;
  return {
    count,
    value,
    low: value - half,
    high: value + half,
    median: count % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2,
    deviation,
    least: sorted[0],
    most: sorted[count - 1],
    values,
  };
}

/** Half the interval of a mean, over the mean. */
export function relativeWidth({ value, high }: Interval): number {
  return value === high ? 0 : Math.abs((high - value) / value);
}

/**
 * The ratio of two means of positive figures, measured apart. Its logarithm is taken to be normal, with the
 * variance of the two means' logarithms (the delta method), so the interval is one of factors.
 */
export function ratio(of: Sample, to: Sample, confidence: number): Interval {
  const value = of.value / to.value;
  if (of.count < 2 || to.count < 2) return { value, low: 0, high: Infinity };
  const a = (of.deviation / of.value) ** 2 / of.count;
  const b = (to.deviation / to.value) ** 2 / to.count;
  if (a + b === 0) return { value, low: value, high: value };
  const freedom = (a + b) ** 2 / (a ** 2 / (of.count - 1) + b ** 2 / (to.count - 1));
  const factor = Math.exp(studentQuantile((1 + confidence) / 2, freedom) * Math.sqrt(a + b));
  return { value, low: value / factor, high: value * factor };
}

/**
 * The value that a variable of Student's distribution stays below with a probability.
 * @param probability above 0.5 and below 1
 * @param freedom degrees of freedom, also a fraction
 */
export function studentQuantile(probability: number, freedom: number): number {
  let low = 0, high = 1;
  while (studentBelow(high, freedom) < probability && high < 1e12) high *= 2;
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2;
    if (studentBelow(middle, freedom) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The probability that a variable of Student's distribution is below t, for t >= 0. */
function studentBelow(t: number, freedom: number): number {
  return 1 - incompleteBeta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2;
}

/** The regularized incomplete beta function. */
export function incompleteBeta(a: number, b: number, x: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x),
  );
  return x < (a + 1) / (a + b + 2)
    ? front * betaFraction(a, b, x) / a
    : 1 - front * betaFraction(b, a, 1 - x) / b;
}

function betaFraction(a: number, b: number, x: number): number {
  const tiny = 1e-300;
  const away = (value: number) => Math.abs(value) < tiny ? tiny : value;
  let c = 1, d = 1 / away(1 - (a + b) * x / (a + 1)), fraction = d;
  for (let m = 1; m <= 500; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    fraction *= c * d;
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return fraction;
}

/** Stirling's series, after the recurrence has made its argument large. */
function logGamma(x: number): number {
  let shift = 0;
  for (; x < 10; x++) shift -= Math.log(x);
  const square = 1 / (x * x);
  const series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / x;
  return shift + (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + series;
}
