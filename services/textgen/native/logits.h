// What is asked of every row of logits: the likeliest token, and the logarithm of the sum of exponentials.
#pragma once

#include <limits>

#include "attention.h"

namespace quadrille {

// Of one row (count,): the place of its largest number, the first of equals, and log(sum(exp)). A row without a
// finite sum has a log-sum that is not finite.
inline float summarise(const float* row, int64_t count, int64_t& place) {
  const __m512 nothing = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
  const __m512i step = _mm512_set1_epi32(kLanes);
  __m512i here = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), places = here;
  __m512 most = nothing;
  bool sound = true;
  for (int64_t i = 0; i < count; i += kLanes, here = _mm512_add_epi32(here, step)) {
    const __mmask16 mask = lanes_left(count - i);
    const __m512 x = _mm512_mask_loadu_ps(nothing, mask, row + i);
    sound = sound && !_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    const __mmask16 more = _mm512_cmp_ps_mask(x, most, _CMP_GT_OQ);
    most = _mm512_mask_mov_ps(most, more, x);
    places = _mm512_mask_mov_epi32(places, more, here);
  }
  const float peak = _mm512_reduce_max_ps(most);
  const __mmask16 best = _mm512_cmp_ps_mask(most, _mm512_set1_ps(peak), _CMP_EQ_OQ);
  place = best ? _mm512_mask_reduce_min_epi32(best, places) : 0;
  if (!sound || !std::isfinite(peak)) return std::numeric_limits<float>::quiet_NaN();
  __m512 total = _mm512_setzero_ps();
  for (int64_t i = 0; i < count; i += kLanes) {
    const __mmask16 mask = lanes_left(count - i);
    const __m512 x = _mm512_mask_loadu_ps(nothing, mask, row + i);
    total = _mm512_mask_add_ps(total, mask, total, exponential(_mm512_sub_ps(x, _mm512_set1_ps(peak))));
  }
  return peak + std::log(_mm512_reduce_add_ps(total));
}

}  // namespace quadrille
