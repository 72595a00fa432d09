/* Memory of the kernels, in the place of Halide's own functions: where there is none left, a call ends with a number that says so.
 *
 * Halide's programs do not look at what they are given. So the function that was running is left at once, whatever it had
 * taken is given back, and its caller is told. A function that is left so may hold nothing else than memory: no lock, and no
 * loop that other threads have joined.
 */

#include "memory.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#define ALIGNED 128 /* as Halide's programs take it to be */

struct guard;

/* Before each piece of memory. */
struct block {
    struct block *before, *after;
    struct guard *guard; /* NULL: taken outside of all */
    void *whole;
};

struct guard {
    jmp_buf place;
    struct guard *outer;
    struct block *blocks; /* what was taken and not given back, the last first */
};

static _Thread_local struct guard *current;

void convwise_give_up(void) {
    if (current) _longjmp(current->place, 1);
}

void *halide_malloc(void *context, size_t size) {
    (void)context;
    void *whole = size > SIZE_MAX / 2 ? 0 : malloc(size + ALIGNED + sizeof(struct block));
    if (!whole) {
        convwise_give_up();
        return 0;
    }
    uintptr_t place = ((uintptr_t)whole + sizeof(struct block) + ALIGNED - 1) / ALIGNED * ALIGNED;
    struct block *block = (struct block *)place - 1;
    *block = (struct block){.guard = current, .whole = whole};
    if (current) {
        block->after = current->blocks;
        if (block->after) block->after->before = block;
        current->blocks = block;
    }
    return (void *)place;
}

void halide_free(void *context, void *place) {
    (void)context;
    if (!place) return;
    struct block *block = (struct block *)place - 1;
    if (block->before)
        block->before->after = block->after;
    else if (block->guard)
        block->guard->blocks = block->after;
    if (block->after) block->after->before = block->before;
    free(block->whole);
}

static void give_back_all(void) {
    while (current->blocks) halide_free(0, current->blocks + 1);
}

int convwise_guarded(int (*function)(void *), void *given) {
    struct guard here = {.outer = current};
    int code = OUT_OF_MEMORY;
    current = &here;
    if (_setjmp(here.place))
        give_back_all();
    else
        code = function(given);
    current = current->outer;
    return code;
}
