// Weights as training has them, in float32 and with any strides, in the order in which `products.h` reads them: that of
// `packing.py`, taken anew at every step.
#pragma once

#include "products.h"

namespace {

struct Packing {
  const float* from;  // [num, depth, width]
  int64_t stride, row_stride, column_stride;
  int32_t num, depth, width;
  int32_t vectors;  // of a panel
  int32_t gates;    // whether columns are filters, then gates: a panel has as many of the one as of the other
  void* to;
};

// VL columns at `from` as numbers of products: of one row, or of two side by side.
template <class Number>
inline Vector unit_of(const Packing& packing, const float* from);

inline Vector columns_of(const Packing& packing, const float* from) {
  if (packing.column_stride == 1) return load(from);
  Vector columns;
  for (int m = 0; m < VL; m++) columns[m] = from[m * packing.column_stride];
  return columns;
}

template <>
inline Vector unit_of<Float32>(const Packing& packing, const float* from) {
  return columns_of(packing, from);
}

#if defined(__AVX512BF16__)
// To the nearest bfloat16, as torch rounds: subnormal numbers stay, NaN is NaN.
inline __m512i rounded(Vector x) {
  const __m512i bits = (__m512i)x, odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i nearest = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __mmask16 nan = _mm512_cmp_ps_mask((__m512)x, (__m512)x, _CMP_UNORD_Q);
  return _mm512_mask_mov_epi32(_mm512_srli_epi32(nearest, 16), nan, _mm512_set1_epi32(0x7fc0));
}

template <>
inline Vector unit_of<BFloat16>(const Packing& packing, const float* from) {
  const __m512i low = rounded(columns_of(packing, from)), high = rounded(columns_of(packing, from + packing.row_stride));
  return (Vector)_mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}
#endif

// Panels of columns, [depth / PAIR, columns, PAIR] each, one after another; gives where they end.
template <class Number>
inline float* pack(const Packing& packing, const float* from, float* to) {
  const int parts = packing.gates ? 2 : 1, width = packing.width / parts, most = packing.vectors * VL / parts;
  for (int first = 0; first < width; first += most) {
    const int columns = width - first < most ? width - first : most;
    for (int k = 0; k < packing.depth; k += Number::PAIR)
      for (int part = 0; part < parts; part++)
        for (int i = 0; i < columns; i += VL, to += VL)
          store(to, unit_of<Number>(packing, from + k * packing.row_stride +
                                                 (part * width + first + i) * packing.column_stride));
  }
  return to;
}

template <class Number>
inline void pack(const Packing& packing) {
  float* to = (float*)packing.to;
  for (int i = 0; i < packing.num; i++) to = pack<Number>(packing, packing.from + i * packing.stride, to);
}

}  // namespace
