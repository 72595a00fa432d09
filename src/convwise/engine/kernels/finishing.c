/* Residual and activation as a pass of their own over what a kernel has written, by the threads of the pool.
 *
 * Programs of the direct sums keep their accumulators in registers up to the store; with a residual or an activation that is more
 * than a clamp they take longer for it than this pass does over outputs that lie in a cache.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "buffer.h"
#include "pool.h"

#define TOGETHER 16384 /* numbers of a task, at most */

enum activation { CLAMP, SILU, HARD_SWISH };

/* Rows of `count` numbers side by side, those of four axes. */
struct pass {
    float *out;
    const float *residual; /* NULL: none */
    int64_t count, counts[3], steps[3];
    int64_t pieces, each; /* of a row: how many tasks it is, and their numbers */
    enum activation act;
    float low, high;
};

INSIDE float power_of_two(uint32_t exponent) {
    uint32_t bits = (exponent + 127) << 23;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* e**x to 2e-7 of itself, by a power of two and a polynomial of the rest; a NaN stays one. */
INSIDE float exponential(float x) {
    const float round = 12582912.0f; /* 1.5 * 2**23: what is added to it has no place for fractions */
    x = x < -104.0f ? -104.0f : x;
    x = x > 89.0f ? 89.0f : x;
    float shifted = x * 1.44269504f + round, turns = shifted - round;
    float rest = x - turns * 0.693359375f;
    rest -= turns * -2.12194440e-4f;
    float sum = 1.0f / 5040.0f;
    sum = sum * rest + 1.0f / 720.0f;
    sum = sum * rest + 1.0f / 120.0f;
    sum = sum * rest + 1.0f / 24.0f;
    sum = sum * rest + 1.0f / 6.0f;
    sum = sum * rest + 0.5f;
    sum = sum * rest + 1.0f;
    sum = sum * rest + 1.0f;
    uint32_t bits, start;
    memcpy(&bits, &shifted, sizeof bits);
    memcpy(&start, &round, sizeof start);
    /* In two steps: 2**129 and 2**-150 are no numbers, but their products with the sum are. */
    uint32_t exponent = bits - start, half = (uint32_t)((int32_t)exponent >> 1);
    return sum * power_of_two(half) * power_of_two(exponent - half);
}

INSIDE float clamp(float value, float low, float high) {
    value = value < low ? low : value;
    return value > high ? high : value;
}

INSIDE float activate(float value, const enum activation act, float low, float high) {
    if (act == SILU) return value / (1.0f + exponential(-value));
    /* A sixth of 6 is 1 exactly; a division takes longer than all the rest. */
    return act == HARD_SWISH ? value * (clamp(value + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f)) : clamp(value, low, high);
}

INSIDE void finish(float *restrict out, const float *restrict residual, int64_t count, const enum activation act, float low, float high) {
    if (residual)
        for (int64_t i = 0; i < count; i++) out[i] = activate(out[i] + residual[i], act, low, high);
    else
        for (int64_t i = 0; i < count; i++) out[i] = activate(out[i], act, low, high);
}

CLONED static void finish_clamp(float *out, const float *residual, int64_t count, float low, float high) {
    finish(out, residual, count, CLAMP, low, high);
}
CLONED static void finish_silu(float *out, const float *residual, int64_t count, float low, float high) {
    finish(out, residual, count, SILU, low, high);
}
CLONED static void finish_hard_swish(float *out, const float *residual, int64_t count, float low, float high) {
    finish(out, residual, count, HARD_SWISH, low, high);
}

static int finish_piece(void *context, int index, uint8_t *closure) {
    (void)context;
    const struct pass *pass = (const struct pass *)closure;
    int64_t first = index % pass->pieces * pass->each, row = index / pass->pieces, place = first;
    for (int axis = 0; axis < 3; axis++) {
        place += row % pass->counts[axis] * pass->steps[axis];
        row /= pass->counts[axis];
    }
    int64_t left = pass->count - first, count = left < pass->each ? left : pass->each;
    void (*const run[])(float *, const float *, int64_t, float, float) = {finish_clamp, finish_silu, finish_hard_swish};
    run[pass->act](pass->out + place, pass->residual ? pass->residual + place : 0, count, pass->low, pass->high);
    return 0;
}

/* The axes from the shortest step on, those joined that lie without gaps. */
static void lay(struct pass *pass, const struct buffer *out) {
    struct dim dims[4];
    memcpy(dims, out->dim, sizeof dims);
    /* An axis of one place may have any step: it goes last, where nothing depends on it. */
    for (int axis = 0; axis < 4; axis++)
        if (dims[axis].extent == 1) dims[axis].stride = INT32_MAX;
    for (int i = 1; i < 4; i++)
        for (int j = i; j > 0 && dims[j].stride < dims[j - 1].stride; j--) {
            struct dim moved = dims[j];
            dims[j] = dims[j - 1];
            dims[j - 1] = moved;
        }
    int next = 0;
    pass->count = 1;
    for (int axis = 0; axis < 3; axis++) pass->counts[axis] = 1, pass->steps[axis] = 0;
    for (int axis = 0; axis < 4; axis++) {
        if (dims[axis].extent == 1) continue;
        if (next == 0 && dims[axis].stride == pass->count) {
            pass->count *= dims[axis].extent;
        } else {
            pass->counts[next] = dims[axis].extent;
            pass->steps[next++] = dims[axis].stride;
        }
    }
}

/* arguments: the output; the residual, which lies as it does; and as all programs have them: form, low, high, whether there is a residual. */
int convwise_finish_argv(void **arguments) {
    const struct buffer *out = arguments[0], *residual = arguments[1];
    struct pass pass = {.out = out->host, .act = *(const int32_t *)arguments[2]};
    pass.low = *(const float *)arguments[3];
    pass.high = *(const float *)arguments[4];
    pass.residual = *(const int32_t *)arguments[5] ? residual->host : 0;
    lay(&pass, out);
    pass.pieces = (pass.count + TOGETHER - 1) / TOGETHER;
    pass.each = (pass.count + pass.pieces - 1) / pass.pieces;
    int64_t tasks = pass.pieces * pass.counts[0] * pass.counts[1] * pass.counts[2];
    return halide_do_par_for(0, finish_piece, 0, (int)tasks, (uint8_t *)&pass);
}
