// The gradient of weights: sums over timesteps of what went in, delayed as each tap has it, times the gradient of what
// came out. Rows of a block of timesteps are laid out once, those of bfloat16 two and two side by side; sums of a tile
// stay in registers over the block.
#pragma once

#include "products.h"

namespace {

struct WeightGradient {
  int32_t num_items, num_timesteps, num_taps, dilation, inputs, outputs;
  const void* in;   // [B, T, inputs]; a tap takes it from as far back as it looks
  const void* of;   // [B, T, outputs]
  float* out;       // [taps, inputs, outputs], added to
  void* scratch;    // [TIMESTEPS_AT_ONCE, inputs + outputs]
};

constexpr int TIMESTEPS_AT_ONCE = 256;

// Rows from .. from + number - 1 of an item, those before it zeros, into `to`.
inline void put_rows(const float* rows, int64_t from, int number, int width, float* to) {
  int before = from < 0 ? (-from < number ? (int)-from : number) : 0;
  memset(to, 0, (size_t)before * width * sizeof(float));
  memcpy(to + (size_t)before * width, rows + (from + before) * width, (size_t)(number - before) * width * sizeof(float));
}

// The same of bfloat16, each two rows number by number side by side; `number` is even.
inline void put_rows(const uint16_t* rows, int64_t from, int number, int width, uint16_t* to) {
  typedef uint16_t Half __attribute__((vector_size(VL * 2), aligned(2), may_alias));
  typedef uint32_t Bits __attribute__((vector_size(VL * 4)));
  typedef uint32_t BitsAnywhere __attribute__((vector_size(VL * 4), aligned(4), may_alias));
  for (int row = 0; row < number; row += 2) {
    const int64_t first = from + row;
    for (int i = 0; i < width; i += VL) {
      Bits low = {}, high = {};
      if (first >= 0) low = __builtin_convertvector(*(const Half*)(rows + first * width + i), Bits);
      if (first + 1 >= 0) high = __builtin_convertvector(*(const Half*)(rows + (first + 1) * width + i), Bits);
      *(BitsAnywhere*)(to + (size_t)row * width + 2 * i) = low | high << 16;
    }
  }
}

// out [R, V vectors] += the sums over `depth` rows of a [depth, inputs] and w [depth, outputs], both as put_rows has them.
template <class Number, int R, int V>
BY_ITSELF void weight_tile(const typename Number::T* a, int inputs, const typename Number::T* w, int outputs, int depth,
                           float* out) {
  Sums<R, V> sums;
  start(sums, out, outputs);
  for (int k = 0; k < depth; k += Number::PAIR) {
    Vector of[V];
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) of[j] = Number::weights(w + (size_t)k * outputs + j * VL * Number::PAIR);
#pragma GCC unroll 8
    for (int m = 0; m < R; m++) {
      Vector x = Number::broadcast(a + (size_t)k * inputs + m * Number::PAIR);
#pragma GCC unroll 4
      for (int j = 0; j < V; j++) sums.of[m][j] = Number::multiply_add(x, of[j], sums.of[m][j]);
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < R; m++)
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) store(out + (size_t)m * outputs + j * VL, sums.of[m][j]);
}

// out += one row of inputs times one of outputs.
template <class T>
inline void odd_row(const T* in, int inputs, const T* of, int outputs, float* out) {
  for (int row = 0; row < inputs; row += VL) {
    Vector x = read(in + row);
    for (int m = 0; m < VL; m++)
      for (int i = 0; i < outputs; i += VL) {
        float* to = out + (size_t)(row + m) * outputs + i;
        store(to, load(to) + x[m] * read(of + i));
      }
  }
}

template <class Number>
inline void weight_gradient(const WeightGradient& of) {
  typedef typename Number::T T;
  const int T_ = of.num_timesteps, inputs = of.inputs, outputs = of.outputs;
  T *in_rows = (T*)of.scratch, *out_rows = in_rows + (size_t)TIMESTEPS_AT_ONCE * inputs;
  for (int64_t item = 0; item < of.num_items; item++)
    for (int from = 0; from < T_; from += TIMESTEPS_AT_ONCE) {
      const int left = T_ - from < TIMESTEPS_AT_ONCE ? T_ - from : TIMESTEPS_AT_ONCE;
      const int number = left - left % Number::PAIR;  // a last odd row is added by itself, in `odd_row`
      const T *in = (const T*)of.in + item * T_ * inputs, *out = (const T*)of.of + item * T_ * outputs;
      put_rows(out, from, number, outputs, out_rows);
      for (int tap = 0; tap < of.num_taps; tap++) {
        const int64_t reach = (int64_t)(of.num_taps - 1 - tap) * of.dilation;
        float* to = of.out + (size_t)tap * inputs * outputs;
        if (from + left <= reach) continue;
        put_rows(in, from - reach, number, inputs, in_rows);
        in_panels(outputs / VL, [&](auto vectors, int first) {
          in_tiles(inputs, [&](auto rows, int row) {
            weight_tile<Number, decltype(rows)::value, decltype(vectors)::value>(
                in_rows + (size_t)row * Number::PAIR, inputs, out_rows + (size_t)first * VL * Number::PAIR, outputs,
                number, to + (size_t)row * outputs + first * VL);
          });
        });
        if (number < left && from + number - reach >= 0)
          odd_row(in + (from + number - reach) * inputs, inputs, out + (from + number) * outputs, outputs, to);
      }
    }
}

}  // namespace
