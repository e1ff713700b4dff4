// Products of a few rows of activations with packed bfloat16 weights, by AVX-512's VDPBF16PS.
//
// A weight matrix (columns, depth) is packed into panels of 16 columns: [column / 16][depth / 2][16][2]. So one
// 64-byte load has two neighbours in depth for each of 16 columns, and one instruction multiplies and adds them.
// A row's sums are formed in the same order whatever rows lie beside it: results do not depend on the batch.
// The blocking is that of Goto and van de Geijn (2008), with the depth whole, since it is small.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdint>

namespace quadrille {

using bf16 = uint16_t;

constexpr int64_t kLanes = 16;    // columns of a panel
constexpr int64_t kRowTile = 12;  // rows whose sums are kept in registers, for two panels at once

constexpr int kFew = 8;           // rows
constexpr int64_t kAhead = 64;    // pairs in depth

inline int64_t panels_of(int64_t columns) { return (columns + kLanes - 1) / kLanes; }

inline float to_float(bf16 value) {
  uint32_t bits = static_cast<uint32_t>(value) << 16;
  float result;
  __builtin_memcpy(&result, &bits, 4);
  return result;
}

inline bf16 to_bf16(float value) {  // to the nearest, ties to even
  uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  return static_cast<bf16>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

inline __m512i pair_of(const bf16* place) {
  int32_t pair;
  __builtin_memcpy(&pair, place, 4);
  return _mm512_set1_epi32(pair);
}

// sums[row][panel] += rows of a (rows, 2 * pairs) times PANELS panels; what lies at `ahead` will be needed soon.
template <int ROWS, int PANELS>
inline void multiply_tile(const bf16* a, int64_t a_stride, const bf16* const (&panels)[PANELS], int64_t pairs,
                          const bf16* ahead, __m512 (&sums)[ROWS][PANELS]) {
  for (int64_t pair = 0; pair < pairs; ++pair) {
    __m512bh b[PANELS];
#pragma GCC unroll 4
    for (int p = 0; p < PANELS; ++p) {
      b[p] = (__m512bh)_mm512_loadu_si512(panels[p] + pair * 2 * kLanes);
      // Few rows are done with a panel sooner than memory brings it: they look ahead in the panel itself.
      const bf16* soon = ROWS <= kFew ? panels[p] + (pair + kAhead) * 2 * kLanes : ahead + (pair * PANELS + p) * 2 * kLanes;
      _mm_prefetch(reinterpret_cast<const char*>(soon), _MM_HINT_T0);
    }
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; ++r) {
      const __m512bh x = (__m512bh)pair_of(a + r * a_stride + 2 * pair);
#pragma GCC unroll 4
      for (int p = 0; p < PANELS; ++p) sums[r][p] = _mm512_dpbf16_ps(sums[r][p], x, b[p]);
    }
  }
}

// c (rows, columns) = a (rows, depth) times panels [first, first + PANELS).
template <int ROWS, int PANELS>
void store_tile(const bf16* a, int64_t a_stride, const bf16* packed, int64_t depth, int64_t first, const float* bias,
                int64_t columns, float* c, int64_t c_stride) {
  __m512 sums[ROWS][PANELS];
  const bf16* panels[PANELS];
  for (int p = 0; p < PANELS; ++p) {
    const int64_t column = (first + p) * kLanes;
    const __mmask16 mask = (1u << std::min<int64_t>(kLanes, columns - column)) - 1;
    const __m512 begin = bias ? _mm512_maskz_loadu_ps(mask, bias + column) : _mm512_setzero_ps();
    for (int r = 0; r < ROWS; ++r) sums[r][p] = begin;
    panels[p] = packed + (first + p) * kLanes * depth;
  }
  multiply_tile<ROWS, PANELS>(a, a_stride, panels, depth / 2, packed + (first + PANELS) * kLanes * depth, sums);
  for (int p = 0; p < PANELS; ++p) {
    const int64_t column = (first + p) * kLanes;
    const __mmask16 mask = (1u << std::min<int64_t>(kLanes, columns - column)) - 1;
    for (int r = 0; r < ROWS; ++r) _mm512_mask_storeu_ps(c + r * c_stride + column, mask, sums[r][p]);
  }
}

template <int PANELS>
void store_rows(int64_t rows, const bf16* a, int64_t a_stride, const bf16* packed, int64_t depth, int64_t first,
                const float* bias, int64_t columns, float* c, int64_t c_stride) {
#define QUADRILLE_ROWS(n) \
  case n: return store_tile<n, PANELS>(a, a_stride, packed, depth, first, bias, columns, c, c_stride);
  switch (rows) {
    QUADRILLE_ROWS(1) QUADRILLE_ROWS(2) QUADRILLE_ROWS(3) QUADRILLE_ROWS(4) QUADRILLE_ROWS(5) QUADRILLE_ROWS(6)
    QUADRILLE_ROWS(7) QUADRILLE_ROWS(8) QUADRILLE_ROWS(9) QUADRILLE_ROWS(10) QUADRILLE_ROWS(11) QUADRILLE_ROWS(12)
  }
#undef QUADRILLE_ROWS
}

// c (rows, columns) = a (rows, depth) times the packed weights, plus bias, for panels [begin, end).
inline void multiply(int64_t rows, const bf16* a, int64_t a_stride, const bf16* packed, int64_t depth,
                     int64_t columns, const float* bias, float* c, int64_t c_stride, int64_t begin, int64_t end) {
  // Tiles of nearly equal height, so that the last is not a sliver: 32 rows are 11, 11 and 10.
  const int64_t tiles = (rows + kRowTile - 1) / kRowTile;
  for (int64_t panel = begin; panel < end;) {
    const bool two = end - panel >= 2;
    int64_t row = 0;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t height = (rows - row + (tiles - tile) - 1) / (tiles - tile);
      const bf16* from = a + row * a_stride;
      float* to = c + row * c_stride;
      if (two) {
        store_rows<2>(height, from, a_stride, packed, depth, panel, bias, columns, to, c_stride);
      } else {
        store_rows<1>(height, from, a_stride, packed, depth, panel, bias, columns, to, c_stride);
      }
      row += height;
    }
    panel += two ? 2 : 1;
  }
}

// Packs columns [begin, end) of a weight (columns, depth) of even depth; columns past the last are zeros.
inline void pack(const bf16* weight, int64_t columns, int64_t depth, bf16* packed, int64_t begin, int64_t end) {
  for (int64_t panel = begin; panel < end; ++panel)
    for (int64_t pair = 0; pair < depth / 2; ++pair)
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        const int64_t column = panel * kLanes + lane;
        bf16* to = packed + panel * kLanes * depth + (pair * kLanes + lane) * 2;
        to[0] = column < columns ? weight[column * depth + 2 * pair] : 0;
        to[1] = column < columns ? weight[column * depth + 2 * pair + 1] : 0;
      }
}

}  // namespace quadrille
