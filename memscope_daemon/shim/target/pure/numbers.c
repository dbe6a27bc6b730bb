#include "pure/numbers.h"

#include <string.h>

static const double LN2 = 0.693147180559945309417;

static double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t to_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* x = m * 2^e with m in [sqrt(1/2), sqrt(2)); log m = 2 artanh((m-1)/(m+1)), whose series in s^2 <= 0.0295
 * needs eleven terms. */
double ms_log(double x)
{
    uint64_t bits = to_bits(x);
    int exponent = (int)((bits >> 52) & 0x7ff) - 1023;
    double m = from_bits((bits & 0xfffffffffffffull) | 0x3ff0000000000000ull);
    if (m > 1.41421356237309504880) {
        m *= 0.5;
        exponent++;
    }
    double s = (m - 1.0) / (m + 1.0);
    double s2 = s * s;
    double sum = 0.0;
    for (int k = 21; k >= 1; k -= 2)
        sum = sum * s2 + 1.0 / k;
    return 2.0 * s * sum + exponent * LN2;
}

double ms_one_minus_exp_of_minus(double x)
{
    if (!(x > 0.0))
        return 0.0;
    if (x > 44.0) /* exp(-44) is below half a bit of 1 */
        return 1.0;
    if (x < 0.03125) { /* 1 - e^-x = x(1 - x/2(1 - x/3(...))): eight terms reach the last bit */
        double sum = 1.0;
        for (int k = 9; k >= 2; k--)
            sum = 1.0 - x / k * sum;
        return x * sum;
    }
    int k = (int)(x / LN2 + 0.5);
    double r = k * LN2 - x; /* e^-x = 2^-k e^r, |r| <= ln2/2 */
    double sum = 1.0;
    for (int n = 16; n >= 1; n--)
        sum = 1.0 + r / n * sum;
    return 1.0 - sum * from_bits((uint64_t)(1023 - k) << 52);
}
