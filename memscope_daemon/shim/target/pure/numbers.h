/* numbers.h: the little mathematics and the random numbers that sampling needs.
 *
 * Own log and exp: libm's carry symbols newer than the oldest glibc we promise to load on, and the shim
 * depends on nothing but libc. Accuracy is that of a double's last few bits, far below what sampling
 * noise could ever show; a test holds both against libm.
 */
#ifndef MS_NUMBERS_H
#define MS_NUMBERS_H

#include <stdint.h>

/* Natural logarithm; x must be a positive normal number. */
double ms_log(double x);

/* 1 - exp(-x) for x >= 0, without the cancellation that the plain formula has for small x. */
double ms_one_minus_exp_of_minus(double x);

/* SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, full period, no bad seeds. */
static inline uint64_t ms_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* Uniform in (0, 1]: never 0, whose logarithm would be an endless gap. */
static inline double ms_uniform(uint64_t *state)
{
    return (double)((ms_random(state) >> 11) + 1) * 0x1.0p-53;
}

#endif
