// Attention over blocks of keys and values that are packed as the products' panels are.
//
// A block holds 16 tokens. Its keys lie as [head][width / 2][16 tokens][2], so that the scores of 16 tokens are one
// panel's product; its values as [head][16 tokens / 2][width][2], so that 16 columns of the answer are. Every
// cached byte is read once for all the queries that share its head.
#pragma once

#include <limits>
#include <vector>

#include "gemm.h"

namespace quadrille {

constexpr int64_t kBlock = 16;       // tokens
constexpr int64_t kBlocksAhead = 4;  // of values, that memory is asked for

struct Heads {
  int64_t queries;  // heads of queries
  int64_t shared;   // heads of keys and values
  int64_t width;    // of each; a multiple of 16
  float scale;
  int64_t window;  // tokens that are looked back at, the token itself included; 0: all

  int64_t group() const { return queries / shared; }
  int64_t block() const { return shared * kBlock * width; }  // numbers of a block
};

// Writes a token's key and value (shared heads, width) into its place.
inline void write_token(const Heads& heads, const float* key, const float* value, bf16* key_block, bf16* value_block,
                        int64_t place) {
  for (int64_t head = 0; head < heads.shared; ++head) {
    bf16* keys = key_block + head * kBlock * heads.width;
    bf16* values = value_block + head * kBlock * heads.width;
    for (int64_t i = 0; i < heads.width; ++i) {
      keys[((i / 2) * kBlock + place) * 2 + i % 2] = to_bf16(key[head * heads.width + i]);
      values[((place / 2) * heads.width + i) * 2 + place % 2] = to_bf16(value[head * heads.width + i]);
    }
  }
}

inline __m512 exponential(__m512 x) {  // exp(x) for x <= 0, to about 2e-7: 2^n times a polynomial (Cephes' expf)
  x = _mm512_max_ps(x, _mm512_set1_ps(-87.0f));
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
  __m512 p = _mm512_set1_ps(1.9875691500e-4f);
  for (float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f})
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
  p = _mm512_fmadd_ps(_mm512_mul_ps(p, r), r, _mm512_add_ps(r, _mm512_set1_ps(1.0f)));
  return _mm512_scalef_ps(p, n);
}

// Scores of up to kRowTile queries (rows, width) with PANELS blocks from `block` on, into scores (rows, cells).
// `soon` are the parts of blocks that are needed next.
template <int ROWS, int PANELS>
inline void score_blocks(const Heads& heads, const bf16* query, const int64_t* at, const int32_t* table,
                         const bf16* keys, int64_t block, const Ahead<PANELS>& soon, float* scores, int64_t cells,
                         __m512 (&most)[ROWS]) {
  const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512 nothing = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  __m512 sums[ROWS][PANELS];
  const uint8_t* panels[PANELS];
  for (int p = 0; p < PANELS; ++p) {
    panels[p] = reinterpret_cast<const uint8_t*>(keys + table[block + p] * heads.block());
    for (int r = 0; r < ROWS; ++r) sums[r][p] = _mm512_setzero_ps();
  }
  multiply_tile<Bfloat16, ROWS, PANELS>(reinterpret_cast<const uint8_t*>(query), heads.width * 2, kStep, panels,
                                        heads.width / 2, soon, sums);
  for (int p = 0; p < PANELS; ++p) {
    const __m512i places = _mm512_add_epi32(lanes, _mm512_set1_epi32(static_cast<int>((block + p) * kBlock)));
    for (int r = 0; r < ROWS; ++r) {
      __m512 score = _mm512_mul_ps(sums[r][p], _mm512_set1_ps(heads.scale));
      __mmask16 seen = _mm512_cmple_epi32_mask(places, _mm512_set1_epi32(static_cast<int>(at[r])));
      if (heads.window)
        seen &= _mm512_cmpgt_epi32_mask(places, _mm512_set1_epi32(static_cast<int>(at[r] - heads.window)));
      score = _mm512_mask_blend_ps(seen, nothing, score);
      most[r] = _mm512_max_ps(most[r], score);
      _mm512_storeu_ps(scores + r * cells + p * kBlock, score);
    }
  }
}

// COLUMNS panels of the answer: shares (rows, cells) times values.
template <int ROWS, int COLUMNS>
inline void mix_values(const Heads& heads, const int32_t* table, const bf16* values, int64_t blocks,
                       const bf16* shares, int64_t cells, const float* norms, float* out, const int64_t* out_rows) {
  __m512 sums[ROWS][COLUMNS];
  for (int r = 0; r < ROWS; ++r)
    for (int c = 0; c < COLUMNS; ++c) sums[r][c] = _mm512_setzero_ps();
  for (int64_t block = 0; block < blocks; ++block) {
    const bf16* panel = values + table[block] * heads.block();
    const bf16* soon = values + table[std::min(block + kBlocksAhead, blocks - 1)] * heads.block();
    for (int64_t pair = 0; pair < kBlock / 2; ++pair) {
      __m512bh v[COLUMNS];
#pragma GCC unroll 4
      for (int c = 0; c < COLUMNS; ++c) {
        const int64_t place = (pair * heads.width + c * kLanes) * 2;
        v[c] = (__m512bh)_mm512_loadu_si512(panel + place);
        _mm_prefetch(reinterpret_cast<const char*>(soon + place), _MM_HINT_T0);
      }
#pragma GCC unroll 12
      for (int r = 0; r < ROWS; ++r) {
        int32_t two;
        __builtin_memcpy(&two, shares + r * cells + block * kBlock + 2 * pair, 4);
        const __m512bh share = (__m512bh)_mm512_set1_epi32(two);
#pragma GCC unroll 4
        for (int c = 0; c < COLUMNS; ++c) sums[r][c] = _mm512_dpbf16_ps(sums[r][c], share, v[c]);
      }
    }
  }
  for (int r = 0; r < ROWS; ++r)
    for (int c = 0; c < COLUMNS; ++c)
      _mm512_storeu_ps(out + out_rows[r] * heads.width + c * kLanes,
                       _mm512_mul_ps(sums[r][c], _mm512_set1_ps(norms[r])));
}

// Up to kRowTile queries of one shared head: query (rows, width) at positions at[row]; keys and values begin with
// that head's part of block 0. out has rows of a head's width, of which out_rows are written.
template <int ROWS>
void attend_rows(const Heads& heads, const bf16* query, const int64_t* at, const int32_t* table, const bf16* keys,
                 const bf16* values, float* out, const int64_t* out_rows, std::vector<float>& scores,
                 std::vector<bf16>& shares) {
  // Few rows take several blocks at once: sums that wait for each other would leave the multipliers idle.
  constexpr int kWide = ROWS <= 6 ? 4 : 2;
  int64_t last = 0, earliest = std::numeric_limits<int64_t>::max();
  for (int r = 0; r < ROWS; ++r) {
    last = std::max(last, at[r]);
    earliest = std::min(earliest, heads.window ? std::max<int64_t>(0, at[r] - heads.window + 1) : 0);
  }
  const int64_t first = earliest / kBlock, blocks = last / kBlock + 1 - first, cells = blocks * kBlock;
  scores.resize(std::max<size_t>(scores.size(), ROWS * cells));
  shares.resize(std::max<size_t>(shares.size(), ROWS * cells));
  __m512 most[ROWS];
  for (int r = 0; r < ROWS; ++r) most[r] = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  auto score = [&]<int PANELS>(int64_t block) {
    Ahead<PANELS> soon{{}, kLine};
    for (int p = 0; p < PANELS; ++p) {  // after the last keys come the first values
      const int64_t next = std::min(block + PANELS + p, 2 * blocks - 1);
      const bf16* from = next < blocks ? keys : values;
      soon.panels[p] = reinterpret_cast<const uint8_t*>(from + table[first + next % blocks] * heads.block());
    }
    score_blocks<ROWS, PANELS>(heads, query, at, table, keys, first + block, soon, scores.data() + block * kBlock,
                               cells, most);
  };
  int64_t block = 0;
  for (; block + kWide <= blocks; block += kWide) score.template operator()<kWide>(block);
  for (; block < blocks; ++block) score.template operator()<1>(block);
  float norms[ROWS];
  for (int r = 0; r < ROWS; ++r) {
    const __m512 peak = _mm512_set1_ps(_mm512_reduce_max_ps(most[r]));
    __m512 total = _mm512_setzero_ps();
    for (int64_t cell = 0; cell < cells; cell += kBlock) {
      const __m512 score = _mm512_loadu_ps(scores.data() + r * cells + cell);
      const __mmask16 seen = _mm512_cmp_ps_mask(score, _mm512_set1_ps(-1e37f), _CMP_GT_OQ);
      const __m512 share = _mm512_maskz_mov_ps(seen, exponential(_mm512_sub_ps(score, peak)));
      total = _mm512_add_ps(total, share);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(shares.data() + r * cells + cell),
                          (__m256i)_mm512_cvtneps_pbh(share));
    }
    norms[r] = 1.0f / _mm512_reduce_add_ps(total);
  }
  int64_t column = 0;
  for (; column + kWide * kLanes <= heads.width; column += kWide * kLanes)
    mix_values<ROWS, kWide>(heads, table + first, values + column * 2, blocks, shares.data(), cells, norms, out + column,
                            out_rows);
  for (; column < heads.width; column += kLanes)
    mix_values<ROWS, 1>(heads, table + first, values + column * 2, blocks, shares.data(), cells, norms, out + column,
                        out_rows);
}

// One sequence's queries of one shared head. query (count, heads, width) of tokens from position start on;
// out likewise.
inline void attend(const Heads& heads, int64_t head, int64_t start, int64_t count, const bf16* query,
                   const int32_t* table, const bf16* keys, const bf16* values, float* out) {
  thread_local std::vector<float> scores;
  thread_local std::vector<bf16> shares, gathered;
  gathered.resize(kRowTile * heads.width);
  const int64_t group = heads.group(), rows = count * group;
  keys += head * kBlock * heads.width;
  values += head * kBlock * heads.width;
  for (int64_t begin = 0; begin < rows; begin += kRowTile) {
    const int64_t height = std::min(kRowTile, rows - begin);
    int64_t at[kRowTile], places[kRowTile];
    for (int64_t r = 0; r < height; ++r) {
      const int64_t token = (begin + r) / group;
      at[r] = start + token;
      places[r] = token * heads.queries + head * group + (begin + r) % group;
      std::copy_n(query + places[r] * heads.width, heads.width, gathered.data() + r * heads.width);
    }
    with_rows(height, [&]<int ROWS>() {
      attend_rows<ROWS>(heads, gathered.data(), at, table, keys, values, out, places, scores, shares);
    });
  }
}

}  // namespace quadrille
