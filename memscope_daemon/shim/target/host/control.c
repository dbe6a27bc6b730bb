#include "host/control.h"

#include "io/clock.h"

/* Each word is read once: one that changes after it was looked at must not matter. Acquire: the second look at
 * the generation stays behind. */
static struct ms_setting read_setting(const struct ms_control *control, uint64_t *seed)
{
    struct ms_setting setting = {.mode = __atomic_load_n(&control->mode, __ATOMIC_ACQUIRE)};
    __atomic_load(&control->value, &setting.value, __ATOMIC_ACQUIRE);
    *seed = __atomic_load_n(&control->seed, __ATOMIC_ACQUIRE);
    uint32_t depth = __atomic_load_n(&control->depth, __ATOMIC_ACQUIRE);
    bool stacks = __atomic_load_n(&control->stacks, __ATOMIC_ACQUIRE);
    depth = depth > MS_DEPTH_MAX ? MS_DEPTH_MAX : depth;
    setting.depth = stacks && depth ? depth : 1; /* the allocation site is always taken */
    setting.number = (uint16_t)(ms_gil.setting.number + 1);
    return setting;
}

static bool announce(const struct ms_setting *setting)
{
    struct ms_meta_sampling *entry = ms_writer_entry(&ms_shared.meta, sizeof *entry);
    if (!entry)
        return false;
    *entry = (struct ms_meta_sampling){
        .head = {sizeof *entry, MS_META_SAMPLING, 0},
        .sampling = setting->number,
        .mode = (uint16_t)setting->mode,
        .depth = setting->depth,
        .value = setting->value,
        .time_ns = ms_clock_ns(),
    };
    ms_writer_publish(&ms_shared.meta, sizeof *entry);
    return true;
}

void ms_control_wake_nopy(void)
{
    ms_gil.step_mask = ms_step_mask(&ms_gil.setting);
    ms_gil.rate_weight = ms_gil.setting.mode == MS_MODE_RATE ? (float)(1.0 / ms_gil.setting.value) : 0.0f;
    ms_sampler_draw(ms_gil_sampler(), &ms_gil.setting);
    __atomic_store_n(&ms_raw.step_mask, ms_gil.step_mask, __ATOMIC_RELAXED);
    ms_raw_publish_setting(ms_epoch + 1, &ms_gil.setting); /* before the epoch that points at it */
    __atomic_store_n(&ms_epoch, ms_epoch + 1, __ATOMIC_RELEASE);
}

void ms_control_apply_nopy(void)
{
    const struct ms_control *control = &ms_shared.head->control;
    uint64_t generation = __atomic_load_n(&control->generation, __ATOMIC_ACQUIRE);
    if (generation == ms_gil.generation || generation & MS_GENERATION_WRITING)
        return;
    uint64_t seed;
    struct ms_setting setting = read_setting(control, &seed);
    if (__atomic_load_n(&control->generation, __ATOMIC_RELAXED) != generation) /* half of the next one, perhaps */
        return;
    if (!ms_setting_valid(setting.mode, setting.value))
        return;
    if (!announce(&setting)) /* no room to say so: stay as we are and try again at the next turn */
        return;
    if (seed != ms_gil.seed) { /* from here on the same decisions as from any start with it */
        ms_gil.seed = ms_gil_sampler()->random = seed;
        __atomic_store_n(&ms_raw.seeds, seed, __ATOMIC_RELAXED);
    }
    ms_gil.generation = generation;
    ms_gil.setting = setting;
    ms_control_wake_nopy();
    __atomic_store_n(&ms_shared.head->status.applied_generation, generation, __ATOMIC_RELEASE);
}
