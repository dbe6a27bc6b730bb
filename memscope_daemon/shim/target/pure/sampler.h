/* sampler.h: which allocations are taken, and what each one stands for.
 *
 * Bytes mode: a Poisson process over the bytes allocated. The gap to the next sample is X ~ Exp(R); an
 * allocation of s bytes is taken when the gap ends inside it, that is with probability
 *     pi(s) = 1 - exp(-s/R)
 * independently of all others, because what is left of an exponential gap is again Exp(R). After a
 * sample the next gap starts behind the end of this allocation. A zero-byte request counts as one byte.
 *
 * Rate mode: each allocation is taken with probability p. The number of those let pass before the next
 * one is geometric: floor(ln U / ln(1-p)).
 *
 * Both need one subtraction per allocation: the hot path takes `step` from `left` and looks at the sign.
 * With integers nothing is lost: floor(X) - s < 0 exactly when X < s for whole s.
 *
 * The weight of a sample is 1/pi. Summing weights (or weight*size) over any subset of samples estimates
 * that subset's count (or bytes) without bias (Horvitz, Thompson 1952).
 */
#ifndef MS_SAMPLER_H
#define MS_SAMPLER_H

#include "memscope_abi.h"

#include <stdbool.h>
#include <stdint.h>

/* A setting, as the control words gave it, checked. */
struct ms_setting {
    double value;
    uint32_t mode; /* enum ms_mode; MS_MODE_OFF: nothing is taken */
    uint32_t depth;
    uint16_t number;
};

/* One stream of decisions. `left` is what the hot path counts down; `beyond` is the part of the gap that
 * did not fit, so that the slow path (and with it the control words) is passed regularly however long the
 * gap is. All zero: nothing drawn yet, the first decision goes to the slow path. */
struct ms_sampler {
    int64_t left;
    int64_t beyond;
    uint64_t random;
    struct ms_setting setting; /* that the pending gap was drawn with */
};

/* The slow path comes by at least once per so many bytes (bytes mode) or allocations (rate mode). */
#define MS_POLL_BYTES (4 << 20)
#define MS_POLL_CALLS (1 << 16)

/* What an allocation of `size` bytes takes from `left`: mask is ~0 in bytes mode, 0 in rate mode. */
static inline int64_t ms_step(size_t size, uint64_t mask)
{
    uint64_t step = size & mask; /* CPython lets no request over PY_SSIZE_T_MAX through */
    return (int64_t)(step + (step == 0));
}

static inline uint64_t ms_step_mask(const struct ms_setting *setting)
{
    return setting->mode == MS_MODE_BYTES ? ~0ull : 0ull;
}

/* Is this a setting that a sampler can run with? */
bool ms_setting_valid(uint32_t mode, double value);

/* Starts a new gap under `setting`. */
void ms_sampler_draw(struct ms_sampler *sampler, const struct ms_setting *setting);

/* Called when `left` went below zero: true if the gap really ended (a sample is due; draw again
 * afterwards), false if only the poll distance was used up (`left` is filled again). */
bool ms_sampler_due(struct ms_sampler *sampler);

/* 1/pi(size) under the setting that the gap was drawn with, >= 1. */
double ms_sampler_weight(const struct ms_sampler *sampler, size_t size);

#endif
