/* Preloaded before the C library's malloc: how many bytes were taken at once between `counting_start` and `counting_peak`, and how many
 * of them were not given back. Meanwhile a malloc of so many bytes as `counting_refuse` says, or of more, finds none.
 */

#include <limits.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>

void *__libc_malloc(size_t size);
void __libc_free(void *block);

static atomic_long now, most;
static atomic_int counts;
static atomic_long refused = LONG_MAX;

static void add(long bytes) {
    long total = atomic_fetch_add(&now, bytes) + bytes, before = atomic_load(&most);
    while (total > before && !atomic_compare_exchange_weak(&most, &before, total)) continue;
}

void *malloc(size_t size) {
    if (atomic_load(&counts) && size >= (size_t)atomic_load(&refused)) return 0;
    void *block = __libc_malloc(size);
    if (block && atomic_load(&counts)) add((long)malloc_usable_size(block));
    return block;
}

void free(void *block) {
    if (block && atomic_load(&counts)) add(-(long)malloc_usable_size(block));
    __libc_free(block);
}

void counting_start(void) {
    atomic_store(&now, 0);
    atomic_store(&most, 0);
    atomic_store(&counts, 1);
}

long counting_peak(void) {
    atomic_store(&counts, 0);
    return atomic_load(&most);
}

long counting_left(void) { return atomic_load(&now); }

void counting_refuse(long size) { atomic_store(&refused, size); }
