/* Memory that begins as denormal numbers, and whether any was computed with. To be loaded before the C library. */

#include <stdlib.h>
#include <stdint.h>
#include <xmmintrin.h>

#define LEAST 256
#define DENORMAL 0x00012345u
#define ALL_FLAGS 0x3f
#define DENORMAL_OPERAND 0x02

void *__libc_malloc(size_t size);

static volatile int filling;

void *malloc(size_t size) {
    uint32_t *place = __libc_malloc(size);
    if (filling && place && size >= LEAST)
        for (size_t number = 0; number < size / sizeof *place; number++) place[number] = DENORMAL;
    return place;
}

__attribute__((noinline)) static void fill_stack(void) {
    volatile uint32_t numbers[300000];
    for (int number = 0; number < 300000; number++) numbers[number] = DENORMAL;
}

void garbage_start(void) {
    filling = 1;
    fill_stack();
    _mm_setcsr(_mm_getcsr() & ~ALL_FLAGS);
}

int garbage_met(void) {
    int met = (_mm_getcsr() & DENORMAL_OPERAND) != 0;
    filling = 0;
    return met;
}
