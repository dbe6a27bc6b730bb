/* loader.c: the few instructions that are copied into the target to bring the shim in.
 *
 * Theory of operation
 *
 * The tracer copies the section `memscope_loader` of this library into a private page of the target
 * and starts it there, on a thread of its own. It must therefore stand alone: no relocation, no data,
 * no string, no call to anything outside the section but through the addresses in struct ms_attach
 * (a test disassembles the built library and holds it to that).
 *
 * Route K: a bare kernel thread (ms_loader_clone_child), made by clone() on the main thread. glibc
 * knows nothing of it, its thread block is a copy that says "main thread". It makes raw system calls
 * and exactly one function call: Py_AddPendingCall. Never malloc, never Python.
 *
 * Route P: a proper pthread (ms_loader_pthread_main), made by pthread_create on a blocked thread. It
 * takes the GIL itself.
 *
 * Both first make the shared memory and wait for `go`, so that the GIL is never held while somebody
 * outside works. Both end in load_and_enter, with the GIL held.
 *
 * Cancelling: the outside sets `cancel`, then reads `stage`; we set stage RUNNING, then read `cancel`.
 * Both orders are sequentially consistent, so at least one of us sees the other: either the outside
 * knows that the call may be running, or the call does nothing.
 */
#include "loader.h"

#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#define GO_STEP_NS 200000
#define GO_STEPS_PER_MS (1000000 / GO_STEP_NS)
#define RTLD_NOW_FLAG 2
#define RTLD_NOLOAD_FLAG 4
#define POPULATE_PIECE (512L * 1024)
#define MADV_POPULATE_WRITE_ADVICE 23 /* Linux 5.14; older headers do not name it */

typedef int (*add_pending_fn)(int (*)(void *), void *);
typedef int (*entry_fn)(struct ms_attach *);

MS_LOADER_INLINE long
syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

MS_LOADER_INLINE void
set_stage(struct ms_attach *page, uint32_t stage)
{
    __atomic_store_n(&page->stage, stage, __ATOMIC_SEQ_CST);
}

MS_LOADER_INLINE uint32_t
cancelled(struct ms_attach *page)
{
    return __atomic_load_n(&page->cancel, __ATOMIC_SEQ_CST);
}

/* The outcome is written before the stage that makes it valid. */
MS_LOADER_INLINE void
finish(struct ms_attach *page, uint32_t stage, int32_t outcome)
{
    __atomic_store_n(&page->outcome, outcome, __ATOMIC_SEQ_CST);
    set_stage(page, stage);
}

/* The program may have closed our descriptor and been given the same number for a file of its own:
 * that one is not ours to close. */
MS_LOADER_INLINE void
close_if_ours(long fd, const struct stat *made)
{
    struct stat now;
    if (syscall6(SYS_fstat, fd, (long)&now, 0, 0, 0, 0) == 0 && now.st_dev == made->st_dev &&
        now.st_ino == made->st_ino) {
        syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
    }
}

/* 1 = go, 0 = cancelled, -1 = nobody said anything in time. */
MS_LOADER_INLINE int
wait_for_go(struct ms_attach *page)
{
    volatile struct timespec step; /* volatile: an initialised one would be copied from .rodata */
    step.tv_sec = 0;
    step.tv_nsec = GO_STEP_NS;
    uint64_t steps = (uint64_t)page->go_timeout_ms * GO_STEPS_PER_MS;
    for (uint64_t i = 0; i <= steps; i++) {
        if (cancelled(page)) {
            return 0;
        }
        if (__atomic_load_n(&page->go, __ATOMIC_SEQ_CST)) {
            return 1;
        }
        syscall6(SYS_nanosleep, (long)&step, 0, 0, 0, 0, 0);
    }
    return -1;
}

/* Page tables now, on this thread, without the GIL: later each first touch would be a fault inside
 * somebody's allocation. By pieces, because the program's own mmap waits for each. A kernel before 5.14
 * says no, which costs only that. */
MS_LOADER_INLINE void
populate(long address, long bytes)
{
    for (long done = 0; done < bytes; done += POPULATE_PIECE) {
        long piece = bytes - done < POPULATE_PIECE ? bytes - done : POPULATE_PIECE;
        if (syscall6(SYS_madvise, address + done, piece, MADV_POPULATE_WRITE_ADVICE, 0, 0, 0) != 0) {
            return;
        }
    }
}

/* Makes the shared memory and waits until the outside has sized it (mapping a file that is still empty
 * is fine; touching it before `go` is not). Returns 1 to go on; else the page says why not. */
MS_LOADER static int
share(struct ms_attach *page)
{
    struct stat made;
    if (page->operation != MS_OP_ENTER || page->shared_address != 0) {
        return 1; /* LEAVE needs none; a second try goes on with what the first one made */
    }
    long fd = syscall6(SYS_memfd_create, (long)page->memfd_name, MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0, 0, 0);
    if (fd < 0 || syscall6(SYS_fstat, fd, (long)&made, 0, 0, 0, 0) != 0) {
        finish(page, MS_STAGE_FAILED, MS_FAIL_MEMFD);
        return 0;
    }
    long address =
        syscall6(SYS_mmap, 0, (long)page->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (address < 0 && address > -4096) {
        close_if_ours(fd, &made);
        finish(page, MS_STAGE_FAILED, MS_FAIL_MMAP);
        return 0;
    }
    /* A child that is forked from here on, until the shim is in, has no use for it and nobody to unmap it.
     * (It has the descriptor, until it execs: a table of our own would hide what the program may look for.) */
    syscall6(SYS_madvise, address, (long)page->shared_bytes, MADV_DONTFORK, 0, 0, 0);
    page->shared_fd = (int32_t)fd;
    page->shared_address = (uint64_t)address;
    set_stage(page, MS_STAGE_SHARED);
    int said = wait_for_go(page);
    close_if_ours(fd, &made);
    if (said == 1) {
        populate(address, (long)page->shared_bytes);
        return 1;
    }
    syscall6(SYS_munmap, address, (long)page->shared_bytes, 0, 0, 0, 0);
    page->shared_address = 0;
    if (said == 0) {
        set_stage(page, MS_STAGE_CANCELLED);
    } else {
        finish(page, MS_STAGE_FAILED, MS_FAIL_GO_TIMEOUT);
    }
    return 0;
}

MS_LOADER_INLINE void
copy_error(struct ms_attach *page)
{
    const char *text = ((char *(*)(void))page->libc.dlerror)();
    volatile char *to = page->error; /* volatile: no memcpy may come of this loop */
    for (size_t i = 0; text != 0 && i + 1 < sizeof(page->error) && text[i] != 0; i++) {
        to[i] = text[i];
    }
}

MS_LOADER_INLINE void
put_number(volatile char *to, long number)
{
    long unit = 1;
    while (number / unit >= 10) {
        unit *= 10;
    }
    for (; unit > 0; unit /= 10) {
        *to++ = (char)('0' + number / unit % 10);
    }
    *to = 0;
}

/* A write beyond the limit would not only fail: it would send SIGXFSZ, which kills. */
MS_LOADER_INLINE int
write_image(struct ms_attach *page, long fd)
{
    struct rlimit limit;
    if (syscall6(SYS_getrlimit, RLIMIT_FSIZE, (long)&limit, 0, 0, 0, 0) != 0 || limit.rlim_cur < page->image_bytes) {
        return 0;
    }
    for (uint64_t done = 0; done < page->image_bytes;) {
        long from = (long)(page->image_address + done);
        long more = syscall6(SYS_write, fd, from, (long)(page->image_bytes - done), 0, 0, 0);
        if (more <= 0) {
            return 0;
        }
        done += (uint64_t)more;
    }
    return 1;
}

/* Where the target cannot see the shim's file, it gets one of its own for as long as dlopen takes: in memory,
 * opened by its descriptor's name. The outside has made the rest of that name one which nobody else uses: the
 * C library takes a library for loaded when it knows the name. */
MS_LOADER static void *
open_image(struct ms_attach *page)
{
    struct stat made;
    void *library = 0;
    long fd = syscall6(SYS_memfd_create, (long)page->image_name, MFD_CLOEXEC, 0, 0, 0, 0);
    if (fd < 0 || syscall6(SYS_fstat, fd, (long)&made, 0, 0, 0, 0) != 0) {
        return 0;
    }
    if (write_image(page, fd)) {
        put_number(page->shim_path + page->image_digits, fd);
        library = ((void *(*)(const char *, int))page->libc.dlopen)(page->shim_path, RTLD_NOW_FLAG);
        page->library = (uint64_t)library;
        if (library == 0) {
            copy_error(page);
        }
    }
    close_if_ours(fd, &made);
    return library;
}

MS_LOADER_INLINE void *
open_library(struct ms_attach *page)
{
    int mode = page->operation == MS_OP_LEAVE ? RTLD_NOW_FLAG | RTLD_NOLOAD_FLAG : RTLD_NOW_FLAG;
    void *library = ((void *(*)(const char *, int))page->libc.dlopen)(page->shim_path, mode);
    if (library == 0) {
        copy_error(page);
    }
    return library;
}

/* Runs with the GIL held, in the main interpreter. */
MS_LOADER_INLINE int32_t
load_and_enter(struct ms_attach *page)
{
    if (page->entry_address != 0) {
        return ((entry_fn)page->entry_address)(page);
    }
    void *library = page->image_address != 0 ? open_image(page) : open_library(page);
    if (library == 0) {
        if (page->image_address != 0 && page->error[0] == 0) {
            return MS_FAIL_IMAGE;
        }
        return page->operation == MS_OP_LEAVE ? MS_ENTER_NOTHING_TO_DO : MS_FAIL_DLOPEN;
    }
    entry_fn entry = (entry_fn)((void *(*)(void *, const char *))page->libc.dlsym)(library, page->entry_name);
    if (entry == 0) {
        copy_error(page);
        return MS_FAIL_DLSYM;
    }
    return entry(page);
}

/* Up to 3.11 a pending call goes to the interpreter of whoever holds the GIL. Hooks are the whole
 * process's, but the shim reads frames of the main interpreter only: elsewhere, do nothing. */
MS_LOADER_INLINE int
in_main_interpreter(struct ms_attach *page)
{
    if (page->interpreter_current == 0 || page->interpreter_main == 0) {
        return 1;
    }
    return ((void *(*)(void))page->interpreter_current)() == ((void *(*)(void))page->interpreter_main)();
}

/* A fork between queueing and running hands the queue to the child: there the call finds a copy of the page,
 * but not the shared memory (MADV_DONTFORK), whose addresses may be the child's own by now. */
MS_LOADER_INLINE int
in_forked_child(struct ms_attach *page)
{
    if (page->process_id == (uint64_t)syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0)) {
        return 0;
    }
    return 1;
}

MS_LOADER_INLINE int
alive(struct ms_attach *page)
{
    return ((int (*)(void))page->python.Py_IsInitialized)() &&
           (page->python.is_finalizing == 0 || !((int (*)(void))page->python.is_finalizing)());
}

/* Both routes end here, with the GIL. Returns 0 always: a pending call that returned anything else
 * would raise in the program's own code. */
MS_LOADER static int
run_with_gil(void *argument)
{
    struct ms_attach *page = argument;
    if (in_forked_child(page)) {
        return 0;
    }
    set_stage(page, MS_STAGE_RUNNING);
    if (cancelled(page)) {
        set_stage(page, MS_STAGE_CANCELLED);
    } else if (!alive(page)) {
        finish(page, MS_STAGE_DONE, MS_FAIL_NOT_INITIALIZED);
    } else if (!in_main_interpreter(page)) {
        finish(page, MS_STAGE_DONE, MS_FAIL_INTERPRETER);
    } else {
        finish(page, MS_STAGE_DONE, load_and_enter(page));
    }
    return 0;
}

/* Stages only grow: the call may have run before we come to say that it is queued. */
MS_LOADER_INLINE void
say_queued(struct ms_attach *page)
{
    uint32_t seen = __atomic_load_n(&page->stage, __ATOMIC_SEQ_CST);
    while (seen < MS_STAGE_QUEUED &&
           !__atomic_compare_exchange_n(&page->stage, &seen, MS_STAGE_QUEUED, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
    }
}

/* Route K. Arrives by the `ret` of a `syscall; ret` in libc, with the page's address on the stack. */
__asm__(".pushsection memscope_loader,\"ax\",@progbits\n"
        ".globl ms_loader_clone_child\n"
        ".type ms_loader_clone_child,@function\n"
        "ms_loader_clone_child:\n"
        "    pop %rdi\n"
        "    xor %ebp, %ebp\n"
        "    cld\n"
        "    and $-16, %rsp\n"
        "    call ms_loader_bare_main\n"
        "    ud2\n"
        ".size ms_loader_clone_child, .-ms_loader_clone_child\n"
        ".popsection\n");

__attribute__((noreturn, visibility("hidden"))) void ms_loader_bare_main(struct ms_attach *page);

MS_LOADER void
ms_loader_bare_main(struct ms_attach *page)
{
    page->process_id = (uint64_t)syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0);
    set_stage(page, MS_STAGE_STARTED);
    if (share(page)) {
        if (((add_pending_fn)page->python.Py_AddPendingCall)(run_with_gil, page) == 0) {
            say_queued(page);
        } else {
            finish(page, MS_STAGE_FAILED, MS_FAIL_QUEUE_FULL);
        }
    }
    for (;;) {
        syscall6(SYS_exit, 0, 0, 0, 0, 0, 0); /* this thread only; the kernel clears helper_tid */
    }
}

/* Route P, the thread that was sent to pthread_create: arrives by its `ret`, with the page in %rbx, which a
 * function must keep, and the result in %eax. Says so and waits for the tracer to put it back; if nobody
 * does, the signal frame above takes it home. select, because a call that the kernel goes on with by
 * restart_syscall would overwrite what it keeps of the program's own interrupted call. */
__asm__(".pushsection memscope_loader,\"ax\",@progbits\n"
        ".globl ms_loader_park\n"
        ".type ms_loader_park,@function\n"
        "ms_loader_park:\n"
        "    mov %eax, 100(%rbx)\n" /* park_result */
        "    movl $1, 96(%rbx)\n"   /* parked; stores stay in order */
        "    movq $20000, -8(%rsp)\n" /* struct timeval: 20 ms */
        "    movq $0, -16(%rsp)\n"
        "    xor %edi, %edi\n"
        "    xor %esi, %esi\n"
        "    xor %edx, %edx\n"
        "    xor %r10d, %r10d\n"
        "    lea -16(%rsp), %r8\n"
        "    mov $23, %eax\n" /* select */
        "    syscall\n"
        "    mov $15, %eax\n" /* rt_sigreturn */
        "    syscall\n"
        "    ud2\n"
        ".size ms_loader_park, .-ms_loader_park\n"
        ".popsection\n");

/* Route P. Born with the program's signals blocked (inherited from the stopped thread), so no handler of the
 * program's ever runs here. helper_tid is not cleared: this code must stay mapped until the thread is
 * gone, which only the outside can see. */
MS_LOADER_ENTRY void *
ms_loader_pthread_main(void *argument)
{
    struct ms_attach *page = argument;
    page->helper_tid = (uint32_t)syscall6(SYS_gettid, 0, 0, 0, 0, 0, 0);
    page->process_id = (uint64_t)syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0);
    ((int (*)(uint64_t))page->libc.pthread_detach)(((uint64_t(*)(void))page->libc.pthread_self)());
    set_stage(page, MS_STAGE_STARTED);
    if (!share(page)) {
        return 0;
    }
    if (!alive(page)) {
        finish(page, MS_STAGE_FAILED, MS_FAIL_NOT_INITIALIZED);
        return 0;
    }
    set_stage(page, MS_STAGE_QUEUED);
    int state = ((int (*)(void))page->python.PyGILState_Ensure)();
    run_with_gil(page);
    ((void (*)(int))page->python.PyGILState_Release)(state);
    return 0;
}
