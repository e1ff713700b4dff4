// A whole step of a Llama-shaped decoder in one call: no Python between its kernels, activations in float32 between
// products, weights and cache in bfloat16.
//
// Llama-shaped: RMS norms before attention and before a gated feed-forward, rotary positions over the whole width of
// a head, grouped queries; biases of the projections and norms of queries and keys where a model has them.

#include <torch/custom_class.h>
#include <torch/library.h>

#include "attention.h"
#include "linear.h"
#include "logits.h"
#include "lora.h"

namespace quadrille {
namespace {

// y = x / rms(x) * weight (Zhang and Sennrich, 2019).
void rms_norm(const float* x, const float* weight, int64_t width, float epsilon, float* y) {
  float squares = 0;
#pragma omp simd reduction(+ : squares)
  for (int64_t i = 0; i < width; ++i) squares += x[i] * x[i];
  const float factor = 1.0f / std::sqrt(squares / width + epsilon);
  for (int64_t i = 0; i < width; ++i) y[i] = x[i] * factor * weight[i];
}

// Turns a head's halves into each other by the angles of a position (Su et al., 2021).
inline void rotate(float* x, const float* cosines, const float* sines, int64_t width) {
  const int64_t half = width / 2;
  for (int64_t i = 0; i < half; ++i) {
    const float left = x[i], right = x[i + half];
    x[i] = left * cosines[i] - right * sines[i];
    x[i + half] = right * cosines[i + half] + left * sines[i + half];
  }
}

struct Layer {
  Tensor attention_norm, feed_norm, query_norm, key_norm;  // float32; the last two may be undefined
  Linear qkv, out, gate_up, down;
  int64_t window;
};

}  // namespace

class Decoder : public torch::CustomClassHolder {
 public:
  // `small` computes products in int8. head (vocabulary, width), embedding likewise, or undefined where it is the head,
  // final_norm (width,), cosines and sines (positions, head width).
  Decoder(const c10::optional<Tensor>& embedding, const Tensor& head, const Tensor& final_norm, const Tensor& cosines,
          const Tensor& sines, int64_t query_heads, int64_t shared_heads, int64_t head_width, double epsilon,
          bool small)
      : embedding_(embedding ? embedding->contiguous() : Tensor()),
        head_(packed_linear(head, {}, small, *arena_)),
        final_norm_(final_norm.to(at::kFloat).contiguous()),
        cosines_(cosines.to(at::kFloat).contiguous()),
        sines_(sines.to(at::kFloat).contiguous()),
        heads_{query_heads, shared_heads, head_width, 1.0f / std::sqrt(static_cast<float>(head_width)), 0},
        epsilon_(static_cast<float>(epsilon)),
        small_(small) {
    TORCH_CHECK(embedding_.defined() || !small, "embeddings are not kept in int8");
    TORCH_CHECK(head_width % kLanes == 0, "a head's width must be a multiple of ", kLanes, ", not ", head_width);
  }

  // A layer's weights by name; window in tokens, 0 for none.
  void add_layer(const c10::Dict<std::string, Tensor>& weights, int64_t window) {
    auto norm = [&](const std::string& name) {
      const Tensor weight = given(weights, name);
      return weight.defined() ? weight.to(at::kFloat).contiguous() : weight;
    };
    auto linear = [&](const std::string& name) {
      return packed_linear(weights.at(name), given(weights, name + "_bias"), small_, *arena_);
    };
    layers_.push_back({norm("attention_norm"), norm("feed_norm"), norm("query_norm"), norm("key_norm"), linear("qkv"),
                       linear("out"), linear("gate_up"), linear("down"), window});
  }

  // Logits (wanted, vocabulary) float32. tokens (n,), tables (sequences, blocks) int32, starts, lengths (sequences,)
  // and wanted, all int64 but for the tables; keys and values the layers' caches, each (blocks, numbers of a block).
  // owners (sequences,) int64: which of the adapters each sequence has, -1 for none.
  Tensor step(const Tensor& tokens, const Tensor& tables, const Tensor& starts, const Tensor& lengths,
              const Tensor& wanted, const std::vector<Tensor>& keys, const std::vector<Tensor>& values,
              const std::vector<c10::intrusive_ptr<Adapter>>& adapters, const Tensor& owners) {
    const int64_t rows = tokens.numel(), width = head_.depth, sequences = starts.numel();
    const int64_t* ids = tokens.data_ptr<int64_t>();
    for (int64_t row = 0; row < rows; ++row)
      TORCH_CHECK(ids[row] >= 0 && ids[row] < vocabulary(), "token ", ids[row], " is not in the vocabulary");
    TORCH_CHECK(keys.size() == layers_.size() && values.size() == layers_.size(), "a cache for each layer is needed");
    place_rows(tables, starts, lengths, rows, keys[0].size(0));
    for (const auto& adapter : adapters)
      TORCH_CHECK(adapter->layers() == static_cast<int64_t>(layers_.size()), "an adapter has another number of layers");
    adapted_.begin(adapters, owners, lengths);
    state_.resize(rows * width);
    each_row(rows, [&](int64_t row) { embed(ids[row], width, state_.data() + row * width); });
    for (size_t layer = 0; layer < layers_.size(); ++layer) {
      TORCH_CHECK(keys[layer].numel() == values[layer].numel() && keys[layer].size(1) == heads_.block(),
                  "the cache of layer ", layer, " has a wrong size");
      attend_layer(layer, rows, width, sequences, tables, starts, lengths, keys[layer], values[layer]);
      feed_forward(layer, rows, width);
    }
    adapted_.end();
    const int64_t count = wanted.numel();
    normed_.resize(std::max(rows, count) * width);
    const int64_t* places = wanted.data_ptr<int64_t>();
    for (int64_t row = 0; row < count; ++row)
      TORCH_CHECK(places[row] >= 0 && places[row] < rows, "there is no token ", places[row], " in the step");
    each_row(count, [&](int64_t row) {
      rms_norm(state_.data() + places[row] * width, floats(final_norm_), width, epsilon_, normed_.data() + row * width);
    });
    // The last step's memory, unless someone keeps it: new memory of that size costs a fault for each page.
    if (!logits_.defined() || logits_.use_count() > 1 || logits_.storage().use_count() > 1 || logits_.size(0) < count)
      logits_ = at::empty({count, head_.columns}, at::kFloat);
    if (count > 0) head_(count, normed_.data(), logits_.data_ptr<float>(), packed_rows_, row_scales_);
    return logits_.narrow(0, 0, count);
  }

  // Another over the same weights, with memory of its own to compute in.
  c10::intrusive_ptr<Decoder> renewed() const { return c10::make_intrusive<Decoder>(*this); }
  Decoder(const Decoder& other)
      : arena_(other.arena_),
        embedding_(other.embedding_),
        head_(other.head_),
        final_norm_(other.final_norm_),
        cosines_(other.cosines_),
        sines_(other.sines_),
        heads_(other.heads_),
        epsilon_(other.epsilon_),
        small_(other.small_),
        layers_(other.layers_) {}

 private:
  int64_t vocabulary() const { return embedding_.defined() ? embedding_.size(0) : head_.columns; }

  // A token's embedding (width,), from the packed head where it is the same matrix.
  void embed(int64_t token, int64_t width, float* to) const {
    if (embedding_.defined()) {
      const bf16* from = numbers(embedding_) + token * width;
      for (int64_t i = 0; i < width; ++i) to[i] = to_float(from[i]);
      return;
    }
    const uint8_t* from = head_.packed + token / kLanes * head_.steps * kLine + token % kLanes * kStep;
    for (int64_t i = 0; i < width; ++i)
      to[i] = to_float(reinterpret_cast<const bf16*>(from + i / Bfloat16::kDeep * kLine)[i % Bfloat16::kDeep]);
  }

  // Position, and place in the cache, of each row of the step.
  void place_rows(const Tensor& tables, const Tensor& starts, const Tensor& lengths, int64_t rows,
                  int64_t blocks) {
    positions_.clear();
    slots_.clear();
    for (int64_t sequence = 0; sequence < starts.numel(); ++sequence) {
      const int32_t* table = tables.data_ptr<int32_t>() + sequence * tables.size(1);
      const int64_t start = starts.data_ptr<int64_t>()[sequence];
      for (int64_t place = start; place < start + lengths.data_ptr<int64_t>()[sequence]; ++place) {
        TORCH_CHECK(place < cosines_.size(0) && place / kBlock < tables.size(1), "position ", place, " is too large");
        const int64_t block = table[place / kBlock];
        TORCH_CHECK(block >= 0 && block < blocks, "block ", block, " is not in the cache");
        positions_.push_back(place);
        slots_.push_back(block * kBlock + place % kBlock);
      }
    }
    TORCH_CHECK(static_cast<int64_t>(positions_.size()) == rows, "the sequences' lengths are not those of the tokens");
  }

  void attend_layer(size_t number, int64_t rows, int64_t width, int64_t sequences, const Tensor& tables,
                    const Tensor& starts, const Tensor& lengths, Tensor keys, Tensor values) {
    const Layer& layer = layers_[number];
    Heads heads = heads_;
    heads.window = layer.window;
    const int64_t all = heads.queries + 2 * heads.shared, across = all * heads.width, out = heads.queries * heads.width;
    normed_.resize(rows * width);
    each_row(rows, [&](int64_t row) {
      rms_norm(state_.data() + row * width, floats(layer.attention_norm), width, epsilon_, normed_.data() + row * width);
    });
    wide_.resize(rows * across);
    layer.qkv(rows, normed_.data(), wide_.data(), packed_rows_, row_scales_);
    adapted_.add(number, kQkv, normed_.data(), width, wide_.data(), across);
    queries_.resize(rows * out);
    each_row(rows, [&](int64_t row) {
      float* x = wide_.data() + row * across;
      const int64_t turned = heads.queries + heads.shared;
      for (int64_t head = 0; head < turned; ++head) {
        float* from = x + head * heads.width;
        const Tensor& norm = head < heads.queries ? layer.query_norm : layer.key_norm;
        if (norm.defined()) rms_norm(from, floats(norm), heads.width, epsilon_, from);
        rotate(from, floats(cosines_) + positions_[row] * heads.width, floats(sines_) + positions_[row] * heads.width,
               heads.width);
      }
      for (int64_t i = 0; i < out; ++i) queries_[row * out + i] = to_bf16(x[i]);
      const int64_t block = slots_[row] / kBlock * heads.block();
      write_token(heads, x + out, x + turned * heads.width, numbers(keys) + block, numbers(values) + block,
                  slots_[row] % kBlock);
    });
    mixed_.resize(rows * out);
    firsts_.resize(sequences);
    for (int64_t sequence = 0, first = 0; sequence < sequences; ++sequence) {
      firsts_[sequence] = first;
      first += lengths.data_ptr<int64_t>()[sequence];
    }
    at::parallel_for(0, sequences * heads.shared, 1, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t sequence = task / heads.shared, first = firsts_[sequence];
        attend(heads, task % heads.shared, starts.data_ptr<int64_t>()[sequence],
               lengths.data_ptr<int64_t>()[sequence], queries_.data() + first * out,
               tables.data_ptr<int32_t>() + sequence * tables.size(1), numbers(keys), numbers(values),
               mixed_.data() + first * out);
      }
    });
    wide_.resize(rows * std::max(across, width));
    layer.out(rows, mixed_.data(), wide_.data(), packed_rows_, row_scales_);
    adapted_.add(number, kOut, mixed_.data(), out, wide_.data(), width);
    add(rows, width);
  }

  void feed_forward(size_t number, int64_t rows, int64_t width) {
    const Layer& layer = layers_[number];
    const int64_t inner = layer.down.depth;
    normed_.resize(rows * std::max(width, inner));
    each_row(rows, [&](int64_t row) {
      rms_norm(state_.data() + row * width, floats(layer.feed_norm), width, epsilon_, normed_.data() + row * width);
    });
    wide_.resize(rows * std::max(2 * inner, width));
    layer.gate_up(rows, normed_.data(), wide_.data(), packed_rows_, row_scales_);
    adapted_.add(number, kGateUp, normed_.data(), width, wide_.data(), 2 * inner);
    each_row(rows, [&](int64_t row) {
      const float* gate = wide_.data() + row * 2 * inner;
      const __m512 one = _mm512_set1_ps(1.0f), zero = _mm512_setzero_ps();
      for (int64_t i = 0; i < inner; i += kLanes) {
        const __mmask16 mask = lanes_left(inner - i);
        const __m512 x = _mm512_maskz_loadu_ps(mask, gate + i), up = _mm512_maskz_loadu_ps(mask, gate + inner + i);
        // x sigmoid(x), by exp of what is not positive
        const __m512 e = exponential(_mm512_sub_ps(zero, _mm512_abs_ps(x)));
        const __m512 numerator = _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, zero, _CMP_GE_OQ), e, one);
        const __m512 silu = _mm512_div_ps(_mm512_mul_ps(x, numerator), _mm512_add_ps(one, e));
        _mm512_mask_storeu_ps(normed_.data() + row * inner + i, mask, _mm512_mul_ps(silu, up));
      }
    });
    layer.down(rows, normed_.data(), wide_.data(), packed_rows_, row_scales_);
    adapted_.add(number, kDown, normed_.data(), inner, wide_.data(), width);
    add(rows, width);
  }

  void add(int64_t rows, int64_t width) {
    each_row(rows, [&](int64_t row) {
      for (int64_t i = row * width; i < (row + 1) * width; ++i) state_[i] += wide_[i];
    });
  }

  std::shared_ptr<Arena> arena_ = std::make_shared<Arena>();  // has the packed weights, and so comes first
  Tensor embedding_;
  Linear head_;
  Tensor final_norm_, cosines_, sines_;
  Heads heads_;
  float epsilon_;
  bool small_;
  std::vector<Layer> layers_;
  Tensor logits_;  // (as many rows as were ever wanted, vocabulary)
  AdaptedRows adapted_;
  std::vector<float> state_, wide_, mixed_, normed_, row_scales_;
  std::vector<bf16> queries_;
  std::vector<uint8_t> packed_rows_;
  std::vector<int64_t> positions_, slots_, firsts_;
};

// Of logits (rows, vocabulary) float32: the likeliest tokens (rows,) int64 and log(sum(exp)) (rows,).
std::tuple<Tensor, Tensor> summarise_rows(const Tensor& logits) {
  TORCH_CHECK(logits.dim() == 2 && logits.scalar_type() == at::kFloat && logits.is_contiguous(),
              "logits are (rows, vocabulary)");
  const int64_t rows = logits.size(0), count = logits.size(1);
  Tensor likeliest = at::empty({rows}, at::kLong), sums = at::empty({rows}, at::kFloat);
  at::parallel_for(0, rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      sums.data_ptr<float>()[row] =
          summarise(logits.data_ptr<float>() + row * count, count, likeliest.data_ptr<int64_t>()[row]);
  });
  return {likeliest, sums};
}

TORCH_LIBRARY_FRAGMENT(quadrille, library) {
  library.def("summarise", &summarise_rows);
  library.class_<Adapter>("Adapter").def(torch::init<int64_t>()).def("add", &Adapter::add);
  library.class_<Decoder>("Decoder")
      .def(torch::init<const c10::optional<Tensor>&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, int64_t,
                       int64_t, int64_t, double, bool>())
      .def("add_layer", &Decoder::add_layer)
      .def("renewed", &Decoder::renewed)
      .def("step", &Decoder::step);
}

}  // namespace quadrille
