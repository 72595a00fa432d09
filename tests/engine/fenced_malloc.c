/* Preloaded before the C library's malloc: what the kernel library takes for itself lies before a forbidden page, and beside
 * it lie numbers that must still be there when it is given back.
 */

#define _GNU_SOURCE
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

/* As kernels/memory.c has them: what it keeps before each piece, and where a piece may begin. */
#define HEADER 32
#define ALIGNED 128
#define PAGE 4096
#define ARENA ((size_t)1 << 38)
#define UNTOUCHED 0x7fc0beefu /* a NaN */

void *__libc_malloc(size_t size);
void __libc_free(void *block);

struct kept { /* at the begin of the pages of a piece */
    size_t pages;
    uint32_t *piece, *end;
};

static uintptr_t first, last;
static char *arena;
static atomic_size_t used;
static atomic_int pieces, wrong;

void fenced_callers(uintptr_t from, uintptr_t to) {
    arena = mmap(0, ARENA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena == MAP_FAILED) abort();
    first = from;
    last = to;
}

int fenced_pieces(void) { return pieces; }

int fenced_wrong(void) { return wrong; }

static size_t up(size_t size, size_t to) { return (size + to - 1) / to * to; }

void *malloc(size_t size) {
    uintptr_t caller = (uintptr_t)__builtin_return_address(0);
    if (caller < first || caller >= last || size < HEADER + ALIGNED) return __libc_malloc(size);
    size_t wanted = size - HEADER - ALIGNED, pages = PAGE + up(wanted + ALIGNED + HEADER, PAGE);
    size_t at = atomic_fetch_add(&used, pages + PAGE);
    if (at + pages + PAGE > ARENA || mprotect(arena + at, pages, PROT_READ | PROT_WRITE)) abort();
    char *end = arena + at + pages, *piece = end - up(wanted, ALIGNED);
    for (uint32_t *place = (uint32_t *)(arena + at + PAGE); (char *)place < end; place++) *place = UNTOUCHED;
    *(struct kept *)(arena + at) = (struct kept){pages, (uint32_t *)piece, (uint32_t *)(piece + up(wanted, sizeof(uint32_t)))};
    atomic_fetch_add(&pieces, 1);
    return piece - HEADER;
}

void free(void *block) {
    if (!arena || (char *)block < arena || (char *)block >= arena + ARENA) {
        __libc_free(block);
        return;
    }
    /* The piece begins in the second of its pages, or behind it. */
    char *begin = (char *)((uintptr_t)block / PAGE * PAGE);
    while (((struct kept *)begin)->piece != (uint32_t *)((char *)block + HEADER)) begin -= PAGE;
    struct kept *kept = (struct kept *)begin;
    for (uint32_t *place = kept->end; (char *)place < begin + kept->pages; place++)
        if (*place != UNTOUCHED) atomic_fetch_add(&wrong, 1);
    for (uint32_t *place = (uint32_t *)(begin + PAGE); place < (uint32_t *)block; place++)
        if (*place != UNTOUCHED) atomic_fetch_add(&wrong, 1);
    size_t pages = kept->pages;
    madvise(begin, pages, MADV_DONTNEED);
    mprotect(begin, pages, PROT_NONE);
}
