// Products of a few rows of activations with packed weights, in bfloat16 (VDPBF16PS) or in int8 (VPDPBUSD).
//
// A weight matrix (columns, depth) is packed into panels of 16 columns: [column / 16][depth / deep][16][deep], where
// deep is what one instruction multiplies and adds in a lane: 2 numbers of bfloat16 or 4 of int8. So one 64-byte load
// has `deep` neighbours in depth for each of 16 columns, and 4 bytes of a row are multiplied with all of them.
// A row's sums are formed in the same order whatever rows lie beside it: results do not depend on the batch.
// The blocking is that of Goto and van de Geijn (2008), with the depth whole, since it is small.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace quadrille {

using bf16 = uint16_t;

constexpr int64_t kLanes = 16;    // columns of a panel
constexpr int64_t kLine = 64;     // bytes of a panel for one step in depth
constexpr int64_t kStep = 4;      // bytes of a row for one step in depth
constexpr int64_t kRowTile = 12;  // rows whose sums are kept in registers, for two panels at once
constexpr int kFew = 8;           // rows that are done with a panel sooner than memory brings it
constexpr int64_t kAhead = 64;    // steps that they look ahead in the panel itself

inline int64_t panels_of(int64_t columns) { return (columns + kLanes - 1) / kLanes; }
inline __mmask16 lanes_left(int64_t count) { return count >= kLanes ? 0xFFFF : (1u << count) - 1; }

inline float to_float(bf16 value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float result;
  __builtin_memcpy(&result, &bits, 4);
  return result;
}

inline bf16 to_bf16(float value) {  // to the nearest, ties to even
  uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  return static_cast<bf16>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

struct Bfloat16 {
  using Sum = __m512;
  static constexpr int64_t kDeep = 2;
  static Sum zero() { return _mm512_setzero_ps(); }
  static Sum add(Sum sum, __m512i row, __m512i panel) {
    return _mm512_dpbf16_ps(sum, (__m512bh)row, (__m512bh)panel);
  }
};

struct Int8 {  // rows unsigned with an offset of 128, weights signed
  using Sum = __m512i;
  static constexpr int64_t kDeep = 4;
  static Sum zero() { return _mm512_setzero_si512(); }
  // GCC's allocator of registers copies the sums of the intrinsic, _mm512_dpbusd_epi32, to memory and back.
  static Sum add(Sum sum, __m512i row, __m512i panel) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(row), "v"(panel));
    return sum;
  }
};

// Activations, packed for a kind: rows of `stride` bytes. For int8, what each row's numbers were divided by.
struct Rows {
  const uint8_t* data;
  int64_t stride;
  const float* scales;
};

// Weights, packed for a kind. For int8, what each column's numbers were divided by, and the columns' sums.
struct Weights {
  const uint8_t* data;
  int64_t columns, steps;
  const float* bias;  // or null
  const float* scales;
  const float* sums;

  const uint8_t* panel(int64_t number) const { return data + number * steps * kLine; }
};

// What memory is asked for while panels are multiplied: in each step what is `advance` bytes further on in each.
template <int PANELS>
struct Ahead {
  const uint8_t* panels[PANELS];
  int64_t advance;
};

// A few rows are done with a panel sooner than memory brings it. More of them leave the time to fetch the panels after
// [first, first + PANELS), a part of them in each of the tiles of rows.
template <int ROWS, int PANELS>
inline Ahead<PANELS> panels_ahead(const Weights& weights, int64_t first, int64_t tile, int64_t tiles) {
  const bool few = tiles == 1 && ROWS <= kFew;
  Ahead<PANELS> ahead{{}, few ? kLine : (kLine + tiles - 1) / tiles};
  for (int p = 0; p < PANELS; ++p)
    ahead.panels[p] = few ? weights.panel(first + p) + kAhead * kLine
                          : weights.panel(first + PANELS + p) + tile * weights.steps * ahead.advance;
  return ahead;
}

// sums[row][panel] += rows times PANELS panels over `steps` steps in depth.
template <class Kind, int ROWS, int PANELS>
inline void multiply_tile(const uint8_t* rows, int64_t stride, const uint8_t* const (&panels)[PANELS], int64_t steps,
                          const Ahead<PANELS>& ahead, typename Kind::Sum (&sums)[ROWS][PANELS]) {
  for (int64_t step = 0; step < steps; ++step) {
    __m512i b[PANELS];
#pragma GCC unroll 4
    for (int p = 0; p < PANELS; ++p) {
      b[p] = _mm512_loadu_si512(panels[p] + step * kLine);
      _mm_prefetch(reinterpret_cast<const char*>(ahead.panels[p] + step * ahead.advance), _MM_HINT_T0);
    }
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; ++r) {
      int32_t numbers;
      __builtin_memcpy(&numbers, rows + r * stride + step * kStep, kStep);
      const __m512i x = _mm512_set1_epi32(numbers);
#pragma GCC unroll 4
      for (int p = 0; p < PANELS; ++p) sums[r][p] = Kind::add(sums[r][p], x, b[p]);
    }
  }
}

// What a sum stands for in a column of panel `number`: scaled back, with the bias.
inline __m512 finished(__m512 sum, const Weights& weights, int64_t number, __mmask16 mask, float) {
  if (!weights.bias) return sum;
  return _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, weights.bias + number * kLanes));
}
inline __m512 finished(__m512i sum, const Weights& weights, int64_t number, __mmask16 mask, float scale) {
  const int64_t column = number * kLanes;
  const __m512 offset = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, weights.sums + column), _mm512_set1_ps(128.0f));
  const __m512 both = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, weights.scales + column), _mm512_set1_ps(scale));
  const __m512 value = _mm512_mul_ps(_mm512_sub_ps(_mm512_cvtepi32_ps(sum), offset), both);
  return finished(value, weights, number, mask, scale);
}

// c (ROWS, columns) = rows times panels [first, first + PANELS). It is tile number `tile` of `tiles` over these panels.
template <class Kind, int ROWS, int PANELS>
void store_tile(const Rows& rows, int64_t row, const Weights& weights, int64_t first, int64_t tile, int64_t tiles,
                float* c) {
  typename Kind::Sum sums[ROWS][PANELS];
  const uint8_t* panels[PANELS];
#pragma GCC unroll 4
  for (int p = 0; p < PANELS; ++p) {
    panels[p] = weights.panel(first + p);
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; ++r) sums[r][p] = Kind::zero();
  }
  multiply_tile<Kind, ROWS, PANELS>(rows.data + row * rows.stride, rows.stride, panels, weights.steps,
                                    panels_ahead<ROWS, PANELS>(weights, first, tile, tiles), sums);
#pragma GCC unroll 4
  for (int p = 0; p < PANELS; ++p) {
    const int64_t column = (first + p) * kLanes;
    const __mmask16 mask = lanes_left(weights.columns - column);
#pragma GCC unroll 12
    for (int r = 0; r < ROWS; ++r)
      _mm512_mask_storeu_ps(c + (row + r) * weights.columns + column, mask,
                            finished(sums[r][p], weights, first + p, mask, rows.scales ? rows.scales[row + r] : 1.0f));
  }
}

// Calls body.template operator()<n>() for n = count, 1 to kRowTile: so that loops over rows have a fixed length.
template <typename Body>
inline void with_rows(int64_t count, const Body& body) {
#define QUADRILLE_ROWS(n) \
  case n: return body.template operator()<n>();
  switch (count) {
    QUADRILLE_ROWS(1) QUADRILLE_ROWS(2) QUADRILLE_ROWS(3) QUADRILLE_ROWS(4) QUADRILLE_ROWS(5) QUADRILLE_ROWS(6)
    QUADRILLE_ROWS(7) QUADRILLE_ROWS(8) QUADRILLE_ROWS(9) QUADRILLE_ROWS(10) QUADRILLE_ROWS(11) QUADRILLE_ROWS(12)
  }
#undef QUADRILLE_ROWS
}

// c (count, columns) = rows times the weights, for panels [begin, end).
template <class Kind>
void multiply(int64_t count, const Rows& rows, const Weights& weights, float* c, int64_t begin, int64_t end) {
  // Tiles of nearly equal height, so that the last is not a sliver: 32 rows are 11, 11 and 10.
  const int64_t tiles = (count + kRowTile - 1) / kRowTile;
  for (int64_t panel = begin; panel < end;) {
    const bool two = end - panel >= 2;
    int64_t row = 0;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t height = (count - row + (tiles - tile) - 1) / (tiles - tile);
      with_rows(height, [&]<int ROWS>() {
        if (two) {
          store_tile<Kind, ROWS, 2>(rows, row, weights, panel, tile, tiles, c);
        } else {
          store_tile<Kind, ROWS, 1>(rows, row, weights, panel, tile, tiles, c);
        }
      });
      row += height;
    }
    panel += two ? 2 : 1;
  }
}

// Packs one row of activations; returns what its numbers were divided by. `depth` up to a multiple of kDeep.
inline float pack_row(const float* x, int64_t depth, int64_t steps, bf16* to) {
  for (int64_t i = 0; i < steps * Bfloat16::kDeep; i += kLanes) {
    const __m512 numbers = _mm512_maskz_loadu_ps(i < depth ? lanes_left(depth - i) : 0, x + i);
    _mm256_mask_storeu_epi16(to + i, lanes_left(steps * Bfloat16::kDeep - i), (__m256i)_mm512_cvtneps_pbh(numbers));
  }
  return 1.0f;
}
inline float pack_row(const float* x, int64_t depth, int64_t steps, uint8_t* to) {
  __m512 most = _mm512_setzero_ps();
  for (int64_t i = 0; i < depth; i += kLanes)
    most = _mm512_max_ps(most, _mm512_abs_ps(_mm512_maskz_loadu_ps(lanes_left(depth - i), x + i)));
  const float scale = std::max(_mm512_reduce_max_ps(most) / 127.0f, 1e-30f);
  for (int64_t i = 0; i < steps * Int8::kDeep; i += kLanes) {
    const __m512 numbers = _mm512_maskz_loadu_ps(i < depth ? lanes_left(depth - i) : 0, x + i);
    const __m512i rounded = _mm512_cvtps_epi32(_mm512_mul_ps(numbers, _mm512_set1_ps(1.0f / scale)));
    _mm_mask_storeu_epi8(to + i, lanes_left(steps * Int8::kDeep - i),
                         _mm512_cvtepi32_epi8(_mm512_add_epi32(rounded, _mm512_set1_epi32(128))));
  }
  return scale;
}

}  // namespace quadrille
