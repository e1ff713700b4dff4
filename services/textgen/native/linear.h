// Weights of linear layers, packed for the products of gemm.h, and loops over rows.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Dict.h>
#include <ATen/ops/empty.h>

#include <string>
#include <vector>

#include "arena.h"
#include "gemm.h"

namespace quadrille {

using at::Tensor;

constexpr int64_t kSerialRows = 8;  // below this, splitting work on single rows costs more than it saves

inline const bf16* numbers(const Tensor& tensor) { return reinterpret_cast<const bf16*>(tensor.data_ptr()); }
inline bf16* numbers(Tensor& tensor) { return reinterpret_cast<bf16*>(tensor.data_ptr()); }
inline const float* floats(const Tensor& tensor) { return tensor.defined() ? tensor.data_ptr<float>() : nullptr; }

template <typename Body>
void each_row(int64_t rows, const Body& body) {
  if (rows < kSerialRows) {
    for (int64_t row = 0; row < rows; ++row) body(row);
  } else {
    at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) body(row);
    });
  }
}

// A packed weight with what is added to its product, in bfloat16 or, with scales, in int8.
struct Linear {
  uint8_t* packed;
  int64_t columns, depth, steps;
  Tensor bias;          // (columns,) float32, or undefined
  Tensor scales, sums;  // (columns,) float32, of int8 only

  // c (rows, columns) = x (rows, depth) times the weight; `packed_rows` and `row_scales` are scratch.
  void operator()(int64_t rows, const float* x, float* c, std::vector<uint8_t>& packed_rows,
                  std::vector<float>& row_scales) const {
    const int64_t stride = steps * kStep;
    packed_rows.resize(std::max<size_t>(packed_rows.size(), rows * stride));
    row_scales.resize(std::max<size_t>(row_scales.size(), rows));
    const bool small = scales.defined();
    each_row(rows, [&](int64_t row) {
      uint8_t* to = packed_rows.data() + row * stride;
      row_scales[row] = small ? pack_row(x + row * depth, depth, steps, to)
                              : pack_row(x + row * depth, depth, steps, reinterpret_cast<bf16*>(to));
    });
    const Rows all{packed_rows.data(), stride, row_scales.data()};
    const Weights weights{packed, columns, steps, floats(bias), floats(scales),
                          floats(sums)};
    at::parallel_for(0, (panels_of(columns) + 1) / 2, 1, [&](int64_t begin, int64_t end) {
      const int64_t last = std::min(2 * end, panels_of(columns));
      if (small) {
        multiply<Int8>(rows, all, weights, c, 2 * begin, last);
      } else {
        multiply<Bfloat16>(rows, all, weights, c, 2 * begin, last);
      }
    });
  }
};

// Packs a weight (columns, depth) in bfloat16; in int8 each column is divided by its own scale.
inline Linear packed_linear(const Tensor& weight, const Tensor& bias, bool small, Arena& arena) {
  TORCH_CHECK(weight.dim() == 2 && weight.scalar_type() == at::kBFloat16, "weights are (columns, depth) in bfloat16");
  const int64_t columns = weight.size(0), depth = weight.size(1), deep = small ? Int8::kDeep : Bfloat16::kDeep;
  const int64_t steps = (depth + deep - 1) / deep;
  Linear linear{arena.take(panels_of(columns) * steps * kLine), columns, depth, steps,
                bias.defined() ? bias.to(at::kFloat).contiguous() : bias, {}, {}};
  const Tensor plain = weight.contiguous();
  if (small) {
    linear.scales = at::empty({columns}, at::kFloat);
    linear.sums = at::empty({columns}, at::kFloat);
  }
  at::parallel_for(0, columns, 64, [&](int64_t begin, int64_t end) {
    std::vector<float> from(depth);
    for (int64_t column = begin; column < end; ++column) {
      for (int64_t i = 0; i < depth; ++i) from[i] = to_float(numbers(plain)[column * depth + i]);
      uint8_t* to = linear.packed + (column / kLanes) * steps * kLine + (column % kLanes) * kStep;
      float most = 1e-30f;
      for (int64_t i = 0; i < depth; ++i) most = std::max(most, std::abs(from[i]));
      const float scale = most / 127.0f;
      int64_t sum = 0;
      for (int64_t i = 0; i < depth; ++i) {
        uint8_t* place = to + (i / deep) * kLine;
        if (small) {
          const int8_t number = static_cast<int8_t>(std::lrint(from[i] / scale));
          sum += number;
          place[i % deep] = static_cast<uint8_t>(number);
        } else {
          reinterpret_cast<bf16*>(place)[i % deep] = to_bf16(from[i]);
        }
      }
      if (small) {
        linear.scales.data_ptr<float>()[column] = scale;
        linear.sums.data_ptr<float>()[column] = static_cast<float>(sum);
      }
    }
  });
  return linear;
}

// A weight by its name, or an undefined tensor.
inline Tensor given(const c10::Dict<std::string, Tensor>& weights, const std::string& name) {
  return weights.contains(name) ? weights.at(name) : Tensor();
}

}  // namespace quadrille
