/* Convolution by the tile registers of x86 processors (AMX), which multiply numbers of 8 bits of precision (bfloat16) and add up in
 * float32.
 *
 * A float32 number is the sum of three such, exactly: its first 8 bits, the next and the last ones. Of the nine products of two
 * numbers' parts six are added up; the other three are below the rounding of the sum. The small ones come first, so that each sum
 * is rounded as often on its full size as there are pairs of products of first parts.
 *
 * A task is a rectangle of one image's outputs and some blocks of output channels. The input that its windows read is split into three
 * planes of parts, channels innermost, with its padding; rows that windows step over lie in planes of their own, so that the
 * cells that neighbouring outputs read for a tap lie evenly apart and a tile register takes 16 of them where they are.
 */

#include <sys/syscall.h>
#include <unistd.h>

#include "call.h"

#define REQUEST_PERMISSION 0x1023 /* ARCH_REQ_XCOMP_PERM of asm/prctl.h */
#define TILE_DATA 18 /* XFEATURE_XTILEDATA */

static struct call call_of(void **given) {
    const struct buffer *in = array_of(given, INP), *out = array_of(given, OUT);
    struct call call = {.given = given, .in = in->host, .out = out->host, .from = in->dim, .to = out->dim};
    call.weights = array_of(given, WEIGHTS)->host;
    call.steps = array_of(given, WEIGHTS)->dim[4].extent;
    call.residual = number(given, HAS_RESIDUAL) ? array_of(given, RESIDUAL)->host : 0;
    for (int axis = X; axis <= Y; axis++) {
        call.pad[axis] = number(given, PAD_X + axis - X);
        call.stride[axis] = number(given, STRIDE_X + axis - X);
        call.dilation[axis] = number(given, DILATION_X + axis - X);
        call.kernel[axis] = number(given, KERNEL_X + axis - X);
    }
    call.rows = number(given, ROWS);
    call.columns = number(given, COLUMNS);
    call.blocks = number(given, BLOCKS);
    call.across = parts_of(call.to[X].extent, call.columns);
    call.down = parts_of(call.to[Y].extent, call.rows);
    call.groups = parts_of(parts_of(call.to[C].extent, BLOCK), call.blocks);
    call.pitch = number(given, PITCH);
    call.cell = number(given, CELL);
    call.slots = parts_of(number(given, SPANNED), call.stride[Y]);
    /* Behind the last row: what its windows read of the next row's padding, and what tiles read for outputs that there are not. */
    int64_t behind = (int64_t)call.cell * (call.pitch + SIDE * call.stride[X]) + 2 * DEEP;
    call.plane = ((int64_t)call.slots * call.stride[Y] * call.pitch * call.cell + behind + DEEP - 1) / DEEP * DEEP;
    call.act = number(given, ACT);
    call.low = *(const float *)given[LOW];
    call.high = *(const float *)given[HIGH];
    return call;
}

/* The steps of a window in the order of the weights; NULL where there is no memory. */
static int32_t *make_offsets(const struct call *call) {
    bool joined = number(call->given, JOINED);
    int taps = joined ? 1 : call->kernel[X], run = joined ? call->kernel[X] * call->from[C].extent : call->from[C].extent;
    int32_t *offsets = halide_malloc(0, (size_t)call->steps * sizeof(int32_t)), *next = offsets;
    for (int y = 0; offsets && y < call->kernel[Y]; y++)
        for (int x = 0; x < taps; x++)
            for (int from = 0; from < run; from += DEEP)
                *next++ = (int32_t)(row_of_parts(call, y * call->dilation[Y]) + x * call->dilation[X] * call->cell + from);
    return offsets;
}

#define LOAD_CELLS(part)                                           \
    _tile_loadd(4, a + (part) * call->plane + call->offsets[step], apart); \
    _tile_loadd(5, b + (part) * call->plane + call->offsets[step], apart)
#define LOAD_WEIGHTS(part)                                                         \
    _tile_loadd(6, weights + (PARTS - 1 - (part)) * 4 * TILE, 4 * SIDE); \
    _tile_loadd(7, weights + (PARTS - 1 - (part)) * 4 * TILE + 2 * TILE, 4 * SIDE)
#define MULTIPLY()           \
    _tile_dpbf16ps(0, 4, 6); \
    _tile_dpbf16ps(1, 4, 7); \
    _tile_dpbf16ps(2, 5, 6); \
    _tile_dpbf16ps(3, 5, 7)

/* Two tiles of outputs, whose first taps begin at `a` and `b`, by a block of output channels; (tile, half of the block, output, channel). */
static void multiply(const struct call *call, const part_t *a, const part_t *b, const part_t *weights, float sums[4][TILE]) {
    const int64_t apart = (int64_t)call->stride[X] * call->cell * (int64_t)sizeof(part_t);
    const part_t *first = weights;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int step = 0; step < call->steps; step++, weights += STEP) {
        LOAD_CELLS(0);
        LOAD_WEIGHTS(2);
        MULTIPLY();
        LOAD_WEIGHTS(1);
        MULTIPLY();
        LOAD_CELLS(1);
        MULTIPLY();
        LOAD_WEIGHTS(0);
        MULTIPLY();
        LOAD_CELLS(2);
        MULTIPLY();
    }
    weights = first;
    for (int step = 0; step < call->steps; step++, weights += STEP) {
        LOAD_CELLS(0);
        LOAD_WEIGHTS(0);
        MULTIPLY();
    }
    _tile_stored(0, sums[0], 4 * SIDE);
    _tile_stored(1, sums[1], 4 * SIDE);
    _tile_stored(2, sums[2], 4 * SIDE);
    _tile_stored(3, sums[3], 4 * SIDE);
}

/* Tile number `index`, and in `from` where its first tap is read. */
static struct tile tile_of(const struct call *call, const struct place *at, int index, const part_t **from) {
    struct tile tile = {.turn = INT32_MAX};
    if (number(call->given, FLAT)) {
        tile.turn = call->pitch / call->stride[X];
        tile.y = index * SIDE / tile.turn;
        tile.x = index * SIDE % tile.turn;
        *from = at->parts + (int64_t)index * SIDE * call->stride[X] * call->cell;
        return tile;
    }
    int each = parts_of(at->columns, SIDE);
    tile.y = index / each;
    tile.x = index % each * SIDE;
    *from = at->parts + ((int64_t)tile.y * call->pitch + (int64_t)tile.x * call->stride[X]) * call->cell;
    return tile;
}

static int tiles_of(const struct call *call, const struct place *at) {
    if (!number(call->given, FLAT)) return at->rows * parts_of(at->columns, SIDE);
    return parts_of((at->rows - 1) * (call->pitch / call->stride[X]) + at->columns, SIDE);
}

static void multiply_all(const struct call *call, const struct place *at) {
    struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } __attribute__((aligned(64))) shape = {.palette = 1};
    for (int tile = 0; tile < 8; tile++) {
        shape.bytes[tile] = 4 * SIDE;
        shape.rows[tile] = SIDE;
    }
    _tile_loadconfig(&shape);
    float sums[4][TILE] __attribute__((aligned(64)));
    int count = tiles_of(call, at);
    for (int block = at->first; block < at->last; block++)
        for (int index = 0; index < count; index += 2) {
            const part_t *a, *b;
            struct tile one = tile_of(call, at, index, &a), other = tile_of(call, at, least(index + 1, count - 1), &b);
            multiply(call, a, b, call->weights + (int64_t)block * call->steps * STEP, sums);
            put_tile(call, at, one, block * BLOCK, sums);
            if (index + 1 < count) put_tile(call, at, other, block * BLOCK, sums + 2);
        }
    _tile_release();
}

static int finish_task(void *context, int index, uint8_t *closure) {
    (void)context;
    const struct call *call = (const struct call *)closure;
    int group = index % call->groups, rest = index / call->groups;
    struct place at = {.x = rest % call->across * call->columns, .n = rest / call->across / call->down};
    at.y = rest / call->across % call->down * call->rows;
    at.rows = least(call->rows, call->to[Y].extent - at.y);
    at.columns = least(call->columns, call->to[X].extent - at.x);
    at.first = group * call->blocks;
    at.last = least(at.first + call->blocks, parts_of(call->to[C].extent, BLOCK));
    at.parts = halide_malloc(0, (size_t)(PARTS * call->plane) * sizeof(part_t));
    if (!at.parts) return OUT_OF_MEMORY;
    bool finite = split_input(call, &at);
    multiply_all(call, &at);
    if (!finite) repair(call, &at);
    halide_free(0, at.parts);
    return 0;
}

int cw_amx_bf16x3_avx512_argv(void **given) {
    struct call call = call_of(given);
    call.offsets = make_offsets(&call);
    if (!call.offsets) return OUT_OF_MEMORY;
    int tasks = call.groups * call.across * call.down * call.to[N].extent;
    int code = halide_do_par_for(0, finish_task, 0, tasks, (uint8_t *)&call);
    halide_free(0, call.offsets);
    return code;
}

/* Whether the system lets this process use tile registers. */
int convwise_amx_allowed(void) { return !syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA); }
