// The gated unit over whole maps, forwards and backwards: one pass each way, and nothing kept but its input.
#pragma once

#include "products.h"

namespace {

// Rows are pixels; a row of x has all signals, then what opens them.
struct Gates {
  int64_t num_rows;
  int32_t half;
  const void* x;   // [rows, 2H]
  const void* of;  // [rows, H], the gradient of what was given; null forwards
  void* out;       // [rows, H], or backwards the gradient of x [rows, 2H]
};

template <class Number>
inline void gates_forward(const Gates& gates) {
  typedef typename Number::T T;
  const T* x = (const T*)gates.x;
  T* out = (T*)gates.out;
  for (int64_t row = 0; row < gates.num_rows; row++, x += 2 * gates.half, out += gates.half)
    for (int i = 0; i < gates.half; i += VL) Number::put(out + i, gate<Number::TERMS>(read(x + i), read(x + gates.half + i)));
}

template <class Number>
inline void gates_backward(const Gates& gates) {
  typedef typename Number::T T;
  const int half = gates.half;
  const T *x = (const T*)gates.x, *of = (const T*)gates.of;
  T* out = (T*)gates.out;
  for (int64_t row = 0; row < gates.num_rows; row++, x += 2 * half, of += half, out += 2 * half)
    for (int i = 0; i < half; i += VL) {
      Vector signal = tanh_of<Number::TERMS>(read(x + i)), opened = sigmoid<Number::TERMS>(read(x + half + i)), of_z = read(of + i);
      Number::put(out + i, of_z * opened * (1.f - signal * signal));
      Number::put(out + half + i, of_z * signal * opened * (1.f - opened));
    }
}

}  // namespace
