/* The threads behind the kernels' parallel loops, in the place of those of Halide's runtime.
 *
 * A layer of a network takes some hundred microseconds and waking a thread takes tens of them, so a thread that has nothing
 * to do looks for work a while before it sleeps. How many threads a loop may use is told by the thread that calls, so calls
 * of several threads at once, each with a number of its own, share one pool.
 */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "memory.h"
#include "pool.h"

#define MOST_THREADS 1024
#define SPIN_NANOSECONDS 200000 /* how long an idle thread looks for work: a few layers' time, and nothing a user would notice */
#define GREEDY_NANOSECONDS 20000 /* how long of these it does not offer its processor to others */
#define PAUSES 16 /* between two looks at the clock */

/* A parallel loop. It lives on the stack of the thread that called it, which waits until `helpers` is 0. */
struct loop {
    task_t task;
    void *context;
    uint8_t *closure;
    atomic_long next;
    long end;
    int places; /* threads that may still join; under `lock` */
    atomic_int helpers;
    atomic_int failure;
    struct loop *below;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t posted_or_stopped = PTHREAD_COND_INITIALIZER, left = PTHREAD_COND_INITIALIZER;
static struct loop *loops; /* under `lock`, the newest first */
static pthread_t workers[MOST_THREADS];
static int started, asleep; /* under `lock` */
static bool stopped; /* under `lock` */
static atomic_uint posted; /* changes with every loop, so that idle threads need no lock to look for one */
static atomic_int owners_asleep;
static _Thread_local int allowed = 1; /* threads that the loops of this thread may take */
static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER; /* calls come in through it; a fork keeps it shut */
static atomic_int inside; /* calls of kernels */

static void pause_processor(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Between two looks of a spinning thread; false when it has looked long enough. */
static bool goes_on(int64_t since) {
    for (int count = 0; count < PAUSES; count++) pause_processor();
    int64_t passed = now() - since;
    if (passed > GREEDY_NANOSECONDS) sched_yield();
    return passed < SPIN_NANOSECONDS;
}

struct turn {
    struct loop *loop;
    int index;
};

static int run_task(void *given) {
    const struct turn *turn = given;
    return turn->loop->task(turn->loop->context, turn->index, turn->loop->closure);
}

static void take_tasks(struct loop *loop) {
    long index;
    while ((index = atomic_fetch_add(&loop->next, 1)) < loop->end) {
        struct turn turn = {loop, (int)index};
        int code = convwise_guarded(run_task, &turn);
        if (code) {
            atomic_store(&loop->failure, code);
            atomic_store(&loop->next, loop->end);
        }
    }
}

static struct loop *join_loop(void) {
    for (struct loop *loop = loops; loop; loop = loop->below) {
        if (loop->places > 0 && atomic_load(&loop->next) < loop->end) {
            loop->places--;
            atomic_fetch_add(&loop->helpers, 1);
            return loop;
        }
    }
    return 0;
}

static void leave_loop(struct loop *loop) {
    atomic_fetch_sub(&loop->helpers, 1); /* from here on the loop may be gone */
    if (atomic_load(&owners_asleep)) {
        pthread_mutex_lock(&lock);
        pthread_cond_broadcast(&left);
        pthread_mutex_unlock(&lock);
    }
}

static void wait_for_loop(unsigned seen) {
    for (int64_t since = now(); goes_on(since);)
        if (atomic_load(&posted) != seen) return;
    pthread_mutex_lock(&lock);
    asleep++;
    while (atomic_load(&posted) == seen && !stopped) pthread_cond_wait(&posted_or_stopped, &lock);
    asleep--;
    pthread_mutex_unlock(&lock);
}

static void *work(void *nothing) {
    for (;;) {
        unsigned seen = atomic_load(&posted);
        pthread_mutex_lock(&lock);
        struct loop *loop = join_loop();
        bool ends = stopped;
        pthread_mutex_unlock(&lock);
        if (loop) {
            take_tasks(loop);
            leave_loop(loop);
        } else if (ends) {
            return nothing;
        } else {
            wait_for_loop(seen);
        }
    }
}

/* Under `lock`. Signals are the calling program's: its own threads take them. */
static void start_workers(int count) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started < count && !pthread_create(&workers[started], 0, work, 0)) started++;
    pthread_sigmask(SIG_SETMASK, &before, 0);
}

static void wait_for_helpers(struct loop *loop) {
    for (int64_t since = now(); atomic_load(&loop->helpers);)
        if (!goes_on(since)) break;
    if (!atomic_load(&loop->helpers)) return;
    pthread_mutex_lock(&lock);
    atomic_fetch_add(&owners_asleep, 1);
    while (atomic_load(&loop->helpers)) pthread_cond_wait(&left, &lock);
    atomic_fetch_sub(&owners_asleep, 1);
    pthread_mutex_unlock(&lock);
}

/* Halide's programs do not look at what a loop returns. */
static int told(int failure) {
    if (failure == OUT_OF_MEMORY) convwise_give_up();
    return failure;
}

/* What Halide's programs call for a parallel loop; takes the place of the runtime's weak one. */
int halide_do_par_for(void *context, task_t task, int min, int size, uint8_t *closure) {
    struct loop loop = {.task = task, .context = context, .closure = closure, .next = min, .end = (long)min + size};
    if (size < 2 || allowed < 2) {
        take_tasks(&loop);
        return told(loop.failure);
    }
    loop.places = (allowed < size ? allowed : size) - 1;
    pthread_mutex_lock(&lock);
    if (started < loop.places) start_workers(loop.places);
    loop.below = loops;
    loops = &loop;
    atomic_fetch_add(&posted, 1);
    for (int count = asleep < loop.places ? asleep : loop.places; count > 0; count--) pthread_cond_signal(&posted_or_stopped);
    pthread_mutex_unlock(&lock);

    take_tasks(&loop);
    pthread_mutex_lock(&lock);
    struct loop **place = &loops;
    while (*place != &loop) place = &(*place)->below;
    *place = loop.below;
    pthread_mutex_unlock(&lock);
    wait_for_helpers(&loop);
    return told(loop.failure);
}

/* How many threads a loop of the calling one may take. */
int convwise_allowed(void) { return allowed; }

void convwise_allow(int threads) { allowed = threads; }

/* End all threads; the next loop starts them anew. No loop may run. */
static void stop_workers(void) {
    pthread_mutex_lock(&lock);
    stopped = true;
    pthread_cond_broadcast(&posted_or_stopped);
    pthread_mutex_unlock(&lock);
    for (int index = 0; index < started; index++) pthread_join(workers[index], 0);
    started = 0;
    stopped = false;
}

static void nap(void) {
    struct timespec some = {.tv_nsec = 500000};
    nanosleep(&some, 0);
}

struct call {
    int (*kernel)(void **);
    void **arguments;
};

static int run_kernel(void *given) {
    const struct call *call = given;
    return call->kernel(call->arguments);
}

/* Call a kernel whose loops may take so many threads, the calling one among them. Waits while a fork is under way. */
int convwise_run(int (*kernel)(void **), void **arguments, int threads) {
    pthread_mutex_lock(&door);
    atomic_fetch_add(&inside, 1);
    pthread_mutex_unlock(&door);
    allowed = threads < MOST_THREADS ? threads : MOST_THREADS;
    struct call call = {kernel, arguments};
    int code = convwise_guarded(run_kernel, &call);
    allowed = 1;
    atomic_fetch_sub(&inside, 1);
    return code;
}

/* Until `after_fork` no kernel runs and no thread of the pool lives: in a child they would be missing, and their locks taken for
 * ever.
 */
static void before_fork(void) {
    pthread_mutex_lock(&door);
    while (atomic_load(&inside)) nap();
    stop_workers();
}

/* In the parent and in the child. */
static void after_fork(void) {
    pthread_mutex_unlock(&door);
}

/* Of C, not of Python: a library that is called may fork, too. */
__attribute__((constructor)) static void mind_forks(void) {
    pthread_atfork(before_fork, after_fork, after_fork);
}
