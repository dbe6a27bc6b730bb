/* Whatever stands in the shared memory, the shim does its target no harm.
 *
 * A target (fake_interpreter.h) allocates, frees and runs code while somebody writes words of any kind to any
 * place in the memory it shares: header, control words, tails, tables. On both sides of that memory lies nothing
 * for two gigabytes: a step beyond ends this program, and so does what the sanitizers find. With `race` the
 * writer is a thread that writes at any moment, else it writes between two steps, and a seed tells it all.
 *
 * Usage: hostile_shipper SEED SECONDS steps|race */
#include "../shim/fake_interpreter.h"

#include "pure/numbers.h"

#include "io/memory.h"

#include <pthread.h>

enum { BLOCKS = 256, CODES = 8, STEPS_PER_SESSION = 4000 };
static const uint64_t NOTHING = 2ull << 30;

static uint64_t dice;
static unsigned char *shared, *theirs; /* the same memory, as the target and as the shipper have it */
static uint64_t shared_bytes;
static bool stop;

static uint64_t any(uint64_t *random, uint64_t below) { return ms_random(random) % below; }

/* A word as nobody would write it, or almost as somebody would. */
static uint64_t strange_word(uint64_t *random, uint64_t before)
{
    switch (any(random, 8)) {
    case 0: return 0;
    case 1: return ~0ull;
    case 2: return before + any(random, 5) - 2;
    case 3: return before ^ 1ull << any(random, 64);
    case 4: return any(random, 4096);
    case 5: return any(random, 1ull << 24) | any(random, 256) << 24; /* a slot of a live table */
    case 6: return ms_random(random) & ms_random(random);
    default: return ms_random(random);
    }
}

static void write_somewhere(uint64_t *random)
{
    uint64_t word = any(random, 3) ? any(random, shared_bytes / 8) : any(random, sizeof(struct ms_session) / 8);
    uint64_t *place = (uint64_t *)theirs + word;
    __atomic_store_n(place, strange_word(random, __atomic_load_n(place, __ATOMIC_RELAXED)), __ATOMIC_RELAXED);
}

/* Mostly the shim shall record: what is off or silent looks at nothing. */
static void write_sense(uint64_t *random)
{
    struct ms_session *head = (struct ms_session *)theirs;
    __atomic_store_n(&head->control.heartbeat_ns, now_ns() + (1ull << 42), __ATOMIC_RELAXED);
    __atomic_store_n(&head->control.paused, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&head->control.detach, 0, __ATOMIC_RELAXED);
    if (any(random, 4) == 0) {
        uint64_t *pairs[] = {&head->events.head, &head->raw.head, &head->meta.head};
        for (int i = 0; i < 3; i++) /* all read */
            __atomic_store_n(pairs[i] + 8, __atomic_load_n(pairs[i], __ATOMIC_RELAXED), __ATOMIC_RELAXED);
    }
}

static void *writer(void *seed)
{
    uint64_t random = (uint64_t)seed;
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        for (int i = 0; i < 64; i++)
            write_somewhere(&random);
        write_sense(&random);
    }
    return NULL;
}

static void *block[BLOCKS], *code[CODES];
static uint64_t sampled, sessions, refused;

static void allocate_or_free(void)
{
    int domain = (int)any(&dice, MS_DOMAINS);
    struct ms_allocator *one = &installed[domain];
    uint64_t at = domain * BLOCKS / MS_DOMAINS + any(&dice, BLOCKS / MS_DOMAINS);
    if (block[at] && any(&dice, 3)) {
        one->free(one->ctx, block[at]);
        block[at] = NULL;
    } else if (block[at]) {
        block[at] = one->realloc(one->ctx, block[at], any(&dice, 700));
    } else {
        block[at] = any(&dice, 2) ? one->malloc(one->ctx, any(&dice, 700)) : one->calloc(one->ctx, 1, 61);
    }
}

/* Other code comes to run, and some of it goes. */
static void run_other_code(void)
{
    struct ms_allocator *objects = &installed[MS_DOMAIN_OBJ];
    void *running[FRAMES];
    uint32_t count = (uint32_t)any(&dice, FRAMES + 1);
    uint64_t which = any(&dice, CODES);
    fake_frames(state_of_thread, NULL, 0, 0);
    if (code[which])
        objects->free(objects->ctx, code[which]);
    code[which] = fake_code();
    for (uint32_t i = 0; i < count; i++) {
        uint64_t one = any(&dice, CODES);
        running[i] = code[one] ? code[one] : code[which];
    }
    fake_frames(state_of_thread, running, count, any(&dice, 1000));
}

static void open_shared(void)
{
    static const uint64_t least[PARTS] = {64, 64, 4096, 64, 64, 64, 64};
    struct ms_session head;
    uint64_t count[PARTS];
    memset(&head, 0, sizeof head);
    for (int part = 0; part < PARTS; part++)
        count[part] = least[part] << any(&dice, 4);
    shared_bytes = lay_out(&head, count);
    unsigned char *room = mmap(NULL, 2 * NOTHING + shared_bytes, PROT_NONE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        exit(2);
    share(room + NOTHING, shared_bytes, &shared, &theirs);
    memcpy(theirs, &head, sizeof head);
    for (uint64_t damage = any(&dice, 8); damage > 5; damage--) { /* a header that does not fit, now and then */
        uint64_t *word = (uint64_t *)theirs + any(&dice, offsetof(struct ms_session, reserved0) / 8);
        *word = strange_word(&dice, *word);
    }
}

static void session(bool race)
{
    open_shared();
    unsigned char *room = shared - NOTHING;
    uint64_t bytes = shared_bytes;
    pthread_t thread;
    sessions++;
    if (enter(shared, bytes, MS_OP_ENTER) == MS_OK) {
        stop = false;
        if (race && pthread_create(&thread, NULL, writer, (void *)ms_random(&dice)))
            exit(2);
        for (int step = 0; step < STEPS_PER_SESSION; step++) {
            if (!race && any(&dice, 4) == 0)
                write_somewhere(&dice);
            if (!race)
                write_sense(&dice);
            if (any(&dice, 16) == 0)
                run_other_code();
            allocate_or_free();
        }
        sampled += ms_gil.last_id + ms_raw.last_id;
        __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
        if (race)
            pthread_join(thread, NULL);
        enter(NULL, 0, MS_OP_LEAVE);
    } else {
        refused++;
    }
    ms_memory_close_session();
    munmap(theirs, bytes);
    munmap(room, 2 * NOTHING + bytes);
}

int main(int count, char **words)
{
    if (count != 4)
        return 2;
    dice = strtoull(words[1], NULL, 10);
    uint64_t end_ns = now_ns() + (uint64_t)(atof(words[2]) * 1e9);
    state_of_thread = fake_state();
    while (now_ns() < end_ns)
        session(!strcmp(words[3], "race"));
    printf("%s: %llu sessions, %llu refused, %llu events recorded\n", words[3], (unsigned long long)sessions,
           (unsigned long long)refused, (unsigned long long)sampled);
    return 0;
}
