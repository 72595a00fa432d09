/* Channels spread out by the outputs that read them: where groups are no vectors, each lane of a vector of outputs reads another one.
 *
 * Halide's programs call this for what they copy of the input. Which channel a lane reads is known at run time only, and what Halide
 * makes of such loads takes as many instructions as there are lanes; a processor that shuffles by a register's numbers needs one.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "buffer.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define MOST_LANES 16

/* Of a vector of outputs: what each lane reads, as numbers from the first one's channel on, for the first channel of its group. */
struct spread {
    int lanes, channels; /* of a group */
    int first, left; /* the first lane's channel, and how many there are from there on */
    int32_t from[MOST_LANES];
    int64_t step, cell; /* numbers from one channel to the next, and from one cell */
};

/* Some cells of a row. */
typedef void (*row_t)(const struct spread *spread, const float *cell, int count, float *out);

static void plain(const struct spread *spread, const float *cell, int count, float *out) {
    for (int index = 0; index < count; index++, cell += spread->cell)
        for (int channel = 0; channel < spread->channels; channel++)
            for (int lane = 0; lane < spread->lanes; lane++) *out++ = cell[(spread->from[lane] + channel) * spread->step];
}

#if defined(__x86_64__)

static int at_most(int value, int most) { return value < most ? value : most; }

/* All that the lanes read lies in two vectors. */
__attribute__((target("avx512f"))) static void shuffled_16(const struct spread *spread, const float *cell, int count, float *out) {
    int second = spread->left > 16 ? at_most(spread->left - 16, 16) : 0;
    __mmask16 here = (__mmask16)((1u << at_most(spread->left, 16)) - 1), behind = (__mmask16)((1u << second) - 1);
    __m512i first = _mm512_loadu_si512(spread->from), one = _mm512_set1_epi32(1);
    for (int index = 0; index < count; index++, cell += spread->cell) {
        __m512 low = _mm512_maskz_loadu_ps(here, cell), high = _mm512_maskz_loadu_ps(behind, cell + 16);
        __m512i from = first;
        for (int channel = 0; channel < spread->channels; channel++, out += 16) {
            _mm512_storeu_ps(out, _mm512_permutex2var_ps(low, from, high));
            from = _mm512_add_epi32(from, one);
        }
    }
}

__attribute__((target("avx2"))) static void shuffled_8(const struct spread *spread, const float *cell, int count, float *out) {
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), left = _mm256_set1_epi32(spread->left);
    __m256i seven = _mm256_set1_epi32(7), one = _mm256_set1_epi32(1);
    __m256i here = _mm256_cmpgt_epi32(left, lane);
    __m256i behind = _mm256_cmpgt_epi32(left, _mm256_add_epi32(lane, _mm256_set1_epi32(8)));
    __m256i first = _mm256_loadu_si256((const __m256i *)spread->from);
    for (int index = 0; index < count; index++, cell += spread->cell) {
        __m256 low = _mm256_maskload_ps(cell, here), high = _mm256_maskload_ps(cell + 8, behind);
        __m256i from = first;
        for (int channel = 0; channel < spread->channels; channel++, out += 8) {
            __m256 beyond = _mm256_castsi256_ps(_mm256_cmpgt_epi32(from, seven));
            __m256 taken = _mm256_permutevar8x32_ps(low, from), further = _mm256_permutevar8x32_ps(high, from);
            _mm256_storeu_ps(out, _mm256_blendv_ps(taken, further, beyond));
            from = _mm256_add_epi32(from, one);
        }
    }
}

/* It lies further apart: each group's number into all lanes from its first one on, the next group's over it. */
__attribute__((target("avx512f"))) static void laid_16(const struct spread *spread, const float *cell, int count, float *out) {
    int32_t from[16];
    __mmask16 lanes[16];
    int groups = 0;
    for (int lane = 0; lane < 16; lane++)
        if (!lane || spread->from[lane] != spread->from[lane - 1]) {
            from[groups] = spread->from[lane];
            lanes[groups++] = (__mmask16)(0xffffu << lane);
        }
    for (int index = 0; index < count; index++, cell += spread->cell)
        for (int channel = 0; channel < spread->channels; channel++, out += 16) {
            __m512 all = _mm512_set1_ps(cell[from[0] + channel]);
            for (int group = 1; group < groups; group++)
                all = _mm512_mask_broadcastss_ps(all, lanes[group], _mm_load_ss(cell + from[group] + channel));
            _mm512_storeu_ps(out, all);
        }
}

#endif

/* How rows are spread whose channels are dense. Only programs of an instruction set call it with so many lanes. */
static row_t way_of(const struct spread *spread) {
#if defined(__x86_64__)
    bool near = spread->from[spread->lanes - 1] + spread->channels <= 2 * spread->lanes;
    if (spread->step == 1 && spread->lanes == 16) return near ? shuffled_16 : laid_16;
    if (spread->step == 1 && spread->lanes == 8 && near) return shuffled_8;
#endif
    return plain;
}

static struct spread spread_of(const struct buffer *inp, const struct buffer *out, int each) {
    const struct dim *in = inp->dim, *dims = out->dim;
    struct spread spread = {.lanes = dims[0].extent, .channels = dims[1].extent, .step = in[0].stride, .cell = in[1].stride};
    int begin = dims[4].min * spread.lanes, groups = in[0].extent / spread.channels;
    spread.first = begin / each * spread.channels;
    spread.left = in[0].extent - spread.first;
    for (int lane = 0; lane < spread.lanes; lane++) {
        int group = (begin + lane) / each;
        /* Lanes behind the last output read the last group. */
        spread.from[lane] = (group < groups ? group : groups - 1) * spread.channels - spread.first;
    }
    return spread;
}

/* out[lane, channel of its group, x, y, vector of outputs, n] of the input with its padding; `each` outputs belong to a group.
 * As Halide calls a stage that is not its own; with no memory it asks what would be read, which nothing needs to know.
 */
int convwise_spread(const struct buffer *inp, int32_t pad_x, int32_t pad_y, int32_t each, struct buffer *out) {
    if (!inp->host || !out->host) return 0;
    struct spread spread = spread_of(inp, out, each);
    row_t way = way_of(&spread);
    const struct dim *in = inp->dim, *dims = out->dim;
    int64_t size = (int64_t)spread.lanes * spread.channels; /* of a cell */
    /* Cells left of the image, and those from its end on. */
    int wide = dims[2].extent, begin = pad_x - dims[2].min, end = begin + in[1].extent;
    begin = begin < 0 ? 0 : begin < wide ? begin : wide;
    end = end < begin ? begin : end < wide ? end : wide;
    for (int y = 0; y < dims[3].extent; y++) {
        int row = dims[3].min + y - pad_y;
        float *to = out->host + (int64_t)y * dims[3].stride;
        if (row < 0 || row >= in[2].extent || begin == end) {
            memset(to, 0, sizeof(float) * (size_t)(wide * size));
            continue;
        }
        const float *line = inp->host + spread.first * spread.step + (int64_t)row * in[2].stride + (int64_t)dims[5].min * in[3].stride;
        memset(to, 0, sizeof(float) * (size_t)(begin * size));
        way(&spread, line + (int64_t)(dims[2].min + begin - pad_x) * in[1].stride, end - begin, to + begin * size);
        memset(to + end * size, 0, sizeof(float) * (size_t)((wide - end) * size));
    }
    return 0;
}
