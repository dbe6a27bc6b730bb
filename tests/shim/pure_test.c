/* The shim's pure part against plain models; built with the address and undefined-behaviour sanitizers.
 * Prints one line per test and exits 0, or says what did not hold and exits 1. */
#include "pure/filter.h"
#include "pure/intern.h"
#include "pure/live.h"
#include "pure/numbers.h"
#include "pure/ring.h"
#include "pure/sampler.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLDS(condition)                                                             \
    do {                                                                             \
        if (!(condition)) {                                                          \
            printf("line %d: %s does not hold\n", __LINE__, #condition);             \
            exit(1);                                                                 \
        }                                                                            \
    } while (0)

static uint64_t dice = 42;

static void numbers_agree_with_libm(void)
{
    for (double x = 1e-300; x < 1e300; x *= 1.0137)
        HOLDS(fabs(ms_log(x) - log(x)) <= 1e-15 * fabs(log(x)) + 1e-15);
    for (double x = 1e-15; x < 100; x *= 1.00071)
        HOLDS(fabs(ms_one_minus_exp_of_minus(x) + expm1(-x)) <= 5e-15 * -expm1(-x));
    for (int i = 0; i < 100000; i++) {
        double u = ms_uniform(&dice);
        HOLDS(u > 0.0 && u <= 1.0);
    }
}

/* The live table against an array that is searched from end to end. */
static void live_table_agrees_with_a_list(uint64_t spread, uint64_t step)
{
    enum { CAPACITY = 1024 };
    void *memory = calloc(CAPACITY, MS_LIVE_BYTES);
    uint64_t model[CAPACITY];
    uint32_t count = 0;
    struct ms_live_table table;
    ms_live_init(&table, memory, CAPACITY);
    for (int turn = 0; turn < 200000; turn++) {
        uint64_t address = 0x7f0000000000ull + ms_random(&dice) % spread * step;
        uint32_t at = 0;
        while (at < count && model[at] != address)
            at++;
        struct ms_live *entry = ms_live_find(&table, address);
        HOLDS((entry != NULL) == (at < count));
        if (entry && ms_random(&dice) % 2) {
            HOLDS(entry->address == address && entry->size == address * 3);
            ms_live_remove(&table, entry);
            model[at] = model[--count];
        } else {
            bool stale;
            struct ms_live *made = ms_live_insert(&table, address, false, &stale);
            HOLDS(stale == (at < count));
            HOLDS(made || count >= CAPACITY / 2);
            if (made && !stale) {
                model[count++] = address;
                made->size = address * 3;
            }
        }
        HOLDS(table.used == count);
    }
    for (uint32_t i = 0; i < count; i++)
        HOLDS(ms_live_find(&table, model[i]));
    free(memory);
}

static void a_full_live_table_keeps_room_for_code(void)
{
    enum { CAPACITY = 64 };
    void *memory = calloc(CAPACITY, MS_LIVE_BYTES);
    struct ms_live_table table;
    ms_live_init(&table, memory, CAPACITY);
    bool stale;
    uint32_t blocks = 0;
    while (ms_live_insert(&table, 0x1000 + 16 * blocks, false, &stale))
        blocks++;
    HOLDS(blocks == CAPACITY - CAPACITY / 8);
    uint32_t codes = 0;
    while (ms_live_insert(&table, 0x900000 + 16 * codes, true, &stale))
        codes++;
    HOLDS(codes == CAPACITY / 8);
    free(memory);
}

static void interning_agrees_with_a_list(void)
{
    enum { CAPACITY = 256 };
    struct ms_slot *memory = calloc(CAPACITY, sizeof *memory);
    uint64_t key[CAPACITY];
    uint32_t number[CAPACITY];
    uint32_t count = 0, last = 0;
    struct ms_intern table;
    ms_intern_init(&table, memory, CAPACITY);
    for (int turn = 0; turn < 100000; turn++) {
        uint64_t wanted = 1 + ms_random(&dice) % 400;
        uint32_t at = 0;
        while (at < count && key[at] != wanted)
            at++;
        uint32_t found = ms_intern_find(&table, wanted);
        HOLDS(found == (at < count ? number[at] : 0));
        if (found && ms_random(&dice) % 2) {
            ms_intern_remove(&table, wanted);
            count--;
            key[at] = key[count];
            number[at] = number[count];
        } else if (!found) {
            uint32_t made = ms_intern_add(&table, wanted);
            HOLDS(made == 0 ? count >= CAPACITY / 2 : made == ++last);
            if (made) {
                key[count] = wanted;
                number[count++] = made;
            }
        }
    }
    free(memory);
}

static void a_ring_hands_out_only_what_is_free(void)
{
    enum { CAPACITY = 64 };
    struct ms_ring shared;
    memset(&shared, 0, sizeof shared);
    struct ms_record *memory = calloc(CAPACITY, sizeof *memory);
    struct ms_writer writer;
    ms_writer_init(&writer, &shared, memory, CAPACITY);
    uint64_t written = 0, read = 0;
    for (int turn = 0; turn < 100000; turn++) {
        if (ms_random(&dice) % 2) {
            struct ms_record *record = ms_writer_record(&writer, 0);
            HOLDS((record != NULL) == (written - read < CAPACITY));
            if (record) {
                HOLDS(record == &memory[written % CAPACITY]);
                record->id = ++written;
                ms_writer_publish(&writer, 1);
            }
        } else if (read < written) {
            HOLDS(memory[read % CAPACITY].id == read + 1);
            shared.tail = ++read;
        }
        HOLDS(shared.head == written);
    }
    shared.tail = written + 1000; /* nonsense from outside is not believed */
    while (ms_writer_record(&writer, 0))
        ms_writer_publish(&writer, 1);
    HOLDS(shared.head - read <= CAPACITY);
    shared.tail = 0;
    HOLDS(!ms_writer_record(&writer, 0));
    free(memory);
}

static void metadata_never_wraps(void)
{
    enum { CAPACITY = 4096 };
    struct ms_ring shared;
    memset(&shared, 0, sizeof shared);
    unsigned char *memory = calloc(1, CAPACITY);
    struct ms_writer writer;
    ms_writer_init(&writer, &shared, memory, CAPACITY);
    uint64_t read = 0;
    for (int turn = 0; turn < 50000; turn++) {
        uint32_t bytes = 8 + (uint32_t)(ms_random(&dice) % 100) * 8;
        struct ms_meta_head *entry = ms_writer_entry(&writer, bytes);
        if (entry) {
            entry->size = bytes;
            entry->kind = MS_META_CODE;
            memset(entry + 1, turn & 0xff, bytes - sizeof *entry); /* a wrap would run over the end */
            ms_writer_publish(&writer, bytes);
        }
        while (read < shared.head && (!entry || ms_random(&dice) % 3)) {
            struct ms_meta_head *head = (struct ms_meta_head *)(memory + read % CAPACITY);
            HOLDS(head->size >= 8 && head->size % 8 == 0 && read % CAPACITY + head->size <= CAPACITY);
            read += head->size;
            shared.tail = read;
        }
    }
    HOLDS(!ms_writer_entry(&writer, CAPACITY));
    free(memory);
}

/* Sum of weights over many draws: within five standard errors of the truth, for each size. */
static void sampling_is_unbiased(uint32_t mode, double value, size_t size)
{
    enum { ALLOCATIONS = 2000000 };
    struct ms_sampler sampler = {.random = ms_random(&dice)};
    struct ms_setting setting = {.mode = mode, .value = value, .depth = 1, .number = 1};
    uint64_t mask = ms_step_mask(&setting);
    ms_sampler_draw(&sampler, &setting);
    double weights = 0, squares = 0;
    for (int i = 0; i < ALLOCATIONS; i++) {
        if ((sampler.left -= ms_step(size, mask)) >= 0 || !ms_sampler_due(&sampler))
            continue;
        double weight = ms_sampler_weight(&sampler, size);
        HOLDS(weight >= 1.0);
        weights += weight;
        squares += weight * (weight - 1.0);
        ms_sampler_draw(&sampler, &setting);
    }
    double off = weights - ALLOCATIONS;
    printf("  mode %u value %g size %zu: %+.4f %%\n", mode, value, size, 100.0 * off / ALLOCATIONS);
    HOLDS(fabs(off) <= 5.0 * sqrt(squares) + 1e-6);
}

static void impossible_settings_are_known(void)
{
    HOLDS(ms_setting_valid(MS_MODE_BYTES, 524288) && ms_setting_valid(MS_MODE_RATE, 1.0));
    HOLDS(!ms_setting_valid(MS_MODE_BYTES, 0.5) && !ms_setting_valid(MS_MODE_RATE, 0.0));
    HOLDS(!ms_setting_valid(MS_MODE_RATE, 1.5) && !ms_setting_valid(MS_MODE_BYTES, NAN));
    HOLDS(!ms_setting_valid(MS_MODE_RATE, NAN) && !ms_setting_valid(9, 1.0));
}

int main(void)
{
    numbers_agree_with_libm();
    live_table_agrees_with_a_list(700, 16);       /* dense: far homes are needed */
    live_table_agrees_with_a_list(700, 48);
    live_table_agrees_with_a_list(3000, 4096);
    live_table_agrees_with_a_list(900, 1 << 20);
    a_full_live_table_keeps_room_for_code();
    interning_agrees_with_a_list();
    a_ring_hands_out_only_what_is_free();
    metadata_never_wraps();
    impossible_settings_are_known();
    const size_t sizes[] = {0, 1, 61, 4093, 65537, 524287, 8388593};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        sampling_is_unbiased(MS_MODE_BYTES, 524288.0, sizes[i] < 4093 ? 4093 : sizes[i]);
        sampling_is_unbiased(MS_MODE_BYTES, 997.0, sizes[i]);
        sampling_is_unbiased(MS_MODE_RATE, 0.1, sizes[i]);
    }
    sampling_is_unbiased(MS_MODE_RATE, 1.0, 17);
    sampling_is_unbiased(MS_MODE_RATE, 1e-4, 17);
    puts("ok");
    return 0;
}
