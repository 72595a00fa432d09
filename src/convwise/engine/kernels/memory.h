/* Memory of the kernels. */

#ifndef CONVWISE_MEMORY_H
#define CONVWISE_MEMORY_H

#include <stddef.h>

#define OUT_OF_MEMORY (-11) /* halide_error_code_out_of_memory */

/* What Halide's programs call; aligned for every vector. Inside a guarded function `halide_malloc` does not return where there is none. */
void *halide_malloc(void *context, size_t size);
void halide_free(void *context, void *place);

/* Leaves the guarded function in which it is called; returns where there is none. */
void convwise_give_up(void);

/* What the function returns; or OUT_OF_MEMORY, where it asked for more than there was, or gave up. */
int convwise_guarded(int (*function)(void *), void *given);

#endif
