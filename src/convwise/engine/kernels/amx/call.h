/* What the sources of this folder share: a call, its tasks, and the numbers of tile registers. */

#ifndef CONVWISE_AMX_CALL_H
#define CONVWISE_AMX_CALL_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define OUT_OF_MEMORY (-11) /* halide_error_code_out_of_memory */
#define PARTS 3
#define DEEP 32 /* numbers of a row of a tile register that are multiplied */
#define SIDE 16 /* rows of a tile register, and sums in one */
#define BLOCK (2 * SIDE) /* output channels */
#define TILE (SIDE * SIDE)
#define STEP (PARTS * 2 * 2 * TILE) /* parts of the weights of a block for DEEP inputs */

/* halide_dimension_t and halide_buffer_t of HalideRuntime.h */
struct dim {
    int32_t min, extent, stride;
    uint32_t flags;
};
struct buffer {
    uint64_t device;
    const void *device_interface;
    void *host;
    uint64_t flags;
    uint8_t code, bits;
    uint16_t lanes;
    int32_t dimensions;
    struct dim *dim;
    void *padding;
};
_Static_assert(sizeof(struct buffer) == 56 && offsetof(struct buffer, dim) == 40, "as HalideRuntime.h has it");

typedef int (*task_t)(void *context, int index, uint8_t *closure);
int halide_do_par_for(void *context, task_t task, int min, int size, uint8_t *closure);
void *halide_malloc(void *context, size_t size);
void halide_free(void *context, void *block);

typedef uint16_t part_t;

/* The arguments of a call, in the order that all programs share. ROWS to BLOCKS are those of a task, SPANNED the rows of the input that
 * it reads, PITCH the cells of a row of its parts, CELL the numbers from one cell to the next; where JOINED, the taps of a row of
 * the window are one run of numbers; where FLAT, tiles go on from one row of outputs to the next.
 */
enum argument {
    INP, WEIGHTS, BIAS, RESIDUAL, PAD_X, PAD_Y, STRIDE_X, STRIDE_Y, DILATION_X, DILATION_Y, ACT, LOW, HIGH, HAS_RESIDUAL,
    ROWS, COLUMNS, BLOCKS, SPANNED, PITCH, CELL, KERNEL_X, KERNEL_Y, JOINED, FLAT, OUT
};
enum activation { CLAMP, SILU, HARD_SWISH };
enum axis { C, X, Y, N };

struct call {
    void **given;
    const float *in;
    float *out;
    const float *residual; /* NULL: none */
    const part_t *weights;
    const struct dim *from, *to;
    int pad[3], stride[3], dilation[3], kernel[3]; /* of X and Y */
    int rows, columns, blocks; /* of a task */
    int across, down, groups; /* tasks */
    int pitch, cell, slots; /* slots: rows of a plane of parts, of which there are as many as the stride over rows */
    int steps;
    int64_t plane; /* from one part of a number to the next */
    int32_t *offsets; /* of each step: from the cell of an output's first tap to the numbers that are multiplied */
    enum activation act;
    float low, high;
};

/* A task: where its outputs begin, how many there are, and its parts. */
struct place {
    int n, y, x, rows, columns, first, last;
    part_t *parts;
};

/* Where a tile of outputs begins in its task, and from which column on they are outputs of the next row. */
struct tile {
    int y, x, turn;
};

static inline const struct buffer *array_of(void **given, enum argument which) { return given[which]; }
static inline int number(void **given, enum argument which) { return *(const int32_t *)given[which]; }
static inline int parts_of(int length, int size) { return (length + size - 1) / size; }
static inline int least(int a, int b) { return a < b ? a : b; }

static inline int64_t row_of_parts(const struct call *call, int row) {
    int64_t slot = (int64_t)(row % call->stride[Y]) * call->slots + row / call->stride[Y];
    return slot * call->pitch * call->cell;
}

static inline __mmask16 lanes_of(int count) { return count >= SIDE ? 0xffff : count > 0 ? (__mmask16)((1u << count) - 1) : 0; }

/* 16 x 16 numbers, rows for columns. */
static inline void turn(__m512 rows[SIDE]) {
    __m512 pairs[SIDE], fours[SIDE];
    for (int i = 0; i < SIDE; i += 2) {
        pairs[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < SIDE; i += 4)
        for (int half = 0; half < 2; half++) {
            __m512d a = _mm512_castps_pd(pairs[i + half]), b = _mm512_castps_pd(pairs[i + half + 2]);
            fours[i + 2 * half] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            fours[i + 2 * half + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    for (int i = 0; i < 4; i++) {
        __m512 a = _mm512_shuffle_f32x4(fours[i], fours[i + 4], 0x88), b = _mm512_shuffle_f32x4(fours[i + 8], fours[i + 12], 0x88);
        __m512 c = _mm512_shuffle_f32x4(fours[i], fours[i + 4], 0xdd), d = _mm512_shuffle_f32x4(fours[i + 8], fours[i + 12], 0xdd);
        rows[i] = _mm512_shuffle_f32x4(a, b, 0x88);
        rows[i + 8] = _mm512_shuffle_f32x4(a, b, 0xdd);
        rows[i + 4] = _mm512_shuffle_f32x4(c, d, 0x88);
        rows[i + 12] = _mm512_shuffle_f32x4(c, d, 0xdd);
    }
}

/* split.c: all that the windows of a task read, as parts; whether all of it is finite. */
bool split_input(const struct call *call, const struct place *at);

/* outputs.c: sums with their bias, residual and activation into the output. `put_tile`: those of a tile, (half of the block, output,
 * channel), for the block from channel `k` on.
 */
void put(const struct call *call, int64_t place, __mmask16 kept, __m512 value);
void put_tile(const struct call *call, const struct place *at, struct tile tile, int k, float sums[2][TILE]);

/* repair.c: the outputs of a task whose windows read what is not finite, added up plainly. */
void repair(const struct call *call, const struct place *at);

#endif
