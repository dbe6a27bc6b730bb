/* Threads that Python knows nothing of, and its queue of pending calls. */
#include <pthread.h>
#include <sched.h>

#define EXPORT __attribute__((visibility("default")))

extern int Py_AddPendingCall(int (*function)(void *), void *argument);

static long accepted, refused, ran;
static int over;

static int count_one(void *argument)
{
    (void)argument;
    __atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static int put_one(void)
{
    int answer = Py_AddPendingCall(count_one, 0);
    __atomic_add_fetch(answer == 0 ? &accepted : &refused, 1, __ATOMIC_SEQ_CST);
    return answer == 0;
}

static void *hammer(void *argument)
{
    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST))
        if (!put_one())
            sched_yield();
    return argument;
}

/* How many found room. Ends, because the caller has the GIL: nobody takes one out. */
EXPORT long fill(void)
{
    long found = 0;
    while (put_one())
        found++;
    return found;
}

EXPORT int start_hammering(void)
{
    pthread_t thread;
    return pthread_create(&thread, 0, hammer, 0) || pthread_detach(thread);
}

EXPORT void stop_hammering(void) { __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST); }
EXPORT long accepted_count(void) { return __atomic_load_n(&accepted, __ATOMIC_SEQ_CST); }
EXPORT long refused_count(void) { return __atomic_load_n(&refused, __ATOMIC_SEQ_CST); }
EXPORT long ran_count(void) { return __atomic_load_n(&ran, __ATOMIC_SEQ_CST); }
