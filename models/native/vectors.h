// Vectors of one level of processor, and the functions of numbers that the kernels need.
//
// Plain GCC and Clang vector types: the same source is compiled once for each level (`avx512bf16.cpp` and its
// neighbours), and only bfloat16 and the reciprocal are written for one of them. All here is in a nameless namespace:
// nothing that was compiled for one level is ever linked into another.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace {

// VL floats a vector, NV vectors a panel of weights, MR rows a tile: MR x NV sums stay in registers.
#if defined(__AVX512F__)
constexpr int VL = 16, NV = 4, MR = 6;
#elif defined(__AVX2__)
constexpr int VL = 8, NV = 2, MR = 6;
#else
constexpr int VL = 4, NV = 2, MR = 6;
#endif

typedef float Vector __attribute__((vector_size(VL * 4)));
typedef float Anywhere __attribute__((vector_size(VL * 4), aligned(4), may_alias));
typedef int32_t Whole __attribute__((vector_size(VL * 4)));
typedef double Wide __attribute__((vector_size(VL * 4)));
typedef int64_t WideWhole __attribute__((vector_size(VL * 4)));
constexpr int WL = VL / 2;

inline Vector load(const float* at) { return *(const Anywhere*)at; }
inline void store(float* at, Vector x) { *(Anywhere*)at = x; }
// Numbers of products as floats.
inline Vector read(const float* at) { return load(at); }
inline Vector read(const uint16_t* at) {
#if defined(__AVX512F__)  // in one step, which the compiler makes seven of
  return (Vector)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)at)), 16);
#endif
  typedef uint16_t Half __attribute__((vector_size(VL * 2), aligned(2), may_alias));
  typedef uint32_t Bits __attribute__((vector_size(VL * 4)));
  return (Vector)(__builtin_convertvector(*(const Half*)at, Bits) << 16);
}

inline Vector all(float x) { return x - Vector{}; }
inline Wide all_wide(double x) { return x - Wide{}; }
inline Vector larger(Vector a, Vector b) { return a > b ? a : b; }
inline Vector smaller(Vector a, Vector b) { return a < b ? a : b; }

inline Vector reciprocal(Vector x) {
#if defined(__AVX512F__)
  Vector r = (Vector)_mm512_rcp14_ps((__m512)x);
  return r * (2.f - x * r);
#else
  return 1.f / x;
#endif
}

// 2^x for x up to 126: the whole part into the exponent, a series for the rest. Of so many terms: with six the relative
// error is below 3e-7, with four below 6e-5, a sixtieth of what bfloat16 rounds.
template <int terms = 6>
inline Vector power_of_two(Vector x) {
#if defined(__AVX512F__)
  Vector whole = (Vector)_mm512_roundscale_ps((__m512)x, 0), f = x - whole;
#else
  const float round = 12582912.f;  // 1.5 * 2^23: adding it leaves a whole number in the lower bits
  x = x < -126.f ? all(-126.f) : x;
  Vector shifted = x + round, f = x - (shifted - round);
#endif
  const float series[] = {1.54035304e-4f, 1.33335581e-3f, 9.61812911e-3f, 5.55041087e-2f,
                          2.40226507e-1f, 6.93147181e-1f, 1.f};
  Vector p = all(series[6 - terms]);
#pragma GCC unroll 6
  for (int i = 7 - terms; i < 7; i++) p = p * f + series[i];
#if defined(__AVX512F__)
  return (Vector)_mm512_scalef_ps((__m512)p, (__m512)whole);
#else
  return x == x ? (Vector)((Whole)p + ((Whole)shifted << 23)) : x;  // what is no number stays so
#endif
}

// x, no larger than a limit; NaN stays NaN, which the processor's own min gives where it is second.
inline Vector at_most(Vector x, float limit) {
#if defined(__AVX512F__)
  return (Vector)_mm512_min_ps(_mm512_set1_ps(limit), (__m512)x);
#else
  return x > limit ? all(limit) : x;
#endif
}

// tanh(a) * sigmoid(b) = (1 - e^-2a) / ((1 + e^-2a)(1 + e^-b)).
template <int terms>
inline Vector gate(Vector a, Vector b) {
  Vector ea = power_of_two<terms>(at_most(a * -2.88539008f, 60.f));
  Vector eb = power_of_two<terms>(at_most(b * -1.44269504f, 60.f));
  return (1.f - ea) * reciprocal((1.f + ea) * (1.f + eb));
}

template <int terms>
inline Vector sigmoid(Vector x) {
  return reciprocal(1.f + power_of_two<terms>(at_most(x * -1.44269504f, 60.f)));
}
template <int terms>
inline Vector tanh_of(Vector x) {
  return 2.f * sigmoid<terms>(2.f * x) - 1.f;
}

// e^x for x <= 0, relative error below 1e-14; below -700 as at -700, which no sum of doubles feels.
inline Wide exponential(Wide x) {
  x = x < -700. ? all_wide(-700.) : x;
  const double round = 6755399441055744.;  // 1.5 * 2^52
  Wide shifted = x * 1.4426950408889634 + round, n = shifted - round;
  Wide r = x - n * 6.93147180369123816490e-01 - n * 1.90821492927058770002e-10;
  Wide p = all_wide(1. / 39916800.);
  const double terms[] = {1. / 3628800., 1. / 362880., 1. / 40320., 1. / 5040., 1. / 720., 1. / 120.,
                          1. / 24.,      1. / 6.,      .5,          1.,         1.};
#pragma GCC unroll 11
  for (int i = 0; i < 11; i++) p = p * r + terms[i];
  return (Wide)((WideWhole)p + ((WideWhole)shifted << 52));
}

// What products are made of: float32, or pairs of bfloat16 whose sums are float32.
struct Float32 {
  typedef float T;
  static constexpr int PAIR = 1, TERMS = 6;
  static inline Vector broadcast(const T* at) { return all(*at); }
  static inline Vector weights(const T* at) { return load(at); }
  static inline Vector multiply_add(Vector a, Vector w, Vector sum) { return a * w + sum; }
  static inline void put(T* at, Vector x) { store(at, x); }
};

#if defined(__AVX512BF16__)
struct BFloat16 {
  typedef uint16_t T;
  static constexpr int PAIR = 2, TERMS = 4;
  static inline Vector broadcast(const T* at) {
    int32_t pair;
    memcpy(&pair, at, 4);
    return (Vector)_mm512_set1_epi32(pair);
  }
  static inline Vector weights(const T* at) { return (Vector)_mm512_loadu_si512(at); }
  static inline Vector multiply_add(Vector a, Vector w, Vector sum) {
    return (Vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)w);
  }
  static inline void put(T* at, Vector x) {
    _mm256_storeu_si256((__m256i*)at, (__m256i)_mm512_cvtneps_pbh((__m512)x));
  }
};
#endif

}  // namespace
