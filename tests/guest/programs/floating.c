// Floating point: printing and reading numbers, rounding modes, flags, edges, conversions, and the library.
#include "check.h"
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdint.h>

static unsigned long seed = 20240229;

/** Any bits: numbers of all sizes, infinities and what is no number. */
static uint64_t wild(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  return seed ^= seed << 17;
}

static uint64_t bits(double value) {
  uint64_t word;
  memcpy(&word, &value, 8);
  return word;
}

static double from(uint64_t word) {
  double value;
  memcpy(&value, &word, 8);
  return value;
}

static uint64_t mix(uint64_t sum, uint64_t word) { return (sum ^ word) * 0x9e3779b97f4a7c15 + (sum >> 29); }

int main(void) {
  const double values[] = {0.1, -0.0, 1e300 * 1e10, NAN, DBL_MIN, DBL_TRUE_MIN, DBL_MAX, 1.0 / 3, 123456789.125, -2.5e-7};
  for (int index = 0; index < 10; index++) {
    printf("%g %.17g %a %.3f %e\n", values[index], values[index], values[index], values[index], values[index]);
  }
  const char *texts[] = {"1e23", "0x1.8p-3", "4.9406564584124654e-324", "2.4703282292062327e-324", "1.7976931348623159e308",
                         "9007199254740993", "0.30000000000000004", "inf", "nan(7)", "  -12abc", "1e-400", "3.4028235677973366e38"};
  for (int index = 0; index < 12; index++) {
    char *end;
    errno = 0;
    double value = strtod(texts[index], &end);
    printf("%s: %016lx %d rest \"%s\", as float %a\n", texts[index], bits(value), errno, end, (double)strtof(texts[index], NULL));
  }
  printf("%Lf %.30Lg\n", 1.5L, 1.0L / 3);

  const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
  volatile double one = 1, three = 3, tiny = DBL_MIN, half = 2.5, big = 1e18;
  volatile float single = 16777217.0f;
  for (int mode = 0; mode < 4; mode++) {
    CHECK(fesetround(modes[mode]) == 0 && fegetround() == modes[mode]);
    printf("%a %a %a %a %ld %ld %a ", one / three, -one / three, one + tiny, sqrt(three), lrint(half), lrint(-half), rint(-half));
    printf("%a %a %.2f\n", (double)(float)(one / three), (double)(float)(big + 1), 0.125);
    single += 0.5f;
  }
  fesetround(FE_TONEAREST);

  const struct { double left, right; const char *name; } operands[] = {
    {1, 0, "divide by zero"}, {0, 0, "invalid"}, {DBL_MAX, 0.1, "overflow"}, {DBL_MIN, 3, "underflow"}, {1, 3, "inexact"}, {6, 3, "exact"}};
  for (int index = 0; index < 6; index++) {
    volatile double left = operands[index].left, right = operands[index].right;
    feclearexcept(FE_ALL_EXCEPT);
    volatile double quotient = left / right;
    int flags = fetestexcept(FE_ALL_EXCEPT);
    printf("%s: %a flags %x\n", operands[index].name, quotient, (unsigned)flags);
  }

  // Conversions of what does not fit, as the architecture defines them.
  volatile double edges[] = {1e30, -1e30, NAN, INFINITY, -1.5, 4294967296.0, 2147483648.0, -2147483649.0};
  for (int index = 0; index < 8; index++) {
    int word;
    unsigned uword;
    long lword;
    unsigned long ulword;
    __asm__("fcvt.w.d %0, %1, rtz" : "=r"(word) : "f"(edges[index]));
    __asm__("fcvt.wu.d %0, %1, rtz" : "=r"(uword) : "f"(edges[index]));
    __asm__("fcvt.l.d %0, %1, rtz" : "=r"(lword) : "f"(edges[index]));
    __asm__("fcvt.lu.d %0, %1, rtz" : "=r"(ulword) : "f"(edges[index]));
    printf("%d %u %ld %lu\n", word, uword, lword, ulword);
  }

  uint64_t sum = 0;
  feclearexcept(FE_ALL_EXCEPT);
  for (int turn = 0; turn < 40000; turn++) {
    double left = from(wild()), right = from(wild()), middle = from(wild());
    float small = (float)left, other = (float)right;
    sum = mix(sum, bits(left + right));
    sum = mix(sum, bits(left * right));
    sum = mix(sum, bits(left / right));
    sum = mix(sum, bits(fma(left, right, middle)));
    sum = mix(sum, bits(sqrt(fabs(left))));
    sum = mix(sum, bits((double)(small * other)));
    sum = mix(sum, bits((double)fmaf(small, other, (float)middle)));
    sum = mix(sum, bits(fmin(left, right)) + bits(fmax(left, right)));
    sum = mix(sum, (uint64_t)(left < right) + 2 * (uint64_t)(left <= right) + 4 * (uint64_t)(left == right));
  }
  printf("arithmetic on any bits: %016lx flags %x\n", sum, (unsigned)fetestexcept(FE_ALL_EXCEPT));

  sum = 0;
  for (int turn = 1; turn < 3000; turn++) {
    double x = turn * 0.0137;
    sum = mix(sum, bits(sin(x)) ^ bits(cos(x * 1000)));
    sum = mix(sum, bits(exp(x)) ^ bits(log(x)) ^ bits(pow(x, 1.7)));
    sum = mix(sum, bits(atan2(x, 3)) ^ bits(tgamma(x / 10)) ^ bits(cbrt(x)));
    char text[64];
    snprintf(text, sizeof text, "%.17g", pow(x, turn % 40 - 20));
    CHECK(strtod(text, NULL) == pow(x, turn % 40 - 20));
  }
  printf("functions: %016lx\n", sum);
  return finish();
}
