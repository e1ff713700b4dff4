// Products of many rows in bfloat16, whose sums go from registers straight to where they are needed.
#pragma once

#include "linear.h"

namespace quadrille {

// Calls sink(row, column, sums) for ROWS rows from `row` on and PANELS panels from `first` on, 16 columns at a time.
template <int ROWS, int PANELS, typename Sink>
inline void sink_tile(const bf16* rows, int64_t row, const Weights& weights, int64_t first, int64_t tile,
                      int64_t tiles, const Sink& sink) {
  __m512 sums[ROWS][PANELS];
  const uint8_t* panels[PANELS];
  for (int p = 0; p < PANELS; ++p) {
    panels[p] = weights.panel(first + p);
    for (int r = 0; r < ROWS; ++r) sums[r][p] = _mm512_setzero_ps();
  }
  const int64_t stride = weights.steps * kStep;
  multiply_tile<Bfloat16, ROWS, PANELS>(reinterpret_cast<const uint8_t*>(rows) + row * stride, stride, panels,
                                        weights.steps, panels_ahead<ROWS, PANELS>(weights, first, tile, tiles), sums);
  for (int p = 0; p < PANELS; ++p) {
    const int64_t column = (first + p) * kLanes;
    const __m512 bias = _mm512_loadu_ps(weights.bias + column);
    for (int r = 0; r < ROWS; ++r) sink(row + r, column, _mm512_add_ps(sums[r][p], bias));
  }
}

// rows (count, depth) times a weight with a bias; depth even, columns a multiple of 16.
template <typename Sink>
void multiply_dense(int64_t count, const bf16* rows, const Linear& linear, const Sink& sink) {
  const Weights weights{linear.packed, linear.columns, linear.steps, floats(linear.bias), nullptr, nullptr};
  const int64_t panels = panels_of(linear.columns), tiles = (count + kRowTile - 1) / kRowTile;
  at::parallel_for(0, (panels + 1) / 2, 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = 2 * begin; panel < std::min(2 * end, panels); panel += 2) {
      for (int64_t tile = 0, row = 0; tile < tiles; ++tile) {  // of nearly equal height
        const int64_t height = (count - row + (tiles - tile) - 1) / (tiles - tile);
        with_rows(height, [&]<int ROWS>() {
          if (panel + 1 < panels) {
            sink_tile<ROWS, 2>(rows, row, weights, panel, tile, tiles, sink);
          } else {
            sink_tile<ROWS, 1>(rows, row, weights, panel, tile, tiles, sink);
          }
        });
        row += height;
      }
    }
  });
}

inline void store_bf16(bf16* to, __m512 numbers) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh(numbers));
}

}  // namespace quadrille
