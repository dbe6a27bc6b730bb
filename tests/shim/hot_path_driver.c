/* Calls allocators N times, bare or through the shim's hooks, with nothing sampled: what is counted from
 * outside is the difference. Usage: hot_path_driver bare|hooked raw|mem|obj malloc|calloc|realloc|free N */
#include "host/hooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char block[64] __attribute__((aligned(16)));
static void *bare_malloc(void *ctx, size_t size) { return (void)ctx, (void)size, block; }
static void *bare_calloc(void *ctx, size_t count, size_t size) { return (void)ctx, (void)count, (void)size, block; }
static void *bare_realloc(void *ctx, void *old, size_t size) { return (void)ctx, (void)old, (void)size, block; }
static void bare_free(void *ctx, void *old) { (void)ctx, (void)old; }

static struct ms_allocator installed[MS_DOMAINS];
static void get(int domain, struct ms_allocator *allocator) { *allocator = installed[domain]; }
static void set(int domain, struct ms_allocator *allocator) { installed[domain] = *allocator; }

int main(int count, char **words)
{
    if (count != 5)
        return 2;
    const struct ms_allocator bare = {NULL, bare_malloc, bare_calloc, bare_realloc, bare_free};
    for (int domain = 0; domain < MS_DOMAINS; domain++)
        installed[domain] = bare;
    ms_python.get_allocator = get;
    ms_python.set_allocator = set;
    ms_gil.step_mask = ms_raw.step_mask = ~0ull;
    if (!strcmp(words[1], "hooked"))
        ms_hooks_install();
    ms_epoch = ms_thread.epoch = 1;
    ms_gil.sampler.left = ms_thread.sampler.left = INT64_MAX / 2;
    int domain = !strcmp(words[2], "raw") ? 0 : !strcmp(words[2], "mem") ? 1 : 2;
    struct ms_allocator volatile *one = &installed[domain];
    long calls = atol(words[4]);
    if (!strcmp(words[3], "malloc"))
        for (long i = 0; i < calls; i++)
            one->malloc(one->ctx, 56);
    else if (!strcmp(words[3], "calloc"))
        for (long i = 0; i < calls; i++)
            one->calloc(one->ctx, 1, 56);
    else if (!strcmp(words[3], "realloc"))
        for (long i = 0; i < calls; i++)
            one->realloc(one->ctx, block, 56);
    else
        for (long i = 0; i < calls; i++)
            one->free(one->ctx, block);
    printf("%lld\n", (long long)(INT64_MAX / 2 - ms_gil.sampler.left + INT64_MAX / 2 - ms_thread.sampler.left));
    return 0;
}
