/* The shim as threads of a target meet it, for the thread sanitizer: threads without the GIL in the RAW domain, one
 * with it everywhere, and a shipper that reads the rings and changes settings meanwhile. In the end the hooks go
 * while the threads still call. Prints what was recorded and exits 0, or says what did not hold. */
#include "fake_interpreter.h"

#include "pure/numbers.h"

#include <pthread.h>

enum { THREADS = 4, TURNS = 20000, BLOCKS = 64, CODES = 4 };
static const uint64_t COUNTS[PARTS] = {1024, 1024, 1 << 16, 1024, 1024, 256, 64};

static struct ms_session *session;
static struct ms_allocator hooked[MS_DOMAINS]; /* as every thread of a target has read it once */
static bool stop;
static uint64_t read_count, wrong_count;

#define LOAD(place, order) __atomic_load_n(&(place), __ATOMIC_##order)
#define STORE(place, value, order) __atomic_store_n(&(place), value, __ATOMIC_##order)

static void churn(int domain, uint64_t *random, void **block)
{
    struct ms_allocator *one = &hooked[domain];
    void **place = &block[ms_random(random) % BLOCKS];
    uint64_t size = 1 + ms_random(random) % 300;
    if (!*place)
        *place = one->malloc(one->ctx, size);
    else if (ms_random(random) % 2)
        *place = one->realloc(one->ctx, *place, size);
    else {
        one->free(one->ctx, *place);
        *place = NULL;
    }
}

static void *without_gil(void *seed)
{
    uint64_t random = (uint64_t)seed;
    void *block[BLOCKS] = {0};
    while (!LOAD(stop, RELAXED))
        churn(MS_DOMAIN_RAW, &random, block);
    for (int i = 0; i < BLOCKS; i++)
        hooked[MS_DOMAIN_RAW].free(NULL, block[i]);
    return NULL;
}

/* Takes what lies in a ring of records; each must be whole. */
static void read_ring(struct ms_ring *ring, const struct ms_record *records, uint64_t capacity)
{
    uint64_t head = LOAD(ring->head, ACQUIRE), tail = ring->tail;
    for (; tail < head; tail++) {
        const struct ms_record *record = &records[tail & (capacity - 1)];
        read_count++;
        wrong_count += !record->id || record->kind < MS_KIND_ALLOCATE || record->kind > MS_KIND_REALLOCATE ||
                       record->weight < 1.0f || !record->address;
    }
    STORE(ring->tail, tail, RELEASE);
}

static void change_setting(uint64_t turn)
{
    struct ms_control *control = &session->control;
    double value = turn % 2 ? 1.0 : 0.25;
    STORE(control->generation, control->generation | MS_GENERATION_WRITING, RELEASE);
    __atomic_store(&control->value, &value, __ATOMIC_RELAXED);
    STORE(control->depth, turn % 5, RELAXED);
    STORE(control->seed, turn, RELAXED);
    STORE(control->paused, turn % 7 == 0, RELAXED);
    STORE(control->generation, (control->generation & ~MS_GENERATION_WRITING) + 1, RELEASE);
}

static void *shipper(void *memory)
{
    unsigned char *at = memory;
    for (uint64_t turn = 0; !LOAD(stop, RELAXED); turn++) {
        read_ring(&session->events, (void *)(at + session->events_offset), session->event_capacity);
        read_ring(&session->raw, (void *)(at + session->raw_offset), session->raw_capacity);
        STORE(session->meta.tail, LOAD(session->meta.head, ACQUIRE), RELEASE);
        STORE(session->control.heartbeat_ns, now_ns(), RELAXED);
        if (turn % 64 == 0)
            change_setting(turn / 64);
    }
    return NULL;
}

static void with_gil(void)
{
    uint64_t random = 4211;
    void *block[MS_DOMAINS][BLOCKS] = {0}, *code[CODES];
    state_of_thread = fake_state();
    for (int i = 0; i < CODES; i++)
        code[i] = fake_code();
    for (int turn = 0; turn < TURNS; turn++) {
        if (turn % 16 == 0)
            fake_frames(state_of_thread, code, (uint32_t)(turn / 16 % CODES), ms_random(&random));
        int domain = turn % MS_DOMAINS;
        churn(domain, &random, block[domain]);
    }
    enter(NULL, 0, MS_OP_LEAVE);
    for (int turn = 0; turn < 1000; turn++)
        churn(turn % MS_DOMAINS, &random, block[turn % MS_DOMAINS]);
}

int main(void)
{
    struct ms_session head;
    memset(&head, 0, sizeof head);
    uint64_t bytes = lay_out(&head, COUNTS);
    void *shared;
    share(NULL, bytes, &shared, &session);
    memcpy(session, &head, sizeof head);
    if (enter(shared, bytes, MS_OP_ENTER) != MS_OK)
        return 2;
    memcpy(hooked, installed, sizeof hooked);
    pthread_t thread[THREADS + 1];
    for (uint64_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, without_gil, (void *)(i + 1));
    pthread_create(&thread[THREADS], NULL, shipper, session);
    with_gil();
    STORE(stop, true, RELAXED);
    for (int i = 0; i <= THREADS; i++)
        pthread_join(thread[i], NULL);
    printf("%llu records read, %llu wrong, %llu of RAW\n", (unsigned long long)read_count,
           (unsigned long long)wrong_count, (unsigned long long)session->raw.head);
    return wrong_count || session->raw.head < 1000 || session->events.head < 1000 ||
           session->losses[MS_LOSS_REENTRY].records;
}
