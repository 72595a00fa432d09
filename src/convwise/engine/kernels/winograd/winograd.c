/* Winograd's whole programs: the stages called for rectangles of tiles and groups of output channels, by the threads of the pool.
 *
 * Compiled with two files that the build writes: `numbers.h`, TOGETHER (vectors of input channels of a task of the way in, at most)
 * and THIN_TILES (of a register tile of thin products), and `entries.h`, for each program a line
 * ENTRY(name, outputs, taps, lanes, schedule, input, products, output).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../buffer.h"
#include "../memory.h"
#include "../pool.h"
#include "numbers.h"

#define FLOAT 2
#define WHOLE 0

typedef int (*program_t)(void **arguments);

/* ROWS: rectangles in parallel. DEEP: one after the other, each in parallel first over input channels and then over groups of
 * output channels. THIN: as deep, with weights that are transformed while they are used.
 */
enum schedule { ROWS, DEEP, THIN };

struct stages {
    int outputs, taps, lanes;
    enum schedule schedule;
    program_t input, products, output;
};

/* Of a call: its arguments, in the order that all programs share, and what follows from them. */
enum argument {
    INP, WEIGHTS, BIAS, RESIDUAL, PAD_X, PAD_Y, STRIDE_X, STRIDE_Y, DILATION_X, DILATION_Y, ACT, LOW, HIGH, HAS_RESIDUAL,
    WIDE, TALL, IMAGES, PIXELS, VECTORS, PARTS, ABREAST, AHEAD, OUT
};
struct call {
    const struct stages *stages;
    void **given;
    int frequencies; /* along one axis */
    int tiles; /* of a rectangle */
    int pixels, blocks; /* tiles of a register tile, and how many of these a rectangle has */
    int chunks; /* vectors of input channels, those of all parts */
    int group, groups; /* output channels of a group, and how many of these there are */
    int across, down, deep; /* rectangles */
    int32_t *slots; /* where each tile's first number lies in what the way in makes */
    int threads;
};

struct array {
    struct buffer buffer;
    struct dim dims[6];
};

static const struct buffer *array_of(const struct call *call, enum argument which) { return call->given[which]; }

static int number(const struct call *call, enum argument which) { return *(const int32_t *)call->given[which]; }

static int parts_of(int length, int size) { return (length + size - 1) / size; }

static struct call call_of(const struct stages *stages, void **given) {
    struct call call = {.stages = stages, .given = given, .frequencies = stages->outputs + stages->taps - 1};
    const struct dim *out = array_of(&call, OUT)->dim, *weights = array_of(&call, WEIGHTS)->dim;
    int wide = number(&call, WIDE), tall = number(&call, TALL), images = number(&call, IMAGES);
    int phases_x = number(&call, DILATION_X), phases_y = number(&call, DILATION_Y);
    call.pixels = stages->schedule == THIN ? THIN_TILES : number(&call, PIXELS);
    call.tiles = wide * phases_x * tall * images;
    call.blocks = parts_of(call.tiles, call.pixels);
    call.chunks = weights[stages->schedule == THIN ? 3 : 2].extent;
    call.group = number(&call, VECTORS) * stages->lanes;
    call.groups = parts_of(out[0].extent, call.group);
    call.across = parts_of(parts_of(out[1].extent, phases_x), wide * stages->outputs);
    call.down = parts_of(parts_of(out[2].extent, phases_y), tall * stages->outputs);
    call.deep = parts_of(out[3].extent * phases_y, images);
    call.threads = convwise_allowed();
    return call;
}

/* An array of floats whose first axis is dense; memory for `count` of them. */
static float *make(struct array *array, int axes, const int extents[], const int64_t steps[], int64_t count) {
    *array = (struct array){.buffer = {.code = FLOAT, .bits = 32, .lanes = 1, .dimensions = axes, .dim = array->dims}};
    for (int axis = 0; axis < axes; axis++) array->dims[axis] = (struct dim){0, extents[axis], (int32_t)steps[axis], 0};
    return array->buffer.host = halide_malloc(0, (size_t)count * sizeof(float));
}

/* Register tiles are multiplied whole, and the last one may have more places than there are tiles. What lies in memory may be
 * denormal numbers, for which a processor takes a hundred times as long.
 */
static void clear_rest(const struct call *call, const struct array *spectrum) {
    const struct dim *of = spectrum->dims;
    int first = call->tiles - (call->blocks - 1) * call->pixels;
    size_t left = sizeof(float) * (size_t)(call->pixels - first) * (size_t)of[1].stride;
    if (!left) return;
    float *start = spectrum->buffer.host + (int64_t)(call->blocks - 1) * of[3].stride + (int64_t)first * of[1].stride;
    for (int down = 0; down < call->frequencies; down++)
        for (int across = 0; across < call->frequencies; across++)
            for (int chunk = 0; chunk < call->chunks; chunk++)
                memset(start + (int64_t)down * of[4].stride + (int64_t)across * of[5].stride + (int64_t)chunk * of[2].stride, 0, left);
}

/* c in chunk, tile of a register tile, chunk and part, register tile, frequency down and across: what a register tile reads
 * for a frequency is one run. Frequencies lie an odd number of vectors apart: their stores would else fall on few places
 * of the cache. For thin products the tiles of all register tiles lie side by side, and a chunk's numbers together.
 */
static float *make_spectrum(const struct call *call, struct array *spectrum) {
    int64_t lanes = call->stages->lanes, run = lanes * call->pixels, tiles = run * call->blocks, size = call->frequencies;
    int extents[] = {(int)lanes, call->pixels, call->chunks, call->blocks, (int)size, (int)size};
    int64_t frequency = lanes * ((int64_t)call->pixels * call->blocks * call->chunks | 1);
    int64_t usual[] = {1, lanes, run, run * call->chunks, frequency, frequency * size};
    int64_t by_chunks[] = {1, lanes, tiles * size * size, run, tiles * size, tiles};
    float *made = make(spectrum, 6, extents, call->stages->schedule == THIN ? by_chunks : usual, frequency * size * size);
    clear_rest(call, spectrum);
    return made;
}

/* k, frequency down and across, tile; thin products lie as they are written. */
static float *make_results(const struct call *call, struct array *results) {
    int64_t group = call->group, size = call->frequencies, tiles = (int64_t)call->pixels * call->blocks;
    int extents[] = {call->group, (int)size, (int)size, (int)tiles};
    int64_t usual[] = {1, group, group * size, group * size * size}, row = group * (tiles | 1);
    int64_t by_frequencies[] = {1, row * size, row, group};
    return make(results, 4, extents, call->stages->schedule == THIN ? by_frequencies : usual, row * size * size);
}

/* For each tile of a rectangle. */
static int32_t *make_slots(const struct call *call) {
    int32_t lanes = call->stages->lanes, run = lanes * call->pixels;
    int32_t further = call->stages->schedule == THIN ? run : run * call->chunks;
    int32_t *slots = halide_malloc(0, sizeof(int32_t) * (size_t)call->pixels * (size_t)call->blocks);
    for (int tile = 0; tile < call->pixels * call->blocks; tile++)
        slots[tile] = tile % call->pixels * lanes + tile / call->pixels * further;
    return slots;
}

/* Some chunks of the input of the rectangle at `place`, transformed. */
static int transform_input(const struct call *call, int32_t place[3], const struct array *spectrum, int first, int count) {
    const struct dim *of = spectrum->dims;
    struct dim dims[] = {{0, of[3].stride * of[3].extent, 1, 0}, {first, count, of[2].stride, 0}, of[4], of[5]};
    struct buffer some = spectrum->buffer;
    some.dimensions = 4;
    some.dim = dims;
    some.host += (int64_t)first * dims[1].stride;
    struct dim tiles = {0, call->pixels * call->blocks, 1, 0};
    struct buffer slots = {.host = (float *)call->slots, .code = WHOLE, .bits = 32, .lanes = 1, .dimensions = 1, .dim = &tiles};
    void **a = call->given;
    void *given[] = {
        a[INP], a[PAD_X], a[PAD_Y], a[PARTS], a[ABREAST], a[AHEAD], &slots, a[WIDE], a[TALL], a[IMAGES],
        &place[0], &place[1], &place[2], a[DILATION_X], a[DILATION_Y], &some};
    return call->stages->input(given);
}

/* What thin products read: all tiles as one axis, since they lie side by side. */
static void join_tiles(struct array *spectrum) {
    spectrum->dims[1].extent *= spectrum->dims[3].extent;
    for (int axis = 3; axis < 5; axis++) spectrum->dims[axis] = spectrum->dims[axis + 1];
    spectrum->buffer.dimensions = 5;
}

/* The products of a group of output channels, and from them the output. */
static int finish_group(const struct call *call, int32_t place[3], struct array *spectrum, struct array *results, int group) {
    void **a = call->given;
    const struct buffer *whole = array_of(call, OUT);
    int32_t channels = array_of(call, INP)->dim[0].extent, first = group * call->group;
    results->dims[0].min = first;
    void *multiplied[] = {&spectrum->buffer, a[WEIGHTS], &channels, a[PARTS], a[PIXELS], a[VECTORS], &results->buffer};
    int code = call->stages->products(multiplied);
    if (code) return code;
    struct buffer out = *whole;
    struct dim dims[4] = {whole->dim[0], whole->dim[1], whole->dim[2], whole->dim[3]};
    int left = dims[0].extent - first;
    dims[0].extent = left < call->group ? left : call->group;
    out.dim = dims;
    out.host += (int64_t)first * dims[0].stride;
    results->dims[0].min = 0; /* the way back counts channels from the group's first one */
    void *given[] = {
        &results->buffer, &first, a[BIAS], a[RESIDUAL], a[ACT], a[LOW], a[HIGH], a[HAS_RESIDUAL], a[WIDE], a[TALL], a[IMAGES],
        &place[0], &place[1], &place[2], a[DILATION_X], a[DILATION_Y], &out};
    return call->stages->output(given);
}

static void place_of(const struct call *call, int rectangle, int32_t place[3]) {
    place[0] = rectangle % call->across;
    place[1] = rectangle / call->across % call->down;
    place[2] = rectangle / call->across / call->down;
}

static int rectangles(const struct call *call) { return call->across * call->down * call->deep; }

/* Threads take tasks in turn. Of planes each goes through a part of the image of its own, since two that write neighbouring
 * pieces of a row share a cache line.
 */
static int rectangle_of(const struct call *call, int index) {
    if (array_of(call, OUT)->dim[1].stride != 1) return index;
    int thread = index % call->threads, each = rectangles(call) / call->threads, more = rectangles(call) % call->threads;
    return thread * each + (thread < more ? thread : more) + index / call->threads;
}

/* A task of rows. */
static int finish_rectangle(void *context, int index, uint8_t *closure) {
    (void)context;
    const struct call *call = (const struct call *)closure;
    struct array spectrum, results;
    int32_t place[3];
    place_of(call, rectangle_of(call, index), place);
    float *transformed = make_spectrum(call, &spectrum);
    int code = transform_input(call, place, &spectrum, 0, call->chunks);
    /* Not before: so they lie where the way in has just had its copies, in the core's cache. */
    float *multiplied = code ? 0 : make_results(call, &results);
    for (int group = 0; group < call->groups && !code; group++) code = finish_group(call, place, &spectrum, &results, group);
    halide_free(0, multiplied);
    halide_free(0, transformed);
    return code;
}

struct shared {
    const struct call *call;
    struct array *spectrum;
    int32_t place[3];
    int chunks; /* of a task */
};

static int task_of_input(void *context, int index, uint8_t *closure) {
    (void)context;
    struct shared *shared = (struct shared *)closure;
    int first = index * shared->chunks, left = shared->call->chunks - first;
    return transform_input(shared->call, shared->place, shared->spectrum, first, left < shared->chunks ? left : shared->chunks);
}

static int task_of_products(void *context, int index, uint8_t *closure) {
    (void)context;
    struct shared *shared = (struct shared *)closure;
    struct array results, spectrum = *shared->spectrum;
    spectrum.buffer.dim = spectrum.dims;
    if (shared->call->stages->schedule == THIN) join_tiles(&spectrum);
    float *block = make_results(shared->call, &results);
    int code = finish_group(shared->call, shared->place, &spectrum, &results, index);
    halide_free(0, block);
    return code;
}

static int share_rectangles(const struct call *call) {
    struct array spectrum;
    float *block = make_spectrum(call, &spectrum);
    struct shared shared = {.call = call, .spectrum = &spectrum};
    /* Tasks of several chunks read the input in longer runs; some for each thread, so that none waits long. */
    int each = call->chunks / (2 * call->threads), code = 0;
    shared.chunks = each < 1 ? 1 : each > TOGETHER ? TOGETHER : each;
    for (int rectangle = 0; rectangle < rectangles(call) && !code; rectangle++) {
        place_of(call, rectangle, shared.place);
        code = halide_do_par_for(0, task_of_input, 0, parts_of(call->chunks, shared.chunks), (uint8_t *)&shared);
        if (!code) code = halide_do_par_for(0, task_of_products, 0, call->groups, (uint8_t *)&shared);
    }
    halide_free(0, block);
    return code;
}

static int run_winograd(const struct stages *stages, void **given) {
    struct call call = call_of(stages, given);
    call.slots = make_slots(&call);
    int code = stages->schedule != ROWS ? share_rectangles(&call)
                                        : halide_do_par_for(0, finish_rectangle, 0, rectangles(&call), (uint8_t *)&call);
    halide_free(0, call.slots);
    return code;
}

#define ENTRY(name, outputs, taps, lanes, schedule, input, products, output)                                             \
    int input##_argv(void **), products##_argv(void **), output##_argv(void **);                                         \
    int name##_argv(void **given) {                                                                                      \
        static const struct stages stages = {                                                                            \
            outputs, taps, lanes, schedule, input##_argv, products##_argv, output##_argv};                               \
        return run_winograd(&stages, given);                                                                             \
    }

#include "entries.h"
