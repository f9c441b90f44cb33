// Products of rows with packed weights.
//
// Weights of [K, N] are packed by `packing.py`: columns in panels of NV vectors (the last one of fewer), each panel
// [K, columns] contiguous, pairs of rows side by side for bfloat16. A tile of up to MR rows and one panel has its sums
// in registers. A row's sums are added in the order of K whatever tile it is in: so its bits do not depend on how many
// other rows there are, nor on its place among them.
#pragma once

#include "vectors.h"

namespace {

template <int N>
struct Const {
  static constexpr int value = N;
};

// body(Const<rows of the tile>, first row), for all rows.
template <class Body>
inline void in_tiles(int num_rows, const Body& body) {
  int row = 0;
  for (; row + MR <= num_rows; row += MR) body(Const<MR>{}, row);
  switch (num_rows - row) {
    case 1: body(Const<1>{}, row); break;
    case 2: body(Const<2>{}, row); break;
    case 3: body(Const<3>{}, row); break;
    case 4: body(Const<4>{}, row); break;
    case 5: body(Const<5>{}, row); break;
  }
}

// body(Const<vectors of the panel>, first vector), for all columns.
template <class Body>
inline void in_panels(int num_vectors, const Body& body) {
  int first = 0;
  for (; first + NV <= num_vectors; first += NV) body(Const<NV>{}, first);
  switch (num_vectors - first) {
    case 1: body(Const<1>{}, first); break;
    case 2:
      if constexpr (NV > 2) body(Const<2>{}, first);
      break;
    case 3:
      if constexpr (NV > 3) body(Const<3>{}, first);
      break;
  }
}

template <int R, int V>
struct Sums {
  Vector of[R][V];
};

#define INLINE inline __attribute__((always_inline))
#define BY_ITSELF __attribute__((noinline))

template <int R, int V>
INLINE void start(Sums<R, V>& sums, const float* from, size_t stride) {  // stride 0: the same for all rows
#pragma GCC unroll 8
  for (int m = 0; m < R; m++)
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) sums.of[m][j] = load(from + m * stride + j * VL);
}

// sums += a [R, depth] times one panel [depth, V vectors]
template <class Number, int R, int V>
INLINE void accumulate(Sums<R, V>& sums, const typename Number::T* a, size_t stride, const typename Number::T* panel,
                       int depth) {
  for (int k = 0; k < depth; k += Number::PAIR) {
    const typename Number::T* at = panel + (size_t)k * V * VL;
    Vector w[V];
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) w[j] = Number::weights(at + j * VL * Number::PAIR);
#pragma GCC unroll 8
    for (int m = 0; m < R; m++) {
      Vector x = Number::broadcast(a + m * stride + k);
#pragma GCC unroll 4
      for (int j = 0; j < V; j++) sums.of[m][j] = Number::multiply_add(x, w[j], sums.of[m][j]);
    }
  }
}

// A product that is packed in chunks of at most `chunk` of its depth, so that a panel stays in the caches.
struct Product {
  const void* weights;
  const float* bias;  // [width]
  int32_t depth, width, chunk;
};

// One tile. Tiles are functions by themselves: then nothing around them takes the registers that their sums need.
template <class Number, int R, int V>
BY_ITSELF void multiply_tile(const float* from, size_t from_stride, const typename Number::T* a, size_t stride,
                             const typename Number::T* panel, int depth, float* out, size_t out_stride) {
  Sums<R, V> sums;
  start(sums, from, from_stride);
  accumulate<Number>(sums, a, stride, panel, depth);
#pragma GCC unroll 8
  for (int m = 0; m < R; m++)
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) store(out + m * out_stride + j * VL, sums.of[m][j]);
}

// out [rows, width] = bias + a [rows, depth] times weights; `out` holds the sums between chunks.
template <class Number>
inline void multiply(const Product& product, const void* a, size_t stride, int num_rows, float* out, size_t out_stride) {
  typedef typename Number::T T;
  const T* weights = (const T*)product.weights;
  for (int from = 0; from < product.depth; from += product.chunk) {
    int depth = product.depth - from < product.chunk ? product.depth - from : product.chunk;
    in_panels(product.width / VL, [&](auto vectors, int first) {
      constexpr int V = decltype(vectors)::value;
      const T* panel = weights + (size_t)from * product.width + (size_t)first * VL * depth;
      in_tiles(num_rows, [&](auto rows, int row) {
        constexpr int R = decltype(rows)::value;
        float* to = out + row * out_stride + first * VL;
        multiply_tile<Number, R, V>(from ? to : product.bias + first * VL, from ? out_stride : 0,
                                    (const T*)a + row * stride + from, stride, panel, depth, to, out_stride);
      });
    });
  }
}

// The positive part of rows [num_rows, width], as numbers of products.
template <class Number>
inline void positive_part(const float* from, size_t stride, typename Number::T* to, size_t to_stride, int num_rows,
                          int width) {
  for (int row = 0; row < num_rows; row++)
    for (int i = 0; i < width; i += VL) {
      Vector x = load(from + row * stride + i);
      Number::put(to + row * to_stride + i, x < 0.f ? Vector{} : x);
    }
}

}  // namespace
