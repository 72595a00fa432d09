/* Parts of an infinity are none, and so it counts as 0 in the products: what its windows give is added up here. */

#include "call.h"

static bool is_finite(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7f800000) != 0x7f800000;
}

/* The weight of number `deep` of a step for channel `k` of a block, from its parts. */
static float weight_of(const part_t *step, int deep, int k) {
    float sum = 0.0f;
    for (int part = 0; part < PARTS; part++) {
        uint32_t bits = (uint32_t)step[part * 4 * TILE + k / SIDE * 2 * TILE + deep / 2 * 4 * SIDE / 2 + k % SIDE * 2 + deep % 2] << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        sum += value;
    }
    return sum;
}

/* Number `deep` of tap (x, y) in the order of the weights: its step, and where in it. */
static int step_of(const struct call *call, int x, int y, int c, int *deep) {
    int channels = call->from[C].extent, kernel = call->kernel[X];
    bool joined = number(call->given, JOINED);
    int place = joined ? x * channels + c : c, run = joined ? y : y * kernel + x;
    *deep = place % DEEP;
    return run * parts_of(joined ? kernel * channels : channels, DEEP) + place / DEEP;
}

/* The cell that the output (y, x) reads for a tap; NULL in the padding. */
static const float *cell_of(const struct call *call, int n, const int output[3], const int tap[3]) {
    int64_t place = (int64_t)n * call->from[N].stride;
    for (int axis = X; axis <= Y; axis++) {
        int at = output[axis] * call->stride[axis] + tap[axis] * call->dilation[axis] - call->pad[axis];
        if (at < 0 || at >= call->from[axis].extent) return 0;
        place += (int64_t)at * call->from[axis].stride;
    }
    return call->in + place;
}

static bool window_is_finite(const struct call *call, int n, const int output[3]) {
    for (int y = 0; y < call->kernel[Y]; y++)
        for (int x = 0; x < call->kernel[X]; x++) {
            const float *cell = cell_of(call, n, output, (int[]){0, x, y});
            for (int c = 0; cell && c < call->from[C].extent; c++)
                if (!is_finite(cell[(int64_t)c * call->from[C].stride])) return false;
        }
    return true;
}

/* One output by plain sums. */
static void add_up(const struct call *call, int n, const int output[3], int k) {
    const part_t *weights = call->weights + (int64_t)(k / BLOCK) * call->steps * STEP;
    const struct dim *to = call->to;
    float sum = ((const float *)array_of(call->given, BIAS)->host)[k];
    for (int y = 0; y < call->kernel[Y]; y++)
        for (int x = 0; x < call->kernel[X]; x++) {
            const float *cell = cell_of(call, n, output, (int[]){0, x, y});
            for (int c = 0; cell && c < call->from[C].extent; c++) {
                int deep, step = step_of(call, x, y, c, &deep);
                sum += cell[(int64_t)c * call->from[C].stride] * weight_of(weights + (int64_t)step * STEP, deep, k % BLOCK);
            }
        }
    int64_t place = (int64_t)n * to[N].stride + (int64_t)output[Y] * to[Y].stride + (int64_t)output[X] * to[X].stride;
    put(call, place + (int64_t)k * to[C].stride, 1, _mm512_set1_ps(sum));
}

void repair(const struct call *call, const struct place *at) {
    int last = least(at->last * BLOCK, call->to[C].extent);
    for (int y = at->y; y < at->y + at->rows; y++)
        for (int x = at->x; x < at->x + at->columns; x++) {
            int output[] = {0, x, y};
            if (window_is_finite(call, at->n, output)) continue;
            for (int k = at->first * BLOCK; k < last; k++) add_up(call, at->n, output, k);
        }
}
