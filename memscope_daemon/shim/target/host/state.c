#include "host/state.h"

struct ms_gil_state ms_gil __attribute__((aligned(64)));
struct ms_raw_state ms_raw __attribute__((aligned(64)));
__thread struct ms_thread_state ms_thread;

struct ms_python ms_python;
const struct ms_layout *ms_layout;
const void *ms_interpreter;
struct ms_allocator ms_original[MS_DOMAINS] __attribute__((aligned(64)));
struct ms_shared ms_shared;
uint32_t ms_epoch;
uint32_t ms_session_epoch;
uint32_t ms_active;

enum ms_silence ms_silence_nosys(uint64_t now_ns)
{
    if (!__atomic_load_n(&ms_active, __ATOMIC_ACQUIRE))
        return MS_SILENT_OFF;
    if (!ms_python.is_initialized())
        return MS_SILENT_ENDING;
    const struct ms_control *control = &ms_shared.head->control;
    if (__atomic_load_n(&control->paused, __ATOMIC_RELAXED))
        return MS_SILENT_PAUSED;
    uint64_t heartbeat_ns = __atomic_load_n(&control->heartbeat_ns, __ATOMIC_RELAXED);
    if (now_ns && (int64_t)(now_ns - heartbeat_ns) > (int64_t)MS_READER_TIMEOUT_NS)
        return MS_SILENT_NO_READER;
    return MS_RECORDING;
}

void ms_raw_publish_setting(uint32_t epoch, const struct ms_setting *setting)
{
    uint64_t word[MS_SETTING_WORDS];
    __builtin_memcpy(word, setting, sizeof word);
    for (int i = 0; i < MS_SETTING_WORDS; i++)
        __atomic_store_n(&ms_raw.setting[epoch & 7][i], word[i], __ATOMIC_RELAXED);
}

struct ms_setting ms_raw_setting(uint32_t *epoch)
{
    for (;;) {
        uint64_t word[MS_SETTING_WORDS];
        for (int i = 0; i < MS_SETTING_WORDS; i++) /* acquire: the look at the epoch stays behind */
            word[i] = __atomic_load_n(&ms_raw.setting[*epoch & 7][i], __ATOMIC_ACQUIRE);
        uint32_t newest = __atomic_load_n(&ms_epoch, __ATOMIC_ACQUIRE);
        if (newest - *epoch < 7) {
            struct ms_setting setting;
            __builtin_memcpy(&setting, word, sizeof setting);
            return setting;
        }
        *epoch = newest;
    }
}

/* Losses are rare, so all counters are added to atomically: RAW threads come here without any lock. */
static void add_double(double *sum, double value)
{
    uint64_t *bits = (uint64_t *)sum;
    uint64_t seen = __atomic_load_n(bits, __ATOMIC_RELAXED);
    for (int i = 0; i < 1000; i++) {
        double now;
        __builtin_memcpy(&now, &seen, sizeof now);
        now += value;
        uint64_t next;
        __builtin_memcpy(&next, &now, sizeof next);
        if (__atomic_compare_exchange_n(bits, &seen, next, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return;
    }
}

void ms_count_loss_nosys(enum ms_loss cause, double weight, uint64_t size)
{
    struct ms_loss_counter *counter = &ms_shared.head->losses[cause];
    __atomic_fetch_add(&counter->records, 1, __ATOMIC_RELAXED);
    add_double(&counter->weighted_count, weight);
    add_double(&counter->weighted_bytes, weight * (double)size);
}
