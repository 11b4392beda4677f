/* The contract of Layerlab's kernel library: every operation, its shapes, units, alignment, rounding and source.
 *
 * Rules that hold for every operation unless its comment says otherwise:
 *  - Strides (names starting with ld) are in elements, never in bytes.
 *  - Kernels allocate nothing, start no thread, keep no state; threads may call them on disjoint outputs.
 *  - Inputs and outputs do not overlap. Input and output matrices need no alignment; packed weights and
 *    KV-caches start on a 64-byte boundary. No byte outside the stated shapes is read or written (packed data
 *    include padding).
 *  - A size of zero does nothing.
 *  - Inner kernels return void: their preconditions are checked by whoever builds the shapes (model/), and by
 *    assert.
 *  - "Exact" operations perform the very float operations written in their comment, in that order (one
 *    rounding each, fma where fma is written), so every ISA gives the same bits as ref. The others state a
 *    bound.
 *  - A row's result never depends on the other rows of the call: prefill equals decode bit for bit.
 */
#ifndef LL_KERNELS_H
#define LL_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Values are pinned: they are also the program's exit codes. */
typedef enum {
    LL_OK = 0,
    LL_BAD_INPUT = 1,   /* a file or a text is wrong */
    LL_BAD_USAGE = 2,   /* an argument is wrong */
    LL_NO_RESOURCE = 3, /* not enough memory or disk, or a CPU feature is missing */
} ll_status;

/* A static English name for a status; never NULL. */
const char *ll_status_str(ll_status status);

#define LL_TRY(call)                                                                                         \
    do {                                                                                                     \
        ll_status ll_try_status = (call);                                                                    \
        if (ll_try_status != LL_OK)                                                                          \
            return ll_try_status;                                                                            \
    } while (0)

enum {
    LL_ALIGN = 64, /* bytes: alignment of packed weights, caches and scratch */
    LL_PANEL =
        64, /* output columns of a packed weight tile; work is split between threads at its multiples */
    LL_KV_BLOCK = 16, /* positions of a K-cache block */
};

/* ---- int8 activations ----
 * Symmetric int8, one scale and one sum for each row and group of k; the last group may be shorter.
 * q[r][i] = rint_to_even(x[r][i] * inv) clamped to [-127, 127], inv = 127 / amax of the group, scale = amax / 127.
 * amax == 0: q = 0, scale = 0, sum = 0. A NaN makes its group's scale NaN; where amax is so small that inv overflows,
 * zeros stay 0. The bytes of a row between k and ld are zero.
 * ld = k rounded up to 64, plus 64: rows never fall on the same L1 sets, and 4-byte loads past k read zeros. */
typedef struct {
    int8_t *q;     /* [rows][ld] */
    float *scale;  /* [rows][groups] */
    int32_t *sum;  /* [rows][groups], sum of q over the group */
    size_t rows;   /* capacity */
    size_t k, ld;  /* elements of a row, stride */
    size_t group;  /* elements of a group: 1 .. k */
    size_t groups; /* ceil(k / group) */
} ll_act;

/* Bytes that ll_act_place needs. group 0 means one group for the row (per channel). */
size_t ll_act_bytes(size_t rows, size_t k, size_t group);
/* Lays an ll_act out in buffer (aligned to LL_ALIGN, ll_act_bytes long) and zeroes it. */
ll_act ll_act_place(void *buffer, size_t rows, size_t k, size_t group);

/* ---- packed weights ----
 * y = x W^T with W [n][k], n output columns. The layout belongs to the ISA that packed it: pack and matmul of one
 * table always agree on it. */
typedef struct {
    const void *data; /* LL_ALIGN-aligned, packed_i8_bytes or packed_f32_bytes long */
    size_t n, k;
    size_t group, groups; /* int8: as in ll_act, group divides by 4 or equals k; f32: 0 */
} ll_packed;

/* ---- KV-cache of one attention layer ----
 * K, f32:  [kv_heads][capacity / 16][head_dim][16 positions]
 * K, bf16: [kv_heads][capacity / 16][head_dim / 2][16 positions][2]
 * K, int8: [kv_heads][capacity / 16][width / 4][16 positions][4]
 * V, f32 and bf16: [kv_heads][capacity][head_dim]; int8: [kv_heads][capacity][width]
 * width is head_dim rounded up to 4; the elements past head_dim are zero. capacity is a multiple of LL_KV_BLOCK,
 * head_dim is even. Positions never stored hold zero bytes.
 * bf16 is rounded to nearest even. int8 has a scale for each head and position of K and of V, by the rule of ll_act with
 * the head_dim values as one group (amax == 0, NaN and tiny amax too); the value stored is q * scale. */
typedef enum { LL_KV_F32 = 0, LL_KV_BF16 = 1, LL_KV_I8 = 2 } ll_kv_type;
typedef struct {
    void *k, *v;
    size_t capacity, kv_heads, head_dim;
    ll_kv_type type;
    float *k_scale, *v_scale; /* int8: [kv_heads][capacity], aligned as floats; NULL otherwise */
} ll_kv;

/* Bytes of K (or of V) of one layer: kv_heads * capacity * head_dim * sizeof(element); int8: width for head_dim. */
size_t ll_kv_bytes(ll_kv_type type, size_t capacity, size_t kv_heads, size_t head_dim);
/* Bytes of k_scale (or of v_scale) of one layer; 0 unless int8. */
size_t ll_kv_scale_bytes(ll_kv_type type, size_t capacity, size_t kv_heads);

/* ---- the table ---- */
typedef enum {
    LL_OP_MATMUL_I8, /* with packed_i8_bytes and pack_i8; add_scaled_i32 is checked with it */
    LL_OP_MATMUL_F32,
    LL_OP_QUANTIZE,
    LL_OP_RMSNORM_I8,
    LL_OP_RMSNORM_F32,
    LL_OP_SILU_MUL_I8,
    LL_OP_SILU_MUL_F32,
    LL_OP_ADD_F32,
    LL_OP_ROPE_F32,
    LL_OP_KV_STORE,
    LL_OP_ATTENTION,
    LL_OP_SOFTMAX_F32,
    LL_OP_LOGSUMEXP_F32,
    LL_OP_PEAK_I8,
    LL_OP_PEAK_F32,
    LL_OP_READ_STREAM,
    LL_OP_COUNT
} ll_op;

const char *ll_op_name(ll_op op);

typedef struct ll_kernels {
    /* Bytes of n x k packed int8 weights with their scales. */
    size_t (*packed_i8_bytes)(size_t n, size_t k, size_t group);
    /* Packs columns [n0, n1) of W: w[n1-n0][k] int8 in [-127, 127], scale[n1-n0][groups]; n0 a multiple of
     * LL_PANEL, n1 a multiple or n. data spans the whole matrix; the padding of the last panel is written
     * too. */
    void (*pack_i8)(void *data, size_t n, size_t k, size_t group, size_t n0, size_t n1, const int8_t *w,
                    const float *scale);
    /* Exact. y[i][j] (i in [m0, m1), j in [n0, n1)): for groups g in order, from y = 0:
     *   y = fma((float)(sum over the group of q * w, int32), x.scale[i][g] * w.scale[j][g], y).
     * n0 a multiple of LL_PANEL, n1 a multiple or w->n. x->k == w->k, same group; a group holds at most 65536
     * elements. y is the address of row 0, column 0. */
    void (*matmul_i8)(float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1, const ll_packed *w,
                      size_t n0, size_t n1);

    /* Exact. matmul_i8's last step, for sums that something else made: y[j] = fma((float)sum[j], x_scale * w_scale[j], y[j]),
     * n elements. */
    void (*add_scaled_i32)(float *y, const int32_t *sum, float x_scale, const float *w_scale, size_t n);

    size_t (*packed_f32_bytes)(size_t n, size_t k);
    void (*pack_f32)(void *data, size_t n, size_t k, size_t n0, size_t n1, const float *w);
    /* Exact. y[i][j] = chain over k ascending from 0 of y = fma(x[i][k], w[j][k], y). Ranges as matmul_i8. */
    void (*matmul_f32)(float *y, size_t ldy, const float *x, size_t ldx, size_t m0, size_t m1,
                       const ll_packed *w, size_t n0, size_t n1);

    /* Exact. Rows [r0, r1) of x[.][ldx] into the same rows of out (rule above). */
    void (*quantize)(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1);
    /* Exact. y = x * inv_rms * weight, then quantized. Sum of squares in 16 lanes: lane[i % 16] = fma(x[i],
     * x[i], lane), then lanes added pairwise at distance 8, 4, 2, 1 (lane[i] += lane[i + 8], ...); inv_rms =
     * 1 / sqrt(ss / k + eps), each of /, +, sqrt, / rounded once; y = (x * inv_rms) * weight. (RMSNorm: arXiv
     * 1910.07467) */
    void (*rmsnorm_i8)(ll_act *out, const float *x, size_t ldx, const float *weight, float eps, size_t r0,
                       size_t r1);
    /* Exact, same y. k elements a row. */
    void (*rmsnorm_f32)(float *y, size_t ldy, const float *x, size_t ldx, const float *weight, float eps,
                        size_t k, size_t r0, size_t r1);
    /* Exact. h = (gate / (1 + exp(-gate))) * up with the exp of kernels/exp.h; gate at x[i][0..k), up at
     * x[i][k..2k). (SwiGLU: arXiv 2002.05202) */
    void (*silu_mul_i8)(ll_act *out, const float *x, size_t ldx, size_t r0, size_t r1);
    void (*silu_mul_f32)(float *y, size_t ldy, const float *x, size_t ldx, size_t k, size_t r0, size_t r1);
    /* Exact. y[i] = y[i] + x[i], n elements. */
    void (*add_f32)(float *y, const float *x, size_t n);
    /* Exact. Rotates, in place, heads * head_dim values of each of rows rows: with half = head_dim / 2, the pair
     * (a, b) = (x[d], x[d + half]) becomes (fma(a, cos, -(b * sin)), fma(b, cos, a * sin)); cos, sin
     * [rows][half]. (RoPE: arXiv 2104.09864; half-split order, as Hugging Face Llama) */
    void (*rope_f32)(float *x, size_t ldx, size_t rows, size_t heads, size_t head_dim, const float *cos,
                     const float *sin);
    /* Exact. Stores rows k[r][kv_heads * head_dim], v[r][...] at positions pos0 + r < capacity. */
    void (*kv_store)(const ll_kv *kv, size_t pos0, size_t rows, const float *k, size_t ldk, const float *v,
                     size_t ldv);
    /* Bytes of scratch (aligned to LL_ALIGN) that one call of attention needs. */
    size_t (*attention_scratch_bytes)(const ll_kv *kv, size_t heads);
    /* Causal attention of rows at positions p = pos0 + r over the positions j of the cache that p sees, max(0, p -
     * window + 1) .. p, or 0 .. p with window 0, for the query heads of KV heads [h0, h1): out[r][h][d] = sum_j
     * softmax_j(scale * q[r][h] . K[j]) V[j][d]; query head h reads KV head h / (heads / kv_heads). q [rows][ldq],
     * out [rows][ldo], both from head 0. scale is applied to q . K.
     * NaN in a seen K makes all of out[r][h] NaN, in a seen V its own d (every d in int8). What positions hold that a
     * row does not see, NaN included, never reaches it; blocks of 64 positions (from 0) that no row sees are not read.
     * |error| <= (head_dim + positions + 64) * 2^-23 * (1 + max|scale q.K|_1) * max|V| against exact arithmetic
     * on the stored K and V, |.|_1 the sum of absolute products, positions and max over those seen; int8: for |q| up to
     * 2^80; bf16, where attention_rounds: q and the weights e^(score - max) are rounded to bf16 (nearest even), which adds
     * 2^-9 * (1 + max|scale q.K|_1) * max|V|, for |q| up to 2^80, and what is below 2^-126 may count as 0.
     * (GQA: arXiv 2305.13245; online softmax: arXiv 1805.02867; sliding window: arXiv 2310.06825) */
    void (*attention)(float *out, size_t ldo, const float *q, size_t ldq, const ll_kv *kv, size_t pos0,
                      size_t rows, size_t heads, size_t h0, size_t h1, float scale, size_t window,
                      void *scratch);
    /* x[i] = exp(x[i] - max) / sum, in place; n >= 1. |error| <= (n / 16 + 40) * 2^-23 of the result, plus 2^-149. */
    void (*softmax_f32)(float *x, size_t n);
    /* log(sum exp(x[i])), n >= 1, summed in double. |error| <= 2^-20 + 2^-23 |result|. */
    double (*logsumexp_f32)(const float *x, size_t n);
    /* Register-only int8 multiply-adds: runs rounds rounds, returns operations done (a multiply and an add
     * are two). */
    double (*peak_i8)(size_t rounds);
    /* The same of f32 fused multiply-adds. */
    double (*peak_f32)(size_t rounds);
    /* Reads bytes bytes at p (64-byte aligned, a multiple of 4096) once; variant 0 .. LL_READ_VARIANTS-1
     * differ in prefetch distance and number of streams. Returns a value that depends on the data. */
    uint64_t (*read_stream)(const void *p, size_t bytes, int variant);

    bool attention_rounds;        /* attention over a bf16 cache rounds q and weights */
    const char *isa[LL_OP_COUNT]; /* which ISA filled the slot */
    const char *name;             /* the strongest ISA in the table */
} ll_kernels;

enum { LL_READ_VARIANTS = 3 };

/* ---- CPU features and selection ---- */
/* The features of this CPU that its operating system supports (CPUID and XCR0, or HWCAP); bits of
 * kernels/cpu.h. */
uint64_t ll_cpu_features(void);

/* ISAs compiled in, weakest first (index 0 is ref); NULL past the end. */
const char *ll_isa_name(size_t index);
/* Whether a CPU with these features runs ISA index. */
bool ll_isa_supported(size_t index, uint64_t features);
/* Whether it also takes that ISA unasked: one that is slower there than what it replaces is only for who names it. */
bool ll_isa_chosen(size_t index, uint64_t features);

/* What of features ISA index lacks, the bit of such a judgement included; 0 where it is chosen. */
uint64_t ll_isa_missing(size_t index, uint64_t features);
/* The name of one feature bit, of a CPU's as its maker's manuals write it; NULL for another value. */
const char *ll_cpu_feature_name(uint64_t feature);
/* Whether ISA index has a kernel of its own for op; else op is a weaker ISA's. */
bool ll_isa_brings(size_t index, ll_op op);
/* The architecture of an ISA, "X86", "ARM" or "ANY", also of one that this build leaves out; NULL for no ISA's name. */
const char *ll_isa_architecture(const char *name);

/* Fills table from ref, then from every ISA that is chosen for features, weakest first, up to and including
 * the ISA called cap, chosen or not (NULL: no cap). LL_BAD_USAGE: no ISA of that name. LL_NO_RESOURCE: cap is not
 * supported. */
ll_status ll_kernels_select(ll_kernels *table, uint64_t features, const char *cap);

#ifdef __cplusplus
}
#endif
#endif
