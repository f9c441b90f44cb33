// What this processor can multiply: the tile of `products.h` without its loads.
#pragma once

#include "products.h"

namespace {

// So many rounds of multiply-adds on registers; gives the floating-point operations of them.
template <class Number>
BY_ITSELF double peak(int64_t rounds) {
  Vector x[2], sums[MR][NV];
  volatile float seed = 1e-3f;
  for (auto& one : x) one = all(seed);
  for (auto& row : sums)
    for (auto& one : row) one = all(seed);
  for (int64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 8
    for (int m = 0; m < MR; m++)
#pragma GCC unroll 4
      for (int j = 0; j < NV; j++) sums[m][j] = Number::multiply_add(x[0], x[1], sums[m][j]);
  }
  Vector sum = {};
  for (auto& row : sums)
    for (auto& one : row) sum += one;
  volatile float kept = sum[0];  // so that the loop is not left out
  (void)kept;
  return 2. * MR * NV * VL * Number::PAIR * (double)rounds;
}

}  // namespace
