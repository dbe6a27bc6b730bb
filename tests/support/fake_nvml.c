/* NVIDIA's management library as far as memscope asks it: two GPUs. The first runs the process that
 * FAKE_NVML_PID names, which computes, and one of which the driver does not tell the memory. */

#include <stdlib.h>
#include <string.h>

typedef struct { unsigned gpu, memory; } utilization_t;
typedef struct { unsigned long long total, free, used; } memory_t;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } process_t;
typedef struct { unsigned pid; unsigned long long time_us; unsigned sm, memory, encoder, decoder; } sample_t;

enum { SUCCESS = 0, NOT_FOUND = 6, NO_GPU_PID = 999983 };

static int devices[2];

static unsigned told_pid(void) {
    const char *text = getenv("FAKE_NVML_PID");
    return text ? (unsigned)atoi(text) : 0;
}

int nvmlInit_v2(void) { return getenv("FAKE_NVML_NO_DRIVER") ? 9 : SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = getenv("FAKE_NVML_NO_GPU") ? 0 : 2; return SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned at, void **device) { *device = &devices[at]; return SUCCESS; }

int nvmlDeviceGetUtilizationRates(void *device, utilization_t *found) {
    found->gpu = device == &devices[0] ? 83 : 17;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(void *device, memory_t *found) {
    found->total = 16ULL << 30;
    found->used = device == &devices[0] ? 1009ULL << 20 : 31ULL << 20;
    return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, process_t *rows) {
    *count = 0;
    if (device != &devices[0]) return SUCCESS;
    memset(rows, 0, 2 * sizeof *rows);
    rows[0].pid = told_pid();
    rows[0].used = 503ULL << 20;
    rows[1].pid = NO_GPU_PID;
    rows[1].used = ~0ULL; /* not available */
    *count = 2;
    return SUCCESS;
}

int nvmlDeviceGetProcessUtilization(void *device, sample_t *rows, unsigned *count, unsigned long long since_us) {
    if (device != &devices[0] || since_us >= 2000) return NOT_FOUND; /* nothing new */
    memset(rows, 0, 2 * sizeof *rows);
    rows[0] = (sample_t){.pid = told_pid(), .time_us = 1000, .sm = 40};
    rows[1] = (sample_t){.pid = told_pid(), .time_us = 2000, .sm = 60};
    *count = 2;
    return SUCCESS;
}
