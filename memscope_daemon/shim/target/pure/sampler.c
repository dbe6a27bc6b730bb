#include "pure/sampler.h"

#include "pure/numbers.h"

static const double GAP_MAX = 0x1p60;

bool ms_setting_valid(uint32_t mode, double value)
{
    if (mode == MS_MODE_BYTES)
        return value >= 1.0 && value <= 0x1p50;
    if (mode == MS_MODE_RATE)
        return value > 0.0 && value <= 1.0;
    return mode == MS_MODE_OFF;
}

static double draw_gap(uint64_t *random, const struct ms_setting *setting)
{
    double u = ms_uniform(random);
    if (setting->mode == MS_MODE_BYTES)
        return -setting->value * ms_log(u);
    if (setting->mode == MS_MODE_RATE) {
        /* ln(1-p): for small p the plain logarithm of 1-p has lost p's last bits; -p(1+p/2+p^2/3) has not */
        double p = setting->value;
        double log_miss = p < 1e-5 ? -p * (1.0 + p * (0.5 + p / 3.0)) : ms_log(1.0 - p);
        return ms_log(u) / log_miss;
    }
    return GAP_MAX;
}

static int64_t poll_distance(const struct ms_setting *setting)
{
    return setting->mode == MS_MODE_BYTES ? MS_POLL_BYTES : MS_POLL_CALLS;
}

static void fill(struct ms_sampler *sampler, int64_t gap)
{
    int64_t poll = poll_distance(&sampler->setting);
    sampler->left = gap < poll ? gap : poll;
    sampler->beyond = gap - sampler->left;
}

void ms_sampler_draw(struct ms_sampler *sampler, const struct ms_setting *setting)
{
    sampler->setting = *setting;
    if (setting->mode == MS_MODE_RATE && setting->value >= 1.0) { /* every one: no dice */
        sampler->left = sampler->beyond = 0;
        return;
    }
    double gap = draw_gap(&sampler->random, setting);
    fill(sampler, (int64_t)(gap < GAP_MAX ? gap : GAP_MAX));
}

bool ms_sampler_due(struct ms_sampler *sampler)
{
    int64_t rest = sampler->left + sampler->beyond; /* left < 0 */
    if (rest < 0)
        return true;
    fill(sampler, rest);
    return false;
}

double ms_sampler_weight(const struct ms_sampler *sampler, size_t size)
{
    const struct ms_setting *setting = &sampler->setting;
    if (setting->mode == MS_MODE_RATE)
        return 1.0 / setting->value;
    double bytes = size ? (double)size : 1.0;
    return 1.0 / ms_one_minus_exp_of_minus(bytes / setting->value);
}
