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
template <int MOST = MR, class Body>
inline void in_tiles(int num_rows, const Body& body) {
  int row = 0;
  for (; row + MOST <= num_rows; row += MOST) body(Const<MOST>{}, row);
  if constexpr (MOST > MR)
    if (row + MR <= num_rows) body(Const<MR>{}, row), row += MR;
  switch (num_rows - row) {
    case 1: body(Const<1>{}, row); break;
    case 2: body(Const<2>{}, row); break;
    case 3: body(Const<3>{}, row); break;
    case 4: body(Const<4>{}, row); break;
    case 5: body(Const<5>{}, row); break;
  }
}

// body(Const<vectors of the panel>, first vector), for all columns.
template <int MOST = NV, class Body>
inline void in_panels(int num_vectors, const Body& body) {
  int first = 0;
  for (; first + MOST <= num_vectors; first += MOST) body(Const<MOST>{}, first);
  switch (num_vectors - first) {
    case 1: body(Const<1>{}, first); break;
    case 2:
      if constexpr (MOST > 2) body(Const<2>{}, first);
      break;
    case 3:
      if constexpr (MOST > 3) body(Const<3>{}, first);
      break;
  }
}

template <int R, int V>
struct Sums {
  Vector of[R][V];
};

#define INLINE inline __attribute__((always_inline))
#define BY_ITSELF __attribute__((noinline))

// Rows that will be read soon, while others are worked on.
template <class T>
INLINE void ask_for(const T* rows, int number, int64_t stride, int width) {
  for (int row = 0; row < number; row++)
    for (int i = 0; i < width; i += 64 / sizeof(T)) __builtin_prefetch(rows + row * stride + i);
}

template <int R, int V>
INLINE void start(Sums<R, V>& sums, const float* from, size_t stride) {  // stride 0: the same for all rows
#pragma GCC unroll 12
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
#pragma GCC unroll 12
    for (int m = 0; m < R; m++) {
      Vector x = Number::broadcast(a + m * stride + k);
#pragma GCC unroll 4
      for (int j = 0; j < V; j++) sums.of[m][j] = Number::multiply_add(x, w[j], sums.of[m][j]);
    }
  }
}

// What is multiplied with a panel: rows from several places, one after another in the panel's depth.
constexpr int MOST_INPUTS = 64;

template <class T>
struct Inputs {
  const T* at[MOST_INPUTS];
  size_t stride[MOST_INPUTS];
  int depth[MOST_INPUTS];
  int num = 0, whole_depth = 0;

  inline void add(const T* from, size_t stride_, int depth_) {
    at[num] = from, stride[num] = stride_, depth[num] = depth_;
    num++, whole_depth += depth_;
  }
};

// What sums begin with: a row for each, or with stride 0 the same for all.
struct Biases {
  const float* at;
  size_t stride;
};

// One tile. It is a function by itself, and so is what becomes of its sums (`put` of an output): then nothing around
// the loop over products takes the registers that the sums need.
template <class Number, int R, int V, class Output>
BY_ITSELF void tile(const Inputs<typename Number::T>& inputs, int row, int first, Biases biases,
                    const typename Number::T* panel, const Output& output) {
  Sums<R, V> sums;
  start(sums, biases.at + row * biases.stride + first * VL, biases.stride);
  for (int j = 0; j < inputs.num; j++) {
    accumulate<Number>(sums, inputs.at[j] + row * inputs.stride[j], inputs.stride[j], panel, inputs.depth[j]);
    panel += (size_t)inputs.depth[j] * V * VL;
  }
  output.put(sums, row, first);
}

// All rows and columns of inputs times panels.
template <class Number, class Output>
inline void multiply_rows(const Inputs<typename Number::T>& inputs, int num_rows, int width, Biases biases,
                          const void* weights, const Output& output) {
  in_panels(width / VL, [&](auto vectors, int first) {
    const auto* panel = (const typename Number::T*)weights + (size_t)first * VL * inputs.whole_depth;
    in_tiles(num_rows, [&](auto rows, int row) {
      tile<Number, decltype(rows)::value, decltype(vectors)::value>(inputs, row, first, biases, panel, output);
    });
  });
}

// Sums as they are.
struct Plain {
  float* to;
  size_t stride;

  template <int R, int V>
  INLINE void put(const Sums<R, V>& sums, int row, int first) const {
#pragma GCC unroll 12
    for (int m = 0; m < R; m++)
#pragma GCC unroll 4
      for (int j = 0; j < V; j++) store(to + (row + m) * stride + (first + j) * VL, sums.of[m][j]);
  }
};

// Panels of as many filters as gates: tanh times sigmoid, half as wide.
template <class Number>
struct Gated {
  typename Number::T* to;
  size_t stride;

  template <int R, int V>
  BY_ITSELF void put(const Sums<R, V>& sums, int row, int first) const {
    for (int m = 0; m < R; m++)
      for (int j = 0; j < V / 2; j++)
        Number::put(to + (row + m) * stride + first / 2 * VL + j * VL, gate<Number::TERMS>(sums.of[m][j], sums.of[m][V / 2 + j]));
  }
};

// A stream in float32, added to where it has begun, and the same as numbers of products.
template <class Number>
struct Streamed {
  float* stream;
  size_t stream_stride;
  typename Number::T* to;
  size_t stride;
  bool add, positive;  // `positive`: its positive part alone is put

  template <int R, int V>
  INLINE void put(const Sums<R, V>& sums, int row, int first) const {
#pragma GCC unroll 12
    for (int m = 0; m < R; m++)
#pragma GCC unroll 4
      for (int j = 0; j < V; j++) {
        float* at = stream + (row + m) * stream_stride + (first + j) * VL;
        Vector x = add ? sums.of[m][j] + load(at) : sums.of[m][j];
        store(at, x);
        Number::put(to + (row + m) * stride + (first + j) * VL, positive ? (x < 0.f ? Vector{} : x) : x);
      }
  }
};

// The positive part, as numbers of products.
template <class Number>
struct Positive {
  typename Number::T* to;
  size_t stride;

  template <int R, int V>
  INLINE void put(const Sums<R, V>& sums, int row, int first) const {
#pragma GCC unroll 12
    for (int m = 0; m < R; m++)
#pragma GCC unroll 4
      for (int j = 0; j < V; j++) {
        Vector x = sums.of[m][j];
        Number::put(to + (row + m) * stride + (first + j) * VL, x < 0.f ? Vector{} : x);
      }
  }
};

// A product that is packed in chunks of at most `chunk` of its depth, so that a panel stays in the caches.
struct Product {
  const void* weights;
  const float* bias;  // [width]
  int32_t depth, width, chunk;
};

// out [rows, width] = biases + a [rows, depth] times weights; `out` holds the sums between chunks.
template <class Number>
inline void multiply(const Product& product, const void* a, size_t stride, int num_rows, Biases biases, float* out,
                     size_t out_stride) {
  typedef typename Number::T T;
  for (int from = 0; from < product.depth; from += product.chunk) {
    Inputs<T> inputs;
    inputs.add((const T*)a + from, stride, product.depth - from < product.chunk ? product.depth - from : product.chunk);
    multiply_rows<Number>(inputs, num_rows, product.width, from ? Biases{out, out_stride} : biases,
                          (const T*)product.weights + (size_t)from * product.width, Plain{out, out_stride});
  }
}

template <class Number>
inline void multiply(const Product& product, const void* a, size_t stride, int num_rows, float* out, size_t out_stride) {
  multiply<Number>(product, a, stride, num_rows, Biases{product.bias, 0}, out, out_stride);
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
