/* Runs many parallel loops from several threads at once and counts how often each index ran; exit code 0 where all is right. */

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.c"
#include "threads.c"

#define CALLERS 6
#define LOOPS 400
#define LONGEST 37

static atomic_int wrong, crowd, most, forkers;

struct seen {
    int count[LONGEST];
    int nested[LONGEST];
    int first;
    int failing;
};

static int inner(void *context, int index, uint8_t *closure) {
    (void)context;
    ((int *)closure)[index]++;
    return 0;
}

static int outer(void *context, int index, uint8_t *closure) {
    struct seen *seen = (struct seen *)closure;
    (void)context;
    int place = index - seen->first, some[3] = {0, 0, 0};
    seen->count[place]++;
    if (index % 5 == 0) {
        halide_do_par_for(0, inner, 0, 3, (uint8_t *)some);
        seen->nested[place] = some[0] + some[1] + some[2];
    }
    if (index % 11 == 0) usleep(50); /* uneven tasks, so that the owner waits for helpers and helpers for work */
    return place == seen->failing ? 77 : 0;
}

struct ask {
    task_t task;
    int first, size;
    void *closure;
};

/* What a compiled kernel is to the pool: a function of an array of addresses that runs a loop. */
static int kernel(void **arguments) {
    struct ask *ask = arguments[0];
    return halide_do_par_for(0, ask->task, ask->first, ask->size, ask->closure);
}

static void *call(void *number) {
    unsigned state = (unsigned)(uintptr_t)number * 2654435761u + 1;
    for (int loop = 0; loop < LOOPS || atomic_load(&forkers); loop++) {
        state = state * 1664525u + 1013904223u;
        int size = (int)(state >> 8) % LONGEST, first = (int)(state >> 16) % 1000 - 500;
        struct seen seen = {.first = first, .failing = state % 7 ? -1 : size / 2};
        struct ask ask = {outer, first, size, &seen};
        int code = convwise_run(kernel, (void *[]){&ask}, 1 + (int)(state >> 24) % 5);
        int fails = seen.failing >= 0 && seen.failing < size;
        if (code != (fails ? 77 : 0)) atomic_fetch_add(&wrong, 1);
        for (int index = 0; index < LONGEST; index++) {
            int once = index < size;
            if (fails ? seen.count[index] > once : seen.count[index] != once) atomic_fetch_add(&wrong, 1);
            if (seen.nested[index] != (seen.count[index] && (index + first) % 5 == 0 ? 3 : 0)) atomic_fetch_add(&wrong, 1);
        }
        if (loop % 100 == 50) usleep(1000); /* long enough for idle threads to fall asleep */
    }
    return 0;
}

static int crowded(void *context, int index, uint8_t *closure) {
    (void)context, (void)index, (void)closure;
    int beside = atomic_fetch_add(&crowd, 1) + 1, before = atomic_load(&most);
    while (beside > before && !atomic_compare_exchange_weak(&most, &before, beside)) {}
    usleep(1000);
    atomic_fetch_sub(&crowd, 1);
    return 0;
}

/* Of many threads in the pool a loop takes no more than it is allowed, and as many as it is. */
static void check_allowed(int count) {
    atomic_store(&most, 0);
    struct ask ask = {crowded, 0, 200, 0};
    /* A machine that is busy with other things may be slow to begin a thread. */
    for (int loop = 0; loop < 100 && atomic_load(&most) < count; loop++) convwise_run(kernel, (void *[]){&ask}, count);
    if (atomic_load(&most) != count) {
        fprintf(stderr, "%d threads at once where %d are allowed\n", atomic_load(&most), count);
        atomic_fetch_add(&wrong, 1);
    }
}

/* A task takes some memory, has some in a loop of its own, and gives none of it back where it is asked to take too much. */
static int hungry(void *context, int index, uint8_t *closure) {
    (void)context;
    struct seen *seen = (struct seen *)closure;
    char *taken[3];
    for (int i = 0; i < 3; i++) {
        taken[i] = halide_malloc(0, 1 + 1000 * (size_t)i);
        if ((uintptr_t)taken[i] % ALIGNED) atomic_fetch_add(&wrong, 1);
        memset(taken[i], index, 1 + 1000 * (size_t)i);
    }
    if (index == seen->failing) {
        halide_malloc(0, SIZE_MAX / 4);
        atomic_fetch_add(&wrong, 1); /* nobody comes here */
    }
    if (index < 30 && index % 3 == 0) {
        struct seen own = {.failing = index == seen->first ? 33 : -1};
        if (halide_do_par_for(0, hungry, 30, 6, (uint8_t *)&own)) atomic_fetch_add(&wrong, 1);
        if (own.failing > 0) atomic_fetch_add(&wrong, 1); /* this task is over too */
    }
    const int order[] = {1, 0, 2}; /* neither the first that was taken first nor the last */
    for (int i = 0; i < 3; i++) halide_free(0, taken[order[i]]);
    seen->count[index]++;
    return 0;
}

/* Memory runs out in a task of many, in a loop inside a task, and in a kernel outside its loops; the leaks are the sanitizer's to find. */
static int starving(void **arguments) {
    (void)arguments;
    halide_free(0, halide_malloc(0, 10));
    halide_malloc(0, 100);
    halide_malloc(0, SIZE_MAX);
    return 0;
}

static void check_memory(int threads) {
    if (halide_malloc(0, SIZE_MAX)) atomic_fetch_add(&wrong, 1); /* outside of all guards it tells as malloc does */
    halide_free(0, halide_malloc(0, 100));
    halide_free(0, 0);
    for (int turn = 0; turn < 200; turn++) {
        struct seen seen = {.failing = turn % 2 ? 20 + turn % 10 : -1, .first = turn % 3 ? -1 : 3};
        struct ask ask = {hungry, 0, 30, &seen};
        int code = convwise_run(kernel, (void *[]){&ask}, threads);
        bool fails = seen.failing >= 0 || seen.first >= 0;
        if (code != (fails ? OUT_OF_MEMORY : 0)) atomic_fetch_add(&wrong, 1);
        for (int index = 0; index < 30 && !fails; index++)
            if (seen.count[index] != 1) atomic_fetch_add(&wrong, 1);
        if (seen.failing >= 0 && seen.count[seen.failing]) atomic_fetch_add(&wrong, 1);
        if (convwise_run(starving, 0, threads) != OUT_OF_MEMORY) atomic_fetch_add(&wrong, 1);
    }
}

/* Forks while others call; the child runs a loop of its own. */
static void *fork_and_run(void *nothing) {
    for (int turn = 0; turn < 20; turn++) {
        pid_t child = fork();
        if (!child) {
            bool alone = !atomic_load(&inside); /* nobody was in a kernel, whose locks he would have held for ever */
            struct seen seen = {.failing = -1};
            struct ask ask = {outer, 0, LONGEST, &seen};
            int code = convwise_run(kernel, (void *[]){&ask}, 3) | !alone;
            for (int index = 0; index < LONGEST; index++) code |= seen.count[index] != 1;
            int before = atomic_load(&wrong);
            check_allowed(3); /* the child has threads of its own */
            code |= atomic_load(&wrong) != before;
            alarm(20); /* threads that cannot be stopped end the child with a signal, which the parent counts */
            before_fork();
            _exit(code);
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (status) atomic_fetch_add(&wrong, 1);
        usleep(300);
    }
    atomic_fetch_sub(&forkers, 1);
    return nothing;
}

int main(int count, char **words) {
    (void)words;
    if (count > 1) { /* with any argument: calls beside forks, without the sanitizers, which do not follow a fork */
        pthread_t callers[CALLERS + 2];
        atomic_store(&forkers, 2);
        for (uintptr_t index = 0; index < CALLERS; index++) pthread_create(&callers[index], 0, call, (void *)index);
        for (int index = CALLERS; index < CALLERS + 2; index++) pthread_create(&callers[index], 0, fork_and_run, 0);
        for (int index = 0; index < CALLERS + 2; index++) pthread_join(callers[index], 0);
    }
    for (int round = 0; round < 3; round++) {
        pthread_t callers[CALLERS];
        for (uintptr_t index = 0; index < CALLERS; index++) pthread_create(&callers[index], 0, call, (void *)(index + 10 * round));
        for (int index = 0; index < CALLERS; index++) pthread_join(callers[index], 0);
        check_allowed(4);
        check_allowed(2);
        check_allowed(1);
        check_memory(1);
        check_memory(3);
        before_fork(); /* ends the threads; the next round starts them anew */
        after_fork();
    }
    if (wrong) fprintf(stderr, "%d differences\n", atomic_load(&wrong));
    return wrong != 0;
}
