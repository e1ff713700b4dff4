// Memory for weights in pages of 2 MiB: streaming through small pages misses the processor's page table, and what it
// fetches ahead ends with each page.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <vector>

namespace quadrille {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
    for (const Chunk& chunk : chunks_) munmap(chunk.begin, chunk.size);
  }

  // Zeros, aligned to a cache line; they live as long as the arena. std::bad_alloc when there is no memory.
  uint8_t* take(int64_t bytes) {
    bytes = (bytes + kAligned - 1) / kAligned * kAligned;
    if (bytes > left_) grow(bytes);
    uint8_t* taken = next_;
    next_ += bytes;
    left_ -= bytes;
    return taken;
  }

 private:
  struct Chunk {
    void* begin;
    int64_t size;
  };
  static constexpr int64_t kAligned = 64, kPage = 2 << 20, kChunk = 64 << 20;

  void grow(int64_t bytes) {
    const int64_t wanted = std::max(kChunk, (bytes + kPage - 1) / kPage * kPage), size = wanted + kPage;
    void* begin = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (begin == MAP_FAILED) throw std::bad_alloc();
    chunks_.push_back({begin, size});
    next_ = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(begin) + kPage - 1) / kPage * kPage);
    left_ = wanted;
    madvise(next_, wanted, MADV_HUGEPAGE);  // a wish: where it is not granted, small pages do
  }

  std::vector<Chunk> chunks_;
  uint8_t* next_ = nullptr;
  int64_t left_ = 0;
};

}  // namespace quadrille
