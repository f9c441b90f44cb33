// The gradient of weights: sums over timesteps of what went in, delayed as each tap has it, times the gradient of what
// came out. Rows of a block of timesteps are laid out once for the tiles that read them, those of bfloat16 two and two
// side by side; sums of a tile stay in registers over the block.
#pragma once

#include "products.h"

namespace {

// What goes over one item at a time.
template <class T>
struct WeightGradient {
  int num_taps, dilation, inputs, outputs;
  const T* in;        // [T, inputs]; a tap takes it from as far back as it looks
  int64_t in_stride;  // from a timestep to the next
  const T* of;        // [T, outputs]
  int64_t of_stride;
  float* out;         // [taps, inputs, outputs], added to
  float* scratch;     // as many rows of numbers as go at once, inputs + outputs wide
};

constexpr int TIMESTEPS_AT_ONCE = 240;  // whole pairs of rows, and whole tiles of training.h
// A tile: so many inputs, and vectors of outputs. Whole vectors of inputs are whole tiles, and a panel of outputs
// stays in the first-level cache beside a tile's inputs.
constexpr int TILE_INPUTS = VL == 16 ? 8 : 4, TILE_VECTORS = 2;

// A unit is a number of one row, or those of two rows of bfloat16 side by side. So many units, in up to two vectors, from
// a row and the next one on; null is a row of zeros.
inline void side_by_side(const float* row, const float*, int num_columns, Vector units[2]) {
  units[0] = row ? load(row) : Vector{}, units[1] = row && num_columns > VL ? load(row + VL) : Vector{};
}
#if defined(__AVX512BF16__)
inline void side_by_side(const uint16_t* row, const uint16_t* next, int num_columns, Vector units[2]) {
  const __mmask32 there = num_columns > VL ? ~0u : 0xffff;
  const __m512i first = _mm512_maskz_loadu_epi16(row ? there : 0, row);
  const __m512i second = _mm512_maskz_loadu_epi16(next ? there : 0, next);
  const __m512i order = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5,
                                         36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  units[0] = (Vector)_mm512_permutex2var_epi16(first, order, second);
  units[1] = (Vector)_mm512_permutex2var_epi16(first, _mm512_add_epi16(order, _mm512_set1_epi16(VL)), second);
}
#endif

// `number` rows of an item from `from` on, as units: WIDTH columns after WIDTH columns, [columns / WIDTH, units, WIDTH].
// Two vectors of columns at a time, so that few streams are written. Rows before the first are zeros.
//
// SOME: they are some of many units, these from `begin` on, and an odd last row has zeros beside it. WaveNet's rows are
// none of these, and take a twentieth more of its step where that has to be found out for each.
template <int WIDTH, class Number, bool SOME = false>
inline void put_rows(const typename Number::T* rows, int64_t from, int number, int64_t stride, int width, float* to,
                     int begin = 0, int of_units = 0) {
  typedef const typename Number::T* Row;
  constexpr int PIECE = WIDTH < VL ? WIDTH : VL;
  const int num_units = SOME ? (number + Number::PAIR - 1) / Number::PAIR : number / Number::PAIR;
  const int all_units = SOME ? of_units : num_units;
  for (int block = 0; block < width; block += 2 * VL)
    for (int unit = 0; unit < num_units; unit++) {
      const int num_columns = width - block < 2 * VL ? width - block : 2 * VL;
      const int64_t first = from + unit * Number::PAIR;
      Row row = first < 0 ? nullptr : rows + first * stride + block, next = first + 1 < 0 ? nullptr : row ? row + stride : rows + block;
      if (SOME && (unit + 1) * Number::PAIR > number) next = nullptr;
      if (!block && row) ask_for(row + 16 * stride, Number::PAIR, stride, width);
      Vector units[2];
      side_by_side(row, next, num_columns, units);
      for (int part = 0; part < num_columns; part += PIECE) {
        const int column = (block + part) / WIDTH * WIDTH, wide = width - column < WIDTH ? width - column : WIDTH;
        memcpy(to + (size_t)column * all_units + (size_t)(SOME ? begin + unit : unit) * wide + (block + part - column),
               (float*)units + part, PIECE * sizeof(float));
      }
    }
}

// out [R, V vectors] += the sums over units of a [units, R] times w [units, V vectors]. A block's sums begin at zero: added
// one after another to those of all blocks before, each product would be rounded as coarsely as the whole.
template <class Number, int R, int V>
BY_ITSELF void weight_tile(const float* a, const float* w, int num_units, float* out, int stride) {
  typedef const typename Number::T* Numbers;
  Sums<R, V> sums = {};
  for (int k = 0; k < num_units; k++) {
    Vector of[V];
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) of[j] = Number::weights((Numbers)(w + ((size_t)k * V + j) * VL));
#pragma GCC unroll 8
    for (int m = 0; m < R; m++) {
      Vector x = Number::broadcast((Numbers)(a + (size_t)k * R + m));
#pragma GCC unroll 4
      for (int j = 0; j < V; j++) sums.of[m][j] = Number::multiply_add(x, of[j], sums.of[m][j]);
    }
  }
#pragma GCC unroll 8
  for (int m = 0; m < R; m++)
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) {
      float* at = out + (size_t)m * stride + j * VL;
      store(at, load(at) + sums.of[m][j]);
    }
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

// out += all tiles of what put_rows has laid out.
template <class Number>
inline void add_products(const float* in, int inputs, const float* of, int outputs, int num_units, float* out) {
  in_panels<TILE_VECTORS>(outputs / VL, [&](auto vectors, int first) {
    for (int row = 0; row < inputs; row += TILE_INPUTS)
      weight_tile<Number, TILE_INPUTS, decltype(vectors)::value>(in + (size_t)row * num_units,
                                                                 of + (size_t)first * VL * num_units, num_units,
                                                                 out + (size_t)row * outputs + first * VL, outputs);
  });
}

// The share of timesteps from .. from + num - 1: no more than scratch has rows.
template <class Number>
inline void add_weight_gradient(const WeightGradient<typename Number::T>& of, int from, int num) {
  const int whole = num - num % Number::PAIR;  // a last odd row is added by itself, in `odd_row`
  float *out_rows = of.scratch, *in_rows = out_rows + (size_t)whole / Number::PAIR * of.outputs;
  put_rows<TILE_VECTORS * VL, Number>(of.of, from, whole, of.of_stride, of.outputs, out_rows);
  for (int tap = 0; tap < of.num_taps; tap++) {
    const int64_t reach = (int64_t)(of.num_taps - 1 - tap) * of.dilation, last = from + num - 1;
    float* to = of.out + (size_t)tap * of.inputs * of.outputs;
    if (last < reach) continue;
    put_rows<TILE_INPUTS, Number>(of.in, from - reach, whole, of.in_stride, of.inputs, in_rows);
    add_products<Number>(in_rows, of.inputs, out_rows, of.outputs, whole / Number::PAIR, to);
    if (whole < num) odd_row(of.in + (last - reach) * of.in_stride, of.inputs, of.of + last * of.of_stride, of.outputs, to);
  }
}

}  // namespace
