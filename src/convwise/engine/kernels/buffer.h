/* Arrays as Halide's programs see them. */

#ifndef CONVWISE_BUFFER_H
#define CONVWISE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* halide_dimension_t and halide_buffer_t of HalideRuntime.h */
struct dim {
    int32_t min, extent, stride;
    uint32_t flags;
};
struct buffer {
    uint64_t device;
    const void *device_interface;
    float *host;
    uint64_t flags;
    uint8_t code, bits;
    uint16_t lanes;
    int32_t dimensions;
    struct dim *dim;
    void *padding;
};
_Static_assert(sizeof(struct buffer) == 56 && offsetof(struct buffer, dim) == 40, "as HalideRuntime.h has it");

#endif
