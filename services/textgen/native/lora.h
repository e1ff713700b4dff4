// Low-rank adapters (LoRA; Hu et al., 2021, arXiv:2106.09685): what they add to the products of some rows of a step.
#pragma once

#include <torch/custom_class.h>

#include <array>
#include <vector>

#include "linear.h"

namespace quadrille {

// A layer's products, in the order of a step; how Python numbers them, too.
enum Product { kQkv, kOut, kGateUp, kDown, kProducts };

// Adds x down up to a product's columns [first, first + up.columns).
struct LowRank {
  Linear down, up;
  int64_t first;
};

// An adapter's matrices in bfloat16, also beside weights in int8.
class Adapter : public torch::CustomClassHolder {
 public:
  explicit Adapter(int64_t layers) : layers_(layers) {}

  // down (rank, depth), up (columns, rank), with the adapter's scale in it.
  void add(int64_t layer, int64_t product, const Tensor& down, const Tensor& up, int64_t first) {
    TORCH_CHECK(product >= 0 && product < kProducts, "there is no product ", product);
    layers_.at(layer)[product].push_back(
        {packed_linear(down, {}, false, arena_), packed_linear(up, {}, false, arena_), first});
  }

  int64_t layers() const { return static_cast<int64_t>(layers_.size()); }
  const std::vector<LowRank>& parts(size_t layer, Product product) const { return layers_[layer][product]; }

 private:
  Arena arena_;
  std::vector<std::array<std::vector<LowRank>, kProducts>> layers_;
};

// The adapters of one step, each with its rows.
class AdaptedRows {
 public:
  // owners: which of the adapters each sequence has, -1 for none.
  void begin(const std::vector<c10::intrusive_ptr<Adapter>>& adapters, const Tensor& owners, const Tensor& lengths) {
    groups_.assign(adapters.size(), {});
    for (size_t number = 0; number < adapters.size(); ++number) groups_[number].adapter = adapters[number];
    TORCH_CHECK(owners.numel() == lengths.numel(), "each sequence has an owner or -1");
    for (int64_t sequence = 0, row = 0; sequence < owners.numel(); ++sequence) {
      const int64_t owner = owners.data_ptr<int64_t>()[sequence], end = row + lengths.data_ptr<int64_t>()[sequence];
      TORCH_CHECK(owner < static_cast<int64_t>(adapters.size()), "there is no adapter ", owner);
      for (; row < end; ++row)
        if (owner >= 0) groups_[owner].rows.push_back(row);
    }
  }

  // Lets go of the adapters.
  void end() { groups_.clear(); }

  // c (rows, width) += what the adapters make of x (rows, depth); other rows stay as they are.
  void add(size_t layer, Product product, const float* x, int64_t depth, float* c, int64_t width) {
    for (const Group& group : groups_) {
      const std::vector<LowRank>& parts = group.adapter->parts(layer, product);
      const int64_t count = static_cast<int64_t>(group.rows.size());
      if (parts.empty() || count == 0) continue;
      gathered_.resize(count * depth);
      for (int64_t i = 0; i < count; ++i)
        std::copy_n(x + group.rows[i] * depth, depth, gathered_.data() + i * depth);
      for (const LowRank& part : parts) {
        TORCH_CHECK(part.down.depth == depth && part.up.depth == part.down.columns &&
                        part.first + part.up.columns <= width,
                    "an adapter's matrices do not fit layer ", layer);
        low_.resize(count * part.down.columns);
        part.down(count, gathered_.data(), low_.data(), packed_rows_, row_scales_);
        sums_.resize(count * part.up.columns);
        part.up(count, low_.data(), sums_.data(), packed_rows_, row_scales_);
        each_row(count, [&](int64_t i) {
          float* to = c + group.rows[i] * width + part.first;
          for (int64_t j = 0; j < part.up.columns; ++j) to[j] += sums_[i * part.up.columns + j];
        });
      }
    }
  }

 private:
  struct Group {
    c10::intrusive_ptr<Adapter> adapter;
    std::vector<int64_t> rows;
  };
  std::vector<Group> groups_;
  std::vector<float> gathered_, low_, sums_, row_scales_;
  std::vector<uint8_t> packed_rows_;
};

}  // namespace quadrille
