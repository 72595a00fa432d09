/* Weights in the order in which the kernels read them, by the threads of the pool.
 *
 * Both functions are called as kernels are, with the addresses of their arguments, once for each slice of the work, and tell in
 * `finite` whether every number that the slice reads is.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "memory.h"
#include "pool.h"

#define TOGETHER 16 /* filters whose weights are read side by side: as many rows as a first cache holds, whatever lies between */
#define PIECE 256
#define EXPONENT 0x7f800000 /* of an infinity or a NaN all of these bits are set */
#define MOST_LANES 16
#define MOST_TAPS 4
#define MOST_PRODUCTS 6
#define SPREAD (MOST_LANES * MOST_LANES + 16) /* from one product's numbers to the next's */

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (four_bits){__VA_ARGS__})
#endif
typedef float four __attribute__((vector_size(16)));
typedef int32_t four_bits __attribute__((vector_size(16)));


INSIDE bool is_finite(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return (bits & EXPONENT) != EXPONENT;
}

INSIDE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Which of how many equal parts of the work one call does. */
struct slice {
    int64_t number, slices, finite;
};

/* Steps count floats; `steps` are those of the three inner axes, `step` that from filter to filter. */
struct order {
    int64_t groups, apart, filters, lanes, counts[3], step, steps[3];
    struct slice slice;
};

struct arranging {
    const float *from;
    float *into;
    const struct order *order;
    int axes[3]; /* from the longest step to the shortest: what lies side by side is read at once */
    int64_t into_steps[3];
    bool in_a_run; /* the numbers of a filter lie side by side, in the order of `axes` */
    int64_t bands; /* of TOGETHER filters, in a group */
    atomic_bool spoiled;
};

/* Some numbers of a filter, a band of filters at a time: as many as stay in the first cache meanwhile. */
struct piece {
    int64_t count, from[PIECE], into[PIECE];
};

static int64_t size_of(int64_t step) { return step < 0 ? -step : step; }

/* The next numbers in the order of `axes`; `at` counts along them. */
static void fill(const struct arranging *all, int64_t at[3], struct piece *piece) {
    const int64_t *counts = all->order->counts, *steps = all->order->steps;
    const int *axes = all->axes;
    piece->count = 0;
    while (piece->count < PIECE && at[0] < counts[axes[0]]) {
        int64_t from = 0, into = 0;
        for (int axis = 0; axis < 3; axis++) {
            from += at[axis] * steps[axes[axis]];
            into += at[axis] * all->into_steps[axes[axis]];
        }
        piece->from[piece->count] = from;
        piece->into[piece->count++] = into;
        for (int axis = 2; ++at[axis] == counts[axes[axis]] && axis > 0; axis--) at[axis] = 0;
    }
}

/* The first numbers of a piece for four filters: four by four are turned. */
static bool arrange_four(const float *from, int64_t step, float *into, const int64_t *places, int64_t count) {
    four_bits spoiled = {0};
    const four_bits all = {EXPONENT, EXPONENT, EXPONENT, EXPONENT};
    for (int64_t r = 0; r < count; r += 4) {
        four row[4], pair[4];
        for (int lane = 0; lane < 4; lane++) {
            memcpy(&row[lane], from + lane * step + r, 16);
            spoiled |= ((four_bits)row[lane] & all) == all;
        }
        pair[0] = SHUFFLE(row[0], row[1], 0, 4, 1, 5);
        pair[1] = SHUFFLE(row[2], row[3], 0, 4, 1, 5);
        pair[2] = SHUFFLE(row[0], row[1], 2, 6, 3, 7);
        pair[3] = SHUFFLE(row[2], row[3], 2, 6, 3, 7);
        for (int half = 0; half < 2; half++) {
            four low = SHUFFLE(pair[2 * half], pair[2 * half + 1], 0, 1, 4, 5);
            four high = SHUFFLE(pair[2 * half], pair[2 * half + 1], 2, 3, 6, 7);
            memcpy(into + places[r + 2 * half], &low, 16);
            memcpy(into + places[r + 2 * half + 1], &high, 16);
        }
    }
    return !(spoiled[0] | spoiled[1] | spoiled[2] | spoiled[3]);
}

static bool arrange_piece(const struct arranging *all, const struct piece *piece, const float *from, float *into, int64_t filters) {
    int64_t step = all->order->step, turned = all->in_a_run ? piece->count / 4 * 4 : 0;
    bool finite = true;
    for (int64_t filter = 0; filter < filters; filter += 4) {
        int64_t some = least(4, filters - filter), first = some == 4 ? turned : 0;
        if (first) finite &= arrange_four(from + filter * step + piece->from[0], step, into + filter, piece->into, first);
        for (int64_t lane = filter; lane < filter + some; lane++)
            for (int64_t r = first; r < piece->count; r++) {
                float value = from[lane * step + piece->from[r]];
                finite &= is_finite(value);
                into[lane + piece->into[r]] = value;
            }
    }
    return finite;
}

static bool copied(const float *from, float *into) {
    int32_t spoiled = 0;
    for (int filter = 0; filter < TOGETHER; filter++) {
        spoiled |= !is_finite(from[filter]);
        into[filter] = from[filter];
    }
    return !spoiled;
}

/* A whole band of filters that lie side by side, one place after the other. */
static bool arrange_places(const struct arranging *all, const float *from, float *into) {
    const int64_t *counts = all->order->counts, *steps = all->order->steps, *into_steps = all->into_steps;
    bool finite = true;
    for (int64_t i = 0; i < counts[0]; i++)
        for (int64_t j = 0; j < counts[1]; j++)
            for (int64_t k = 0; k < counts[2]; k++) {
                const float *place = from + i * steps[0] + j * steps[1] + k * steps[2];
                finite &= copied(place, into + i * into_steps[0] + j * into_steps[1] + k * into_steps[2]);
            }
    return finite;
}

static void clear(const struct arranging *all, float *into, int64_t count) {
    const int64_t *counts = all->order->counts;
    for (int64_t place = 0; place < counts[0] * counts[1] * counts[2]; place++)
        for (int64_t filter = 0; filter < count; filter++) into[place * all->order->lanes + filter] = 0.0f;
}

static bool arrange_filters(const struct arranging *all, const float *from, float *into, int64_t count) {
    const struct order *o = all->order;
    if (o->step == 1 && count == TOGETHER && o->steps[all->axes[2]] != 1) return arrange_places(all, from, into);
    struct piece piece;
    int64_t at[3] = {0, 0, 0};
    bool finite = true;
    for (fill(all, at, &piece); piece.count; fill(all, at, &piece)) finite &= arrange_piece(all, &piece, from, into, count);
    return finite;
}

/* Filters of one block that are read side by side. */
static int arrange_band(void *context, int index, uint8_t *closure) {
    struct arranging *all = (struct arranging *)closure;
    const struct order *o = all->order;
    const int64_t *counts = o->counts, each = (o->lanes + TOGETHER - 1) / TOGETHER, blocks = (o->filters + o->lanes - 1) / o->lanes;
    int64_t group = index / all->bands, block = index % all->bands / each, lane = index % each * TOGETHER;
    int64_t first = block * o->lanes + lane, width = least(TOGETHER, o->lanes - lane);
    int64_t count = least(width, o->filters > first ? o->filters - first : 0);
    const float *from = all->from + (count ? group * o->apart + first * o->step : 0);
    float *into = all->into + (group * blocks + block) * counts[0] * counts[1] * counts[2] * o->lanes + lane;
    if (count < width) clear(all, into + count, width - count);
    if (!arrange_filters(all, from, into, count)) atomic_store(&all->spoiled, true);
    return 0;
}

/* Those of `tasks` that belong to the slice. */
static int run_slice(task_t task, int64_t tasks, const struct slice *slice, uint8_t *closure) {
    int64_t first = tasks * slice->number / slice->slices, end = tasks * (slice->number + 1) / slice->slices;
    return halide_do_par_for(0, task, (int)first, (int)(end - first), closure);
}

static struct arranging arranging_of(const float *from, float *into, const struct order *o) {
    struct arranging all = {.from = from, .into = into, .order = o, .axes = {0, 1, 2}, .in_a_run = true};
    all.into_steps[2] = o->lanes;
    all.into_steps[1] = o->counts[2] * o->lanes;
    all.into_steps[0] = o->counts[1] * all.into_steps[1];
    /* An axis of one place may have any step: it goes first, where nothing depends on it. */
    int64_t keys[3], run = 1;
    for (int axis = 0; axis < 3; axis++) keys[axis] = o->counts[axis] > 1 ? size_of(o->steps[axis]) : INT64_MAX;
    for (int i = 1; i < 3; i++)
        for (int j = i; j > 0 && keys[all.axes[j]] > keys[all.axes[j - 1]]; j--) {
            int axis = all.axes[j];
            all.axes[j] = all.axes[j - 1];
            all.axes[j - 1] = axis;
        }
    for (int place = 2; place >= 0; place--) {
        int axis = all.axes[place];
        all.in_a_run &= o->counts[axis] == 1 || o->steps[axis] == run;
        run *= o->counts[axis];
    }
    int64_t blocks = (o->filters + o->lanes - 1) / o->lanes;
    all.bands = blocks * ((o->lanes + TOGETHER - 1) / TOGETHER);
    return all;
}

/* arguments: weights; (group, block, three axes, filter in block), zeros where the last block is not full; struct order. */
int convwise_arrange_argv(void **arguments) {
    struct order *o = arguments[2];
    struct arranging all = arranging_of(arguments[0], arguments[1], o);
    int code = run_slice(arrange_band, o->groups * all.bands, &o->slice, (uint8_t *)&all);
    o->slice.finite = !all.spoiled;
    return code;
}

/* A window in parts of taps x taps, zeros behind its end, each transformed to products x products numbers. */
struct spectrum {
    int64_t groups, apart, filters, channels, rows, columns, step, steps[3], lanes, vectors, chunks, taps, products;
    struct slice slice;
};

struct transforming {
    const float *from;
    float *into;
    const double *matrix; /* products x taps; none: the weights are cut into parts and stay as they are */
    const struct spectrum *spectrum;
    void (*run)(struct transforming *, int);
    atomic_bool spoiled;
};

/* taps x taps numbers of a vector of filters, transformed in double precision and rounded once; `apart` is from one product to the next. */
INSIDE void transform_part(
    double cells[MOST_TAPS][MOST_TAPS][MOST_LANES], const double *matrix, float *into, int64_t apart,
    const int lanes, const int taps, const int products
) {
    double half[MOST_TAPS][MOST_LANES];
    for (int i = 0; i < products; i++) {
        for (int x = 0; x < taps; x++)
            for (int lane = 0; lane < lanes; lane++) {
                half[x][lane] = matrix[i * taps] * cells[0][x][lane];
                for (int y = 1; y < taps; y++) half[x][lane] += matrix[i * taps + y] * cells[y][x][lane];
            }
        for (int j = 0; j < products; j++)
            for (int lane = 0; lane < lanes; lane++) {
                double sum = matrix[j * taps] * half[0][lane];
                for (int x = 1; x < taps; x++) sum += matrix[j * taps + x] * half[x][lane];
                into[(i * products + j) * apart + lane] = (float)sum;
            }
    }
}

/* Which chunk of channels, vector of filters and group a task has, and how many parts the window is cut into. */
struct place {
    int64_t parts, across, chunk, vector, group;
};

static struct place place_of(const struct spectrum *s, int64_t index) {
    int64_t across = (s->columns + s->taps - 1) / s->taps, parts = (s->rows + s->taps - 1) / s->taps * across;
    int64_t deep = s->chunks / parts;
    return (struct place){parts, across, index % deep, index / deep % s->vectors, index / deep / s->vectors};
}

/* A part of the window as it is: (channel in chunk, row, column, filter in vector), zeros where there is no such weight. */
static void cut_part(struct transforming *all, struct place at, int64_t part, float *into) {
    const struct spectrum *s = all->spectrum;
    int64_t first = at.vector * s->lanes, row = part / at.across * s->taps, column = part % at.across * s->taps;
    memset(into, 0, s->lanes * s->taps * s->taps * s->lanes * sizeof(float));
    if (first >= s->filters) return;
    int64_t channels = least(s->lanes, s->channels - at.chunk * s->lanes), count = least(s->lanes, s->filters - first);
    int64_t high = least(s->taps, s->rows - row), wide = least(s->taps, s->columns - column);
    const float *from = all->from + at.group * s->apart + first * s->step + at.chunk * s->lanes * s->steps[0];
    struct order o = {1, 0, count, s->lanes, {channels, high, wide}, s->step, {s->steps[0], s->steps[1], s->steps[2]}, {0, 1, 0}};
    struct arranging some = arranging_of(from + row * s->steps[1] + column * s->steps[2], into, &o);
    some.into_steps[0] = s->taps * s->taps * s->lanes;
    some.into_steps[1] = s->taps * s->lanes;
    if (!arrange_filters(&some, some.from, into, count)) atomic_store(&all->spoiled, true);
}

/* The numbers of a chunk before and after; too large for the stacks that some threads have. */
struct chunk {
    float near[MOST_LANES * MOST_TAPS * MOST_TAPS * MOST_LANES];
    /* Written out as blocks: single vectors a power of two apart would fall on few places of the cache. */
    float done[MOST_PRODUCTS * MOST_PRODUCTS * SPREAD];
};

/* One chunk of channels, one part after the other, for one vector of filters. */
INSIDE void transform_chunk(struct transforming *all, int index, const int lanes, const int taps, const int products) {
    const struct spectrum *s = all->spectrum;
    struct place at = place_of(s, index);
    int64_t apart = s->chunks * lanes * lanes;
    float *into = all->into + (at.group * s->vectors + at.vector) * products * products * apart;
    double cells[MOST_TAPS][MOST_TAPS][MOST_LANES];
    struct chunk *chunk = halide_malloc(0, sizeof *chunk);
    float *near = chunk->near, *done = chunk->done;
    for (int64_t part = 0; part < at.parts; part++) {
        cut_part(all, at, part, near);
        for (int c = 0; c < lanes; c++) {
            for (int y = 0; y < taps; y++)
                for (int x = 0; x < taps; x++)
                    for (int lane = 0; lane < lanes; lane++) cells[y][x][lane] = near[((c * taps + y) * taps + x) * lanes + lane];
            transform_part(cells, all->matrix, done + c * lanes, SPREAD, lanes, taps, products);
        }
        for (int product = 0; product < products * products; product++)
            memcpy(into + product * apart + (at.chunk * at.parts + part) * lanes * lanes, done + product * SPREAD, lanes * lanes * sizeof(float));
    }
    halide_free(0, chunk);
}

/* Sizes that the compiler knows, so that a vector of filters is one. */
#define SIZED(lanes, taps, products) \
    CLONED static void transform_##lanes##_##taps##_##products(struct transforming *all, int index) { \
        transform_chunk(all, index, lanes, taps, products); \
    }
SIZED(16, 3, 4) SIZED(16, 3, 5) SIZED(16, 3, 6) SIZED(16, 4, 6)
SIZED(8, 3, 4) SIZED(8, 3, 5) SIZED(8, 3, 6) SIZED(8, 4, 6)
SIZED(4, 3, 4) SIZED(4, 3, 5) SIZED(4, 3, 6) SIZED(4, 4, 6)

typedef void (*sized_t)(struct transforming *, int);
/* None for sizes that no kernel has. */
static sized_t sized(int64_t lanes, int64_t taps, int64_t products) {
    sized_t all[3][4] = {
        {transform_16_3_4, transform_16_3_5, transform_16_3_6, transform_16_4_6},
        {transform_8_3_4, transform_8_3_5, transform_8_3_6, transform_8_4_6},
        {transform_4_3_4, transform_4_3_5, transform_4_3_6, transform_4_4_6},
    };
    int vector = lanes == 16 ? 0 : lanes == 8 ? 1 : lanes == 4 ? 2 : -1;
    int size = taps == 3 && products >= 4 && products <= 6 ? (int)products - 4 : taps == 4 && products == 6 ? 3 : -1;
    return vector < 0 || size < 0 ? 0 : all[vector][size];
}

static int transform_task(void *context, int index, uint8_t *closure) {
    struct transforming *all = (struct transforming *)closure;
    all->run(all, index);
    return 0;
}

/* The same with the weights as they are. */
static void cut_chunk(struct transforming *all, int index) {
    const struct spectrum *s = all->spectrum;
    struct place at = place_of(s, index);
    int64_t each = s->lanes * s->taps * s->taps * s->lanes;
    float *into = all->into + ((at.group * s->vectors + at.vector) * s->chunks + at.chunk * at.parts) * each;
    for (int64_t part = 0; part < at.parts; part++) cut_part(all, at, part, into + part * each);
}

/* arguments: weights; (group, vector, product, chunk and part, channel in chunk, filter in vector), or without a matrix
 * (group, vector, chunk and part, channel in chunk, tap, filter in vector); struct spectrum; matrix.
 */
int convwise_transform_argv(void **arguments) {
    struct spectrum *s = arguments[2];
    struct transforming all = {.from = arguments[0], .into = arguments[1], .spectrum = s, .matrix = arguments[3]};
    all.run = all.matrix ? sized(s->lanes, s->taps, s->products) : cut_chunk;
    if (!all.run) return -1;
    int64_t tasks = s->groups * s->vectors * (s->chunks / place_of(s, 0).parts);
    int code = run_slice(transform_task, tasks, &s->slice, (uint8_t *)&all);
    s->slice.finite = !all.spoiled;
    return code;
}
