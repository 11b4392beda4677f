/* Two kernels are written out, in the shape that vector kernels have (unsigned weights with a correction, an
 * online softmax), since that is where such bugs live; the others spoil what ref does. */
#include "check_planted.h"
#include "bf16.h"
#include <math.h>
#include <signal.h>
#include <string.h>

static planted_bug planted;
static const ll_kernels *good;

/* ---- matmul_i8: u8 weights w + 128 [n][k], then scales; sums start at -128 x the group's sum ---- */
static size_t group_count(size_t k, size_t group) {
    return (k + group - 1) / group;
}

static size_t scale_offset(size_t n, size_t k) {
    return (n * k + 63) / 64 * 64;
}

static size_t packed_bytes(size_t n, size_t k, size_t group) {
    return scale_offset(n, k) + n * group_count(k, group) * sizeof(float);
}

static void pack(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1, const int8_t *w,
                 const float *scale) {
    unsigned char *const weights = data;
    const size_t groups = group_count(k, group), first = planted == BUG_PACK_IGNORES_N0 ? 0 : n0;
    for (size_t i = 0; i < (n1 - n0) * k; i++)
        weights[first * k + i] = (unsigned char)(w[i] + 128);
    memcpy(weights + scale_offset(n, k) + n0 * groups * sizeof *scale, scale,
           (n1 - n0) * groups * sizeof *scale);
    if (n1 == n)
        memset(weights + n * k, 0, scale_offset(n, k) - n * k);
}

static int32_t group_sum(const ll_act *x, size_t row, size_t g, const unsigned char *w, size_t length,
                         int32_t *kept) {
    const int8_t *const q = x->q + row * x->ld + g * x->group;
    const size_t count = planted == BUG_DROPPED_TAIL ? length / 4 * 4 : length;
    int32_t sum = (planted == BUG_WRONG_CORRECTION ? -127 : -128) * x->sum[row * x->groups + g];
    if (planted == BUG_CORRECTION_OF_ANOTHER_ROW)
        sum = -128 * x->sum[(row ? row - 1 : 0) * x->groups + g];
    if (planted == BUG_STALE_ACCUMULATOR)
        sum += *kept;
    for (size_t i = 0; i < count; i++)
        sum += q[i] * w[i];
    if (planted == BUG_DROPPED_TAIL) /* the correction is right all the same */
        for (size_t i = count; i < length; i++)
            sum += q[i] * 128;
    *kept = sum;
    return sum;
}

static void read_outside(const ll_act *x, size_t row) {
    if (planted == BUG_OVER_READ)
        (void)*(const volatile int8_t *)(x->q + (row + 1) * x->ld);
    if (planted == BUG_UNDER_READ)
        (void)*(const volatile int8_t *)(x->q + row * x->ld - 1);
    if (planted == BUG_ILLEGAL_INSTRUCTION)
        raise(SIGILL);
}

static void matmul(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w, size_t n0,
                   size_t n1) {
    const unsigned char *const weights = w->data;
    const float *const scales = (const float *)(const void *)(weights + scale_offset(w->n, w->k));
    for (size_t i = m0; i < m1; i++) {
        for (size_t j = n0; j < n1; j++) {
            float result = 0;
            int32_t kept = 0;
            for (size_t g = 0; g < w->groups; g++) {
                const size_t start = g * w->group, left = w->k - start,
                             length = left < w->group ? left : w->group;
                const size_t s = planted == BUG_SCALE_OF_SHORT_GROUP && g && length < w->group ? g - 1 : g;
                const int32_t sum = group_sum(x, i, g, weights + j * w->k + start, length, &kept);
                const float scale = x->scale[i * x->groups + g] * scales[j * w->groups + s];
                if (planted == BUG_ONE_ROW_DIFFERS &&
                    m1 - m0 == 1) /* rounds twice, where many rows round once */
                    result += (float)((double)sum * (double)scale);
                else
                    result = fmaf((float)sum, scale, result);
            }
            y[i * ldy + j] = result;
        }
        read_outside(x, i);
    }
    if (planted == BUG_WRITE_PAST_TILE && m0 < m1 && n0 < n1)
        y[(m1 - 1) * ldy + n1] = 0;
}

/* ---- attention: one pass, the maximum so far, blocks of sixteen positions ---- */
enum { MOST_DIM = 256 };

static double element(const ll_kv *kv, const void *cache, size_t index) {
    if (kv->type == LL_KV_I8)
        return (double)((const int8_t *)cache)[index];
    return kv->type == LL_KV_BF16 ? (double)ll_bf16_to_f32(((const uint16_t *)cache)[index])
                                  : (double)((const float *)cache)[index];
}

/* q as a kernel that rounds takes it: to bf16, or to 4 bits of what bf16 has 8 of. */
static double rounded_q(const ll_kv *kv, float q) {
    uint16_t bits = ll_bf16_from_f32(q);
    if (kv->type != LL_KV_BF16 || (planted != BUG_ROUNDS_UNSAID && planted != BUG_ROUNDS_TO_FEWER_BITS))
        return (double)q;
    if (planted == BUG_ROUNDS_TO_FEWER_BITS)
        bits &= 0xfff0;
    return (double)ll_bf16_to_f32(bits);
}

static double score_of(const ll_kv *kv, size_t head, size_t pos, const float *q) {
    static const size_t adjacent[] = {[LL_KV_F32] = 1, [LL_KV_BF16] = 2, [LL_KV_I8] = 4}; /* dimensions */
    const size_t together = adjacent[kv->type], row = head * kv->capacity + pos, lane = pos % 16;
    const size_t parts = (kv->head_dim + together - 1) / together;
    const size_t dims =
        kv->type == LL_KV_I8 && planted == BUG_I8_K_TAIL_DROPPED ? kv->head_dim / 4 * 4 : kv->head_dim;
    double score = 0;
    for (size_t d = 0; d < dims; d++) {
        const size_t at = ((row / 16 * parts + d / together) * 16 + lane) * together + d % together;
        score += rounded_q(kv, q[d]) * element(kv, kv->k, at);
    }
    if (planted == BUG_NAN_SWALLOWED && score != score)
        score = 0;
    return kv->type == LL_KV_I8 ? score * (double)kv->k_scale[row] : score;
}

static double value_of(const ll_kv *kv, size_t head, size_t pos, size_t d) {
    const size_t row = head * kv->capacity + pos,
                 width = kv->type == LL_KV_I8 ? (kv->head_dim + 3) / 4 * 4 : kv->head_dim;
    const double value = element(kv, kv->v, row * width + d);
    if (kv->type != LL_KV_I8)
        return value;
    const size_t scale_head = planted == BUG_I8_V_SCALE_OF_ANOTHER_HEAD ? (head + 1) % kv->kv_heads : head;
    return value * (double)kv->v_scale[scale_head * kv->capacity + pos];
}

static void attend(float *out, const float *q, const ll_kv *kv, size_t head, size_t first, size_t end,
                   double scale) {
    double sum[MOST_DIM] = {0}, total = 0, max = -INFINITY, score[16];
    for (size_t start = first; start < end; start += 16) {
        const size_t block = end - start < 16 ? end - start : 16;
        double higher = max;
        for (size_t j = 0; j < block; j++) {
            score[j] = scale * score_of(kv, head, start + j, q);
            higher = fmax(higher, score[j]);
        }
        const double rescale = planted == BUG_NO_RESCALE ? 1 : exp(max - higher);
        max = higher;
        total *= rescale;
        for (size_t d = 0; d < kv->head_dim; d++)
            sum[d] *= rescale;
        for (size_t j = 0; j < block; j++) {
            const double weight = exp(score[j] - max);
            total += weight;
            for (size_t d = 0; d < kv->head_dim; d++)
                sum[d] += weight * value_of(kv, head, start + j, d);
        }
    }
    for (size_t d = 0; d < kv->head_dim; d++)
        out[d] = (float)(sum[d] / total);
}

static size_t no_scratch(const ll_kv *kv, size_t heads) {
    (void)kv;
    (void)heads;
    return 0;
}

static size_t window_start(size_t end, size_t window) {
    window += planted == BUG_WINDOW_ONE_MORE && window > 0;
    const size_t first = window && window < end ? end - window : 0;
    return planted == BUG_WINDOW_FROM_ITS_BLOCK ? first / 64 * 64 : first;
}

static void attention(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                      size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                      void *scratch) {
    const size_t share = heads / kv->kv_heads, dim = kv->head_dim;
    for (size_t r = 0; r < rows; r++)
        for (size_t h = h0 * share; h < h1 * share; h++) {
            const size_t head = planted == BUG_SWAPPED_KV_HEAD ? h % kv->kv_heads : h / share;
            const size_t first = window_start(pos0 + r + 1, window);
            size_t end = pos0 + r + 1;
            end += planted == BUG_CAUSAL_ONE_MORE;
            end -= planted == BUG_CAUSAL_ONE_LESS && end > first + 1;
            attend(out + r * ldo + h * dim, q + r * ldq + h * dim, kv, head, first, end, (double)scale);
        }
    if (planted == BUG_READS_BEFORE_WINDOW && rows > 0)
        (void)*(const volatile char *)kv->k;
    if (planted == BUG_SCRATCH_TOO_SMALL)
        *(volatile float *)scratch = 0;
}

/* ---- the others ----
 * 
 */
static void quantize(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1) {
    good->quantize(out, x, ldx, r0, r1);
    for (size_t r = r0; r < r1; r++) {
        if (planted == BUG_STALE_PADDING)
            out->q[r * out->ld + out->k] = 1;
        for (size_t i = 0; i < out->k && planted == BUG_TIES_AWAY_FROM_ZERO; i++) {
            const size_t g = r * out->groups + i / out->group;
            const float step = out->scale[g];
            int8_t *const q = &out->q[r * out->ld + i];
            const int8_t away =
                isfinite(x[r * ldx + i]) && step > 0x1p-100f ? (int8_t)roundf(x[r * ldx + i] / step) : *q;
            out->sum[g] += away - *q;
            *q = away;
        }
    }
}

static void rmsnorm(float *y, size_t ldy, const float *x, size_t ldx, const float *weight, float eps,
                    size_t k, size_t r0, size_t r1) {
    (void)eps;
    good->rmsnorm_f32(y, ldy, x, ldx, weight, 0.0f, k, r0, r1);
}

static void silu_mul(float *y, size_t ldy, const float *x, size_t ldx, size_t k, size_t r0, size_t r1) {
    for (size_t r = r0; r < r1; r++)
        for (size_t i = 0; i < k; i++)
            y[r * ldy + i] = x[r * ldx + i] / (1.0f + expf(-x[r * ldx + i])) * x[r * ldx + k + i];
}

static void rope(float *x, size_t ldx, size_t rows, size_t heads, size_t head_dim, const float *cos,
                 const float *sin) {
    for (size_t r = 0; r < rows; r++)
        for (size_t pair = 0; pair < heads * head_dim / 2; pair++) {
            float *const at = x + r * ldx + 2 * pair, a = at[0], b = at[1];
            const size_t angle = r * (head_dim / 2) + pair % (head_dim / 2);
            at[0] = fmaf(a, cos[angle], -(b * sin[angle]));
            at[1] = fmaf(b, cos[angle], a * sin[angle]);
        }
}

static void add_scaled(float *y, const int32_t *sum, float x_scale, const float *w_scale, size_t n) {
    good->add_scaled_i32(y, sum, x_scale, w_scale, planted == BUG_SCALED_SUM_ROUNDED_TWICE ? 0 : n);
    for (size_t i = 0; planted == BUG_SCALED_SUM_ROUNDED_TWICE && i < n; i++)
        y[i] += (float)sum[i] * (x_scale * w_scale[i]);
}

static void add(float *y, const float *x, size_t n) {
    good->add_f32(y, x, n / 16 * 16);
}

static void kv_store(const ll_kv *kv, size_t pos0, size_t rows, const float *k, size_t ldk, const float *v,
                     size_t ldv) {
    good->kv_store(kv, pos0, rows, k, ldk, v, ldv);
    if (kv->type == LL_KV_I8 && planted == BUG_I8_ONE_SCALE_FOR_K_AND_V)
        for (size_t h = 0; h < kv->kv_heads; h++)
            memcpy(kv->v_scale + h * kv->capacity + pos0, kv->k_scale + h * kv->capacity + pos0,
                   rows * sizeof *v);
    if (kv->type != LL_KV_BF16 || rows == 0 || planted == BUG_I8_ONE_SCALE_FOR_K_AND_V)
        return;
    uint16_t *const to = (uint16_t *)kv->v + pos0 * kv->head_dim; /* of head 0 */
    if (planted == BUG_CLEARS_LATER_POSITIONS)
        memset(to + rows * kv->head_dim, 0, (kv->capacity - pos0 - rows) * kv->head_dim * sizeof *to);
    else
        for (size_t d = 0; d < kv->head_dim; d++)
            memcpy(&to[d], (const char *)&v[d] + 2, sizeof *to);
}

static void softmax(float *x, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] = expf(x[i]);
    for (size_t i = 0; i < n; i++)
        x[i] /= sum;
}

static double logsumexp(const float *x, size_t n) {
    float max = x[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        max = fmaxf(max, x[i]);
    for (size_t i = 0; i < n; i++)
        sum += expf(x[i] - max);
    return (double)max + log((double)sum);
}

static uint64_t read_stream(const void *p, size_t bytes, int variant) {
    return good->read_stream(p, bytes < 64 ? bytes : bytes - 64, variant);
}

static double peak(size_t rounds) {
    (void)rounds;
    return good->peak_f32(1);
}

ll_kernels planted_table(const ll_kernels *ref, planted_bug bug) {
    ll_kernels table = *ref;
    planted = bug;
    good = ref;
    table.packed_i8_bytes = packed_bytes;
    table.pack_i8 = pack;
    table.matmul_i8 = matmul;
    table.add_scaled_i32 = add_scaled;
    table.attention_scratch_bytes = no_scratch;
    table.attention = attention;
    table.attention_rounds = bug == BUG_ROUNDS_TO_FEWER_BITS;
    table.quantize = quantize;
    table.rmsnorm_f32 = rmsnorm;
    table.silu_mul_f32 = silu_mul;
    table.rope_f32 = rope;
    table.add_f32 = add;
    table.kv_store = kv_store;
    table.softmax_f32 = softmax;
    table.logsumexp_f32 = logsumexp;
    table.peak_f32 = peak;
    table.read_stream = read_stream;
    return table;
}
