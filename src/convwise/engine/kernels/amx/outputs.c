/* What becomes of sums: bias, residual, activation, and where they are stored. */

#include "call.h"

/* e**x to 1e-7 of itself, by a power of two and a polynomial of the rest. */
static inline __m512 exponential(__m512 x) {
    /* Beyond these it is 0 or infinite; the second operand is what comes out where one is NaN. */
    x = _mm512_min_ps(_mm512_set1_ps(89.0f), _mm512_max_ps(_mm512_set1_ps(-104.0f), x));
    const __m512 turns = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
    __m512 rest = _mm512_fnmadd_ps(turns, _mm512_set1_ps(0.693359375f), x);
    rest = _mm512_fnmadd_ps(turns, _mm512_set1_ps(-2.12194440e-4f), rest);
    __m512 sum = _mm512_set1_ps(1.0f / 5040.0f);
    const float factors[] = {1.0f / 720.0f, 1.0f / 120.0f, 1.0f / 24.0f, 1.0f / 6.0f, 0.5f, 1.0f, 1.0f};
    for (int i = 0; i < 7; i++) sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(factors[i]));
    return _mm512_scalef_ps(sum, turns);
}

/* A sum with its bias and residual through the activation; a NaN stays one. */
static inline __m512 activate(const struct call *call, __m512 value) {
    if (call->act == CLAMP) {
        value = _mm512_max_ps(_mm512_set1_ps(call->low), value);
        return _mm512_min_ps(_mm512_set1_ps(call->high), value);
    }
    if (call->act == SILU) {
        __m512 power = exponential(_mm512_sub_ps(_mm512_setzero_ps(), value));
        return _mm512_div_ps(value, _mm512_add_ps(_mm512_set1_ps(1.0f), power));
    }
    __m512 gate = _mm512_max_ps(_mm512_setzero_ps(), _mm512_add_ps(value, _mm512_set1_ps(3.0f)));
    gate = _mm512_min_ps(_mm512_set1_ps(6.0f), gate);
    return _mm512_div_ps(_mm512_mul_ps(value, gate), _mm512_set1_ps(6.0f));
}

void put(const struct call *call, int64_t place, __mmask16 kept, __m512 value) {
    if (call->residual) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(kept, call->residual + place));
    _mm512_mask_storeu_ps(call->out + place, kept, activate(call, value));
}

/* Some neighbouring outputs of a row, from number `i` of the tile on. */
static void put_outputs(const struct call *call, int64_t place, int i, int count, int k, float sums[2][TILE], int turned) {
    const float *bias = array_of(call->given, BIAS)->host;
    for (int half = 0; half < 2 && k + half * SIDE < call->to[C].extent; half++) {
        int first = k + half * SIDE, left = call->to[C].extent - first;
        if (turned) {
            __mmask16 kept = (__mmask16)(lanes_of(count) << i);
            for (int c = 0; c < least(left, SIDE); c++) {
                __m512 value = _mm512_add_ps(_mm512_load_ps(sums[half] + c * SIDE), _mm512_set1_ps(bias[first + c]));
                put(call, place + (int64_t)(first + c) * call->to[C].stride - i, kept, value);
            }
            continue;
        }
        __m512 add = _mm512_loadu_ps(bias + first);
        for (int o = 0; o < count; o++) {
            __m512 value = _mm512_add_ps(_mm512_load_ps(sums[half] + (i + o) * SIDE), add);
            put(call, place + (int64_t)o * call->to[X].stride + first, lanes_of(left), value);
        }
    }
}

void put_tile(const struct call *call, const struct place *at, struct tile tile, int k, float sums[2][TILE]) {
    const struct dim *to = call->to;
    bool turned = to[X].stride == 1 && to[C].stride != 1;
    for (int half = 0; turned && half < 2; half++) {
        __m512 rows[SIDE];
        for (int i = 0; i < SIDE; i++) rows[i] = _mm512_load_ps(sums[half] + i * SIDE);
        turn(rows);
        for (int i = 0; i < SIDE; i++) _mm512_store_ps(sums[half] + i * SIDE, rows[i]);
    }
    for (int i = 0; i < SIDE && tile.y < at->rows; tile.y++, tile.x = 0) {
        int until = least(SIDE - i, tile.turn - tile.x), count = least(until, at->columns - tile.x);
        int64_t place = (int64_t)at->n * to[N].stride + (int64_t)(at->y + tile.y) * to[Y].stride + (int64_t)(at->x + tile.x) * to[X].stride;
        if (count > 0) put_outputs(call, place, i, count, k, sums, turned);
        i += until;
    }
}
