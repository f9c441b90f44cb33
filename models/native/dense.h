// Products of many rows with a matrix of weights, and the gradient of the weights: a linear layer in training.
#pragma once

#include "weight_gradient.h"

namespace {

struct Dense {
  int64_t num_rows;
  int32_t inputs, outputs;
  const void* in;      // [rows, inputs], rows `in_stride` apart
  int64_t in_stride;
  const void* panels;  // of [inputs, outputs], DENSE_VECTORS wide
  const float* bias;   // [outputs]
  void* out;           // [rows, outputs], rows `out_stride` apart
  int64_t out_stride;
};

struct DenseWeights {
  int64_t num_rows;
  int32_t inputs, outputs, rows_at_once;
  const void* in;      // [rows, inputs], rows `in_stride` apart
  int64_t in_stride;
  const void* of;      // [rows, outputs], the gradient, rows `of_stride` apart
  int64_t of_stride;
  float* of_weight;    // [outputs, inputs], added to
  float* of_bias;      // [outputs], added to; null where there is none
  float* scratch;      // `rows_at_once` rows of numbers, inputs + outputs wide
};

// Panels are as deep as there are inputs, so they are narrow and tiles are tall: less of a panel is read for each tile.
constexpr int DENSE_ROWS = VL == 16 ? 12 : MR, DENSE_VECTORS = 2, DENSE_BLOCK = 120;

template <class Number, int R, int V>
BY_ITSELF void dense_tile(const Dense& dense, int64_t row, int first) {
  typedef typename Number::T T;
  Sums<R, V> sums;
  start(sums, dense.bias + first * VL, 0);
  accumulate<Number>(sums, (const T*)dense.in + row * dense.in_stride, dense.in_stride,
                     (const T*)dense.panels + (size_t)first * VL * dense.inputs, dense.inputs);
  T* out = (T*)dense.out + row * dense.out_stride + first * VL;
#pragma GCC unroll 12
  for (int m = 0; m < R; m++)
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) Number::put(out + m * dense.out_stride + j * VL, sums.of[m][j]);
}

template <class Number>
inline void dense_multiply(const Dense& dense) {
  for (int64_t from = 0; from < dense.num_rows; from += DENSE_BLOCK) {
    const int num = dense.num_rows - from < DENSE_BLOCK ? (int)(dense.num_rows - from) : DENSE_BLOCK;
    in_panels<DENSE_VECTORS>(dense.outputs / VL, [&](auto vectors, int first) {
      in_tiles<DENSE_ROWS>(num, [&](auto rows, int row) {
        dense_tile<Number, decltype(rows)::value, decltype(vectors)::value>(dense, from + row, first);
      });
    });
  }
}

// to += the sums of columns, by blocks, for the same reason as in `weight_tile`.
template <class T>
inline void add_rows(const T* rows, int num, int64_t stride, int width, float* to) {
  for (int from = 0; from < num; from += TIMESTEPS_AT_ONCE) {
    const int last = num - from < TIMESTEPS_AT_ONCE ? num : from + TIMESTEPS_AT_ONCE;
    for (int i = 0; i < width; i += VL) {
      Vector sum = {};
      for (int row = from; row < last; row++) sum += read(rows + row * stride + i);
      store(to + i, load(to + i) + sum);
    }
  }
}

template <class Number>
inline void dense_weights(const DenseWeights& dense) {
  typedef const typename Number::T* Rows;
  for (int64_t from = 0; from < dense.num_rows; from += dense.rows_at_once) {
    const int num = dense.num_rows - from < dense.rows_at_once ? (int)(dense.num_rows - from) : dense.rows_at_once;
    Rows in = (Rows)dense.in + from * dense.in_stride, of = (Rows)dense.of + from * dense.of_stride;
    if (dense.of_bias) add_rows(of, num, dense.of_stride, dense.outputs, dense.of_bias);
    add_weight_gradient<Number>({1, 1, dense.outputs, dense.inputs, of, dense.of_stride, in, dense.in_stride,
                                 dense.of_weight, dense.scratch}, 0, num);
  }
}

}  // namespace
