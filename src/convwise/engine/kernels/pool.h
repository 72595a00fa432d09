/* What C beside the kernels takes for granted: loops that the pool's threads share, and functions for several instruction sets. */

#ifndef CONVWISE_POOL_H
#define CONVWISE_POOL_H

#include <stdint.h>

typedef int (*task_t)(void *context, int index, uint8_t *closure);
int halide_do_par_for(void *context, task_t task, int min, int size, uint8_t *closure);
int convwise_allowed(void);
void convwise_allow(int threads);

/* One function, compiled for several instruction sets, the best one picked when the library is loaded. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define CLONED __attribute__((target_clones("avx512f", "arch=haswell", "default")))
#else
#define CLONED
#endif
#define INSIDE static inline __attribute__((always_inline))

#endif
