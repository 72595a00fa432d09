/* Numbers into parts: the input of a task, with its padding, and once the weights. */

#include "call.h"

/* Two vectors of numbers, each as three parts; what is infinite or NaN counts as 0 and is told. */
static inline void split_pair(__m512 a, __m512 b, __m512i parts[PARTS], __mmask16 *spoiled) {
    const __m512i first = _mm512_set1_epi32((int)0xffff0000), exponent = _mm512_set1_epi32(0x7f800000);
    static const part_t odd[2 * SIDE] = {1,  3,  5,  7,  9,  11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
                                         33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
    const __m512i upper = _mm512_loadu_si512(odd);
    __m512i x = _mm512_castps_si512(a), y = _mm512_castps_si512(b);
    __mmask16 fine_x = _mm512_cmpneq_epi32_mask(_mm512_and_si512(x, exponent), exponent);
    __mmask16 fine_y = _mm512_cmpneq_epi32_mask(_mm512_and_si512(y, exponent), exponent);
    *spoiled |= (__mmask16)~(fine_x & fine_y);
    a = _mm512_maskz_mov_ps(fine_x, a);
    b = _mm512_maskz_mov_ps(fine_y, b);
    for (int part = 0; part < PARTS; part++) {
        x = _mm512_and_si512(_mm512_castps_si512(a), first);
        y = _mm512_and_si512(_mm512_castps_si512(b), first);
        parts[part] = _mm512_permutex2var_epi16(x, upper, y);
        a = _mm512_sub_ps(a, _mm512_castsi512_ps(x));
        b = _mm512_sub_ps(b, _mm512_castsi512_ps(y));
    }
}

static inline __mmask32 both_of(__mmask16 low, __mmask16 high) { return (__mmask32)low | (__mmask32)high << SIDE; }

/* Numbers that lie side by side. */
static void split_run(const struct call *call, const float *from, part_t *into, int64_t count, __mmask16 *spoiled) {
    for (int64_t i = 0; i < count; i += 2 * SIDE) {
        int left = count - i < 2 * SIDE ? (int)(count - i) : 2 * SIDE;
        __mmask16 low = lanes_of(left), high = lanes_of(left - SIDE);
        __m512i parts[PARTS];
        split_pair(_mm512_maskz_loadu_ps(low, from + i), _mm512_maskz_loadu_ps(high, from + i + SIDE), parts, spoiled);
        for (int part = 0; part < PARTS; part++)
            _mm512_mask_storeu_epi16(into + part * call->plane + i, both_of(low, high), parts[part]);
    }
}

/* Cells of planes: 16 of them by 32 channels at a time. */
static void split_planes(const struct call *call, const float *from, part_t *into, int count, __mmask16 *spoiled) {
    int64_t apart = call->from[C].stride;
    for (int c = 0; c < call->from[C].extent; c += 2 * SIDE)
        for (int x = 0; x < count; x += SIDE) {
            int left = call->from[C].extent - c, cells = least(SIDE, count - x);
            __m512 cell[2][SIDE];
            for (int half = 0; half < 2; half++) {
                for (int i = 0; i < SIDE; i++) {
                    bool real = half * SIDE + i < left;
                    const float *row = from + (c + half * SIDE + i) * apart + x;
                    cell[half][i] = real ? _mm512_maskz_loadu_ps(lanes_of(cells), row) : _mm512_setzero_ps();
                }
                turn(cell[half]);
            }
            __mmask32 kept = both_of(lanes_of(left), lanes_of(left - SIDE));
            for (int i = 0; i < cells; i++) {
                __m512i parts[PARTS];
                split_pair(cell[0][i], cell[1][i], parts, spoiled);
                for (int part = 0; part < PARTS; part++)
                    _mm512_mask_storeu_epi16(into + part * call->plane + (int64_t)(x + i) * call->cell + c, kept, parts[part]);
            }
        }
}

/* Numbers that lie anywhere. */
static void split_apart(const struct call *call, const float *from, part_t *into, int count, __mmask16 *spoiled) {
    const struct dim *in = call->from;
    for (int x = 0; x < count; x++)
        for (int c = 0; c < in[C].extent; c += DEEP) {
            float some[DEEP];
            int left = least(DEEP, in[C].extent - c);
            for (int i = 0; i < left; i++) some[i] = from[(int64_t)x * in[X].stride + (int64_t)(c + i) * in[C].stride];
            split_run(call, some, into + (int64_t)x * call->cell + c, left, spoiled);
        }
}

static void clear(const struct call *call, part_t *into, int64_t count) {
    for (int part = 0; part < PARTS; part++) memset(into + part * call->plane, 0, (size_t)count * sizeof(part_t));
}

/* One row of cells from the column `x` of the input on, with zeros where there is no input. */
static void split_row(const struct call *call, const float *row, int x, part_t *into, __mmask16 *spoiled) {
    const struct dim *from = call->from;
    int before = x < 0 ? least(-x, call->pitch) : 0, first = x + before;
    int count = least(call->pitch - before, from[X].extent - first);
    if (count < 0) count = 0;
    clear(call, into, (int64_t)before * call->cell);
    clear(call, into + (int64_t)(before + count) * call->cell, (int64_t)(call->pitch - before - count) * call->cell);
    into += (int64_t)before * call->cell;
    row += (int64_t)first * from[X].stride;
    if (from[C].stride != 1 && from[C].extent > 1 && from[X].stride == 1)
        split_planes(call, row, into, count, spoiled);
    else if (from[C].stride != 1 && from[C].extent > 1)
        split_apart(call, row, into, count, spoiled);
    else if (from[X].stride == call->cell && from[C].extent == call->cell)
        split_run(call, row, into, (int64_t)count * call->cell, spoiled);
    else
        for (int i = 0; i < count; i++)
            split_run(call, row + (int64_t)i * from[X].stride, into + (int64_t)i * call->cell, from[C].extent, spoiled);
}

bool split_input(const struct call *call, const struct place *at) {
    const struct dim *from = call->from;
    __mmask16 spoiled = 0;
    int above = at->y * call->stride[Y] - call->pad[Y], x = at->x * call->stride[X] - call->pad[X];
    for (int i = 0; i < call->slots * call->stride[Y]; i++) {
        part_t *into = at->parts + row_of_parts(call, i);
        int y = above + i;
        if (y < 0 || y >= from[Y].extent)
            clear(call, into, (int64_t)call->pitch * call->cell);
        else
            split_row(call, call->in + (int64_t)at->n * from[N].stride + (int64_t)y * from[Y].stride, x, into, &spoiled);
    }
    int64_t all = (int64_t)call->slots * call->stride[Y] * call->pitch * call->cell;
    clear(call, at->parts + all, call->plane - all);
    return !spoiled;
}

/* Weights on their way into tile registers. */
struct splitting {
    const float *from; /* (block, run, number of a run, channel in block) */
    part_t *into; /* (block, step, part from the last to the first, half of the block, pair of numbers, channel, number of a pair) */
    int64_t blocks, runs, length;
};

static int split_block(void *context, int index, uint8_t *closure) {
    (void)context;
    const struct splitting *all = (const struct splitting *)closure;
    int64_t steps = (all->length + DEEP - 1) / DEEP, run = index % all->runs;
    const float *from = all->from + index * all->length * BLOCK;
    part_t *into = all->into + (index / all->runs * all->runs + run) * steps * STEP;
    for (int64_t pair = 0; pair < steps * DEEP / 2; pair++)
        for (int half = 0; half < 2; half++) {
            __m512i parts[PARTS];
            __mmask16 spoiled = 0;
            __m512 numbers[2];
            for (int i = 0; i < 2; i++) {
                bool real = 2 * pair + i < all->length;
                numbers[i] = real ? _mm512_loadu_ps(from + (2 * pair + i) * BLOCK + half * SIDE) : _mm512_setzero_ps();
            }
            __m512 low = _mm512_permutex2var_ps(numbers[0], _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), numbers[1]);
            __m512 high = _mm512_permutex2var_ps(
                numbers[0], _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), numbers[1]);
            split_pair(low, high, parts, &spoiled);
            part_t *step = into + pair / SIDE * STEP + half * 2 * TILE + pair % SIDE * 2 * SIDE;
            for (int part = 0; part < PARTS; part++) _mm512_storeu_si512(step + (PARTS - 1 - part) * 4 * TILE, parts[part]);
        }
    return 0;
}

/* arguments: arranged weights; the parts; {blocks, runs, length of a run}. */
int convwise_split_argv(void **arguments) {
    const int64_t *sizes = arguments[2];
    struct splitting all = {arguments[0], arguments[1], sizes[0], sizes[1], sizes[2]};
    return halide_do_par_for(0, split_block, 0, (int)(all.blocks * all.runs), (uint8_t *)&all);
}
