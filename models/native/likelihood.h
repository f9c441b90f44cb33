// The likelihood of levels under a softmax, and its gradient: each reads the logits once and keeps no probabilities.
#pragma once

#include "products.h"

namespace {

struct Likelihood {
  int64_t num_rows;
  int32_t num_levels;
  const void* logits;      // [rows, K]
  const int64_t* levels;   // [rows]
  float* scales;           // [rows, 2], the largest logit and the log of the sum of e^(logit - it): put forwards, read backwards
  float* nats;             // [rows]; null backwards
  const float* of_nats;    // [rows], the gradient of these; null forwards
  void* out;               // [rows, K], the gradient of the logits; null forwards
};

constexpr float LOG2_E = 1.44269504f;

// e^x for x up to 80: relative error below 1e-6; below e^-87 as there, and NaN of NaN.
inline Vector exponential_of(Vector x) {
  Vector scaled = x * LOG2_E;
  return power_of_two<6>(scaled < -126.f ? all(-126.f) : scaled);
}

template <class T>
inline float largest(const T* row, int num) {
  Vector most = read(row);
  for (int i = VL; i < num; i += VL) most = larger(most, read(row + i));
  float found = most[0];
  for (int m = 1; m < VL; m++) found = most[m] > found ? most[m] : found;
  return found;
}

template <class T>
inline float sum_of_exponentials(const T* row, int num, float shift) {
  Vector sums = {};
  for (int i = 0; i < num; i += VL) sums += exponential_of(read(row + i) - shift);
  float sum = 0.f;
  for (int m = 0; m < VL; m++) sum += sums[m];
  return sum;
}

// The first row whose level is none of them; -1 where there is no such row.
template <class Number>
inline int64_t likelihood_forward(const Likelihood& of) {
  const auto* row = (const typename Number::T*)of.logits;
  for (int64_t i = 0; i < of.num_rows; i++, row += of.num_levels) {
    if (of.levels[i] < 0 || of.levels[i] >= of.num_levels) return i;
    float most = largest(row, of.num_levels), log_sum = logf(sum_of_exponentials(row, of.num_levels, most));
    float logit[VL];
    store(logit, read(row + of.levels[i] / VL * VL));
    of.nats[i] = (most - logit[of.levels[i] % VL]) + log_sum;
    of.scales[2 * i] = most, of.scales[2 * i + 1] = log_sum;
  }
  return -1;
}

template <class Number>
inline void likelihood_backward(const Likelihood& of) {
  typedef typename Number::T T;
  const T* row = (const T*)of.logits;
  T* out = (T*)of.out;
  for (int64_t i = 0; i < of.num_rows; i++, row += of.num_levels, out += of.num_levels) {
    const float of_nats = of.of_nats[i], most = of.scales[2 * i], log_sum = of.scales[2 * i + 1];
    float logits[VL], probabilities[VL];
    const int chosen = of.levels[i] / VL * VL;
    for (int k = 0; k < of.num_levels; k += VL) Number::put(out + k, exponential_of(read(row + k) - most - log_sum) * of_nats);
    store(logits, read(row + chosen));
    store(probabilities, exponential_of(load(logits) - most - log_sum));
    probabilities[of.levels[i] % VL] -= 1.f;
    Number::put(out + chosen, load(probabilities) * of_nats);
  }
}

}  // namespace
