// All layers of a BERT-shaped encoder in one call, over texts that lie behind each other without padding.
//
// BERT-shaped: embeddings of tokens, positions and types with a norm; in each layer attention over the whole text and a
// feed-forward with GELU, each followed by the residual sum and a norm; biases everywhere. Weights and what goes into
// a product are bfloat16, sums and residuals float32.
//
// Texts are dealt with in groups of about kGroup tokens, whose activations stay in a core's cache: each thread takes a
// group through all layers and never waits for another. When there are fewer groups than threads, the threads share
// the work within a group.

#include <torch/custom_class.h>
#include <torch/library.h>

#include <atomic>
#include <numeric>

#include "attention.h"
#include "dense.h"

namespace quadrille {
namespace {

constexpr int64_t kGroup = 144;  // tokens

struct Norm {
  Tensor weight, bias;  // (width,) float32
};

struct Layer {
  Linear qkv, out, up, down;
  Norm attention_norm, feed_norm;
};

struct Group {
  int64_t text, texts;   // of the batch
  int64_t token, tokens;
};

struct Scratch {  // of the thread that has a group; rows are the group's tokens
  std::vector<bf16> x, qkv, mixed, inner;
};

// Makes room; contents are lost.
template <typename Number>
Number* room(std::vector<Number>& numbers, int64_t count) {
  if (static_cast<int64_t>(numbers.size()) < count) numbers.resize(count);
  return numbers.data();
}

// x / deviation(x) * weight + bias after the mean is taken off (Ba et al., 2016), in place and as bfloat16 in y.
void layer_norm(float* x, const Norm& norm, int64_t width, float epsilon, bf16* y) {
  __m512 sums = _mm512_setzero_ps(), squares = sums;
  for (int64_t i = 0; i < width; i += kLanes) sums = _mm512_add_ps(sums, _mm512_loadu_ps(x + i));
  const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sums) / width);
  for (int64_t i = 0; i < width; i += kLanes) {
    const __m512 off = _mm512_sub_ps(_mm512_loadu_ps(x + i), mean);
    squares = _mm512_fmadd_ps(off, off, squares);
  }
  const __m512 factor = _mm512_set1_ps(1.0f / std::sqrt(_mm512_reduce_add_ps(squares) / width + epsilon));
  for (int64_t i = 0; i < width; i += kLanes) {
    const __m512 scaled = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + i), mean), factor);
    const __m512 normed =
        _mm512_fmadd_ps(scaled, _mm512_loadu_ps(floats(norm.weight) + i), _mm512_loadu_ps(floats(norm.bias) + i));
    _mm512_storeu_ps(x + i, normed);
    store_bf16(y + i, normed);
  }
}

// x times the normal distribution's probability of less than x, to 6e-5: an odd polynomial, fitted by minimax on
// [-4.5, 4.5], beyond which the probability is 0 or 1.
inline __m512 gelu(__m512 x) {
  const __m512 near = _mm512_min_ps(_mm512_max_ps(x, _mm512_set1_ps(-4.5f)), _mm512_set1_ps(4.5f));
  const __m512 square = _mm512_mul_ps(near, near);
  __m512 sum = _mm512_set1_ps(2.9998805523012706e-11f);
  for (float c : {-3.283797234132635e-09f, 1.580213648821882e-07f, -4.431596153153805e-06f, 8.120867278194055e-05f,
                  -1.0362461907789111e-03f, 9.580626152455807e-03f, -6.597722321748734e-02f, 3.987085521221161e-01f})
    sum = _mm512_fmadd_ps(sum, square, _mm512_set1_ps(c));
  return _mm512_mul_ps(x, _mm512_fmadd_ps(near, sum, _mm512_set1_ps(0.5f)));
}

// Attention of one head over one text of `count` tokens. qkv (count, across) begins with the head's queries; its keys
// and values follow `width` and 2 * `width` numbers later. out (count, width) begins with the head's columns.
void attend_text(const Heads& head, int64_t count, const bf16* qkv, int64_t across, int64_t width, bf16* out) {
  thread_local std::vector<bf16> keys, values, queries, shares;
  thread_local std::vector<float> scores, mixed;
  thread_local std::vector<int32_t> table;
  const int64_t blocks = (count + kBlock - 1) / kBlock, cells = blocks * kBlock;
  while (static_cast<int64_t>(table.size()) < blocks) table.push_back(static_cast<int32_t>(table.size()));
  bf16* const k = room(keys, cells * head.width);
  bf16* const v = room(values, cells * head.width);
  bf16* const q = room(queries, count * head.width);
  float* const m = room(mixed, kRowTile * head.width);
  std::fill_n(v + (blocks - 1) * head.block(), head.block(), 0);  // what no token has must be a number
  for (int64_t token = 0; token < count; ++token) {
    const bf16* from = qkv + token * across;
    std::copy_n(from, head.width, q + token * head.width);
    const int64_t block = token / kBlock * head.block(), place = token % kBlock;
    for (int64_t i = 0; i < head.width; i += 2)
      __builtin_memcpy(k + block + i * kBlock + place * 2, from + width + i, 4);
    for (int64_t i = 0; i < head.width; ++i)
      v[block + (place / 2 * head.width + i) * 2 + place % 2] = from[2 * width + i];
  }
  int64_t at[kRowTile], places[kRowTile];
  std::fill_n(at, kRowTile, count - 1);
  std::iota(places, places + kRowTile, 0);
  for (int64_t row = 0; row < count; row += kRowTile) {
    const int64_t height = std::min(kRowTile, count - row);
    with_rows(height, [&]<int ROWS>() {
      attend_rows<ROWS>(head, q + row * head.width, at, table.data(), k, v, m, places, scores, shares);
    });
    for (int64_t r = 0; r < height; ++r)
      for (int64_t i = 0; i < head.width; i += kLanes)
        store_bf16(out + (row + r) * width + i, _mm512_loadu_ps(m + r * head.width + i));
  }
}

}  // namespace

class Encoder : public torch::CustomClassHolder {
 public:
  // Embeddings (tokens, width), (positions, width) and (types, width), all bfloat16.
  Encoder(const Tensor& words, const Tensor& positions, const Tensor& types, const Tensor& norm_weight,
          const Tensor& norm_bias, int64_t heads, double epsilon)
      : words_(words.contiguous()),
        positions_(positions.contiguous()),
        types_(types.contiguous()),
        norm_{norm_weight.to(at::kFloat).contiguous(), norm_bias.to(at::kFloat).contiguous()},
        heads_(heads),
        width_(words.size(1)),
        epsilon_(static_cast<float>(epsilon)) {
    for (const Tensor& table : {words_, positions_, types_})
      TORCH_CHECK(table.scalar_type() == at::kBFloat16 && table.size(1) == width_, "embeddings are bfloat16");
    TORCH_CHECK(width_ % (heads * kLanes) == 0, "a head's width must be a multiple of ", kLanes);
  }

  // A layer's weights and biases by name.
  void add_layer(const c10::Dict<std::string, Tensor>& weights) {
    auto linear = [&](const std::string& name, int64_t columns, int64_t depth) {
      const Tensor& weight = weights.at(name);
      TORCH_CHECK(weight.size(0) == columns && weight.size(1) == depth && columns % kLanes == 0 && depth % 2 == 0,
                  name, " has a wrong size");
      return packed_linear(weight, weights.at(name + "_bias"), false, arena_);
    };
    auto norm = [&](const std::string& name) {
      return Norm{weights.at(name).to(at::kFloat).contiguous(), weights.at(name + "_bias").to(at::kFloat).contiguous()};
    };
    const int64_t inner = weights.at("up").size(0);
    layers_.push_back({linear("qkv", 3 * width_, width_), linear("out", width_, width_), linear("up", inner, width_),
                       linear("down", width_, inner), norm("attention_norm"), norm("feed_norm")});
  }

  // Last hidden states (n, width) float32 of tokens (n,) with types (n,); lengths (texts,) of the texts; all int64.
  Tensor states(const Tensor& tokens, const Tensor& types, const Tensor& lengths) const {
    const std::vector<Group> groups = checked_groups(tokens, types, lengths);
    Tensor states = at::empty({tokens.numel(), width_}, at::kFloat);
    const int64_t count = static_cast<int64_t>(groups.size()), threads = at::get_num_threads();
    auto run_group = [&](int64_t number) { run(groups[number], tokens, types, lengths, states); };
    if (count < threads) {
      for (int64_t number = 0; number < count; ++number) run_group(number);
    } else {
      std::atomic<int64_t> next{0};
      at::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
        for (int64_t number; (number = next++) < count;) run_group(number);
      });
    }
    return states;
  }

 private:
  // Texts of about kGroup tokens together, after all numbers were found to be within the tables.
  std::vector<Group> checked_groups(const Tensor& tokens, const Tensor& types, const Tensor& lengths) const {
    const int64_t *ids = tokens.data_ptr<int64_t>(), *kinds = types.data_ptr<int64_t>();
    TORCH_CHECK(types.numel() == tokens.numel(), "each token needs a type");
    for (int64_t i = 0; i < tokens.numel(); ++i) {
      TORCH_CHECK(ids[i] >= 0 && ids[i] < words_.size(0), "token ", ids[i], " is not in the vocabulary");
      TORCH_CHECK(kinds[i] >= 0 && kinds[i] < types_.size(0), "there is no type ", kinds[i]);
    }
    std::vector<Group> groups;
    int64_t end = 0;
    for (int64_t text = 0; text < lengths.numel(); ++text) {
      const int64_t length = lengths.data_ptr<int64_t>()[text];
      TORCH_CHECK(length > 0 && length <= positions_.size(0), "a text of ", length, " tokens has no positions");
      if (groups.empty() || groups.back().tokens + length > kGroup) groups.push_back({text, 0, end, 0});
      ++groups.back().texts;
      groups.back().tokens += length;
      end += length;
    }
    TORCH_CHECK(end == tokens.numel(), "the texts' lengths are not those of the tokens");
    return groups;
  }

  void run(const Group& group, const Tensor& tokens, const Tensor& types, const Tensor& lengths, Tensor& states) const {
    thread_local Scratch scratch;
    float* const state = states.data_ptr<float>() + group.token * width_;
    bf16* const x = room(scratch.x, group.tokens * width_);
    std::vector<int64_t> begins(group.texts + 1), places(group.tokens);
    for (int64_t text = 0; text < group.texts; ++text) {
      begins[text + 1] = begins[text] + lengths.data_ptr<int64_t>()[group.text + text];
      std::iota(places.begin() + begins[text], places.begin() + begins[text + 1], 0);
    }
    each_row(group.tokens, [&](int64_t row) {
      const bf16* word = numbers(words_) + tokens.data_ptr<int64_t>()[group.token + row] * width_;
      const bf16* kind = numbers(types_) + types.data_ptr<int64_t>()[group.token + row] * width_;
      const bf16* position = numbers(positions_) + places[row] * width_;
      for (int64_t i = 0; i < width_; ++i)
        state[row * width_ + i] = to_float(word[i]) + to_float(kind[i]) + to_float(position[i]);
      layer_norm(state + row * width_, norm_, width_, epsilon_, x + row * width_);
    });
    for (const Layer& layer : layers_) {
      attend(layer, group.tokens, begins, state, x, scratch);
      feed_forward(layer, group.tokens, state, x, scratch);
    }
  }

  void attend(const Layer& layer, int64_t rows, const std::vector<int64_t>& begins, float* state, bf16* x,
              Scratch& scratch) const {
    const Heads head{1, 1, width_ / heads_, 1.0f / std::sqrt(static_cast<float>(width_ / heads_)), 0};
    const int64_t across = 3 * width_, texts = static_cast<int64_t>(begins.size()) - 1;
    bf16* const qkv = room(scratch.qkv, rows * across);
    bf16* const mixed = room(scratch.mixed, rows * width_);
    multiply_dense(rows, x, layer.qkv,
                   [&](int64_t row, int64_t column, __m512 sums) { store_bf16(qkv + row * across + column, sums); });
    at::parallel_for(0, texts * heads_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t first = begins[task / heads_], column = task % heads_ * head.width;
        attend_text(head, begins[task / heads_ + 1] - first, qkv + first * across + column, across, width_,
                    mixed + first * width_ + column);
      }
    });
    add_and_norm(layer.out, layer.attention_norm, rows, mixed, state, x);
  }

  void feed_forward(const Layer& layer, int64_t rows, float* state, bf16* x, Scratch& scratch) const {
    bf16* const inner = room(scratch.inner, rows * layer.up.columns);
    multiply_dense(rows, x, layer.up, [&](int64_t row, int64_t column, __m512 sums) {
      store_bf16(inner + row * layer.up.columns + column, gelu(sums));
    });
    add_and_norm(layer.down, layer.feed_norm, rows, inner, state, x);
  }

  // state += from times the layer's weight, then the norm; x is the same in bfloat16.
  void add_and_norm(const Linear& linear, const Norm& norm, int64_t rows, const bf16* from, float* state,
                    bf16* x) const {
    multiply_dense(rows, from, linear, [&](int64_t row, int64_t column, __m512 sums) {
      float* to = state + row * width_ + column;
      _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), sums));
    });
    each_row(rows,
             [&](int64_t row) { layer_norm(state + row * width_, norm, width_, epsilon_, x + row * width_); });
  }

  Arena arena_;  // has the packed weights, and so comes first
  Tensor words_, positions_, types_;
  Norm norm_;
  int64_t heads_, width_;
  float epsilon_;
  std::vector<Layer> layers_;
};

TORCH_LIBRARY_FRAGMENT(quadrille, library) {
  library.class_<Encoder>("Encoder")
      .def(torch::init<const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, int64_t, double>())
      .def("add_layer", &Encoder::add_layer)
      .def("states", &Encoder::states);
}

}  // namespace quadrille
