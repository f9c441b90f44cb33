// One draw from the parameters of a distribution, and what it costs in nats: `models/distributions.py` again.
//
// In double precision, as there: two paths that add probabilities in another order draw the same level, unless a random
// number falls within 1e-14 of the border between two of them.
#pragma once

#include "vectors.h"

namespace {

// Philox 4x32-10 (Salmon et al. 2011), as `models/counter_random.py` has it: counter (position, channel, block).
inline void philox(const uint32_t key[2], uint64_t position, uint32_t channel, uint32_t words[4]) {
  uint32_t c0 = (uint32_t)position, c1 = (uint32_t)(position >> 32), c2 = channel, c3 = 0, k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t product0 = (uint64_t)c0 * 0xD2511F53u, product1 = (uint64_t)c2 * 0xCD9E8D57u;
    uint32_t n0 = (uint32_t)(product1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(product0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)product1, c3 = (uint32_t)product0, c0 = n0, c2 = n2;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

inline double uniform(uint32_t word) { return (word >> 8) * 0x1p-24; }

struct Distribution {
  int32_t num_levels;
  int32_t num_components;  // of a mixture of logistics; 0: a softmax over the levels
};

struct Draw {
  int32_t level;
  double nll_nats;
};

inline Wide widen(const float* at) {
  typedef float Half __attribute__((vector_size(WL * 4), aligned(4), may_alias));
  return __builtin_convertvector(*(const Half*)at, Wide);
}

inline double sum_of(Wide x) {
  double sum = 0;
  for (int i = 0; i < WL; i++) sum += x[i];
  return sum;
}

inline Wide wide_at(const double* at) {
  Wide x;
  memcpy(&x, at, sizeof x);
  return x;
}

struct Weighed {
  double largest, total;
};

// e^(x - largest) of `width` numbers (whole vectors) into `weight`, and after these, in `weight + width`, for each
// vector the sum of it and those before, element by element.
inline Weighed exponentials(const float* x, int width, double* weight) {
  Vector most = load(x);
  for (int i = VL; i < width; i += VL) most = larger(load(x + i), most);
  double largest = most[0];
  for (int i = 1; i < VL; i++) largest = most[i] > largest ? most[i] : largest;
  Wide so_far = {};
  for (int i = 0; i < width; i += WL) {
    Wide e = exponential(widen(x + i) - largest);
    so_far += e;
    memcpy(weight + i, &e, sizeof e);
    memcpy(weight + width + i, &so_far, sizeof so_far);
  }
  return {largest, sum_of(so_far)};
}

// The first whose cumulative weight exceeds u * total; one of weight zero never does. The vector that holds it is found
// by halving, for the sums of vectors grow; then it is looked for one by one.
inline int32_t invert(const double* weight, int width, double total, double u) {
  const double* so_far = weight + width;
  double threshold = u * total;
  if (!(threshold < total)) threshold = nextafter(total, 0.);
  int from = 0, to = width / WL - 1;
  while (from < to) {
    int middle = (from + to) / 2;
    if (sum_of(wide_at(so_far + middle * WL)) > threshold)
      to = middle;
    else
      from = middle + 1;
  }
  double sum = from ? sum_of(wide_at(so_far + (from - 1) * WL)) : 0.;
  int32_t last = from * WL;
  for (int i = from * WL; i < (from + 1) * WL; i++) {
    sum += weight[i];
    if (weight[i] > 0) last = i;
    if (sum > threshold) return i;
  }
  return last;  // sums in another order may end a last place below
}

// The same of few.
inline int32_t invert_few(const double* weight, int number, double u) {
  double total = 0, sum = 0;
  for (int i = 0; i < number; i++) total += weight[i];
  for (int i = 0; i < number; i++) {
    sum += weight[i];
    if (sum > u * total) return i;
  }
  return number - 1;
}

// Zero, or NaN where a number among them is none.
inline double unless_finite(const float* x, int width) {
  Vector nothing = {};
  for (int i = 0; i < width; i += VL) nothing += load(x + i) * 0.f;
  double sum = 0;
  for (int i = 0; i < VL; i++) sum += nothing[i];
  return sum;
}

// Logits [width], the ones past the levels far below all others; `scratch` holds 3 * width doubles.
inline Draw draw_softmax(const float* logits, int width, float temperature, double u, int32_t given, double* scratch) {
  Weighed own = exponentials(logits, width, scratch), drawn = own;
  if (given < 0 && temperature != 1.f) {
    float* tempered = (float*)(scratch + 2 * width);
    for (int i = 0; i < width; i++) tempered[i] = logits[i] / temperature;
    drawn = exponentials(tempered, width, scratch);
  }
  int32_t level = given < 0 ? invert(scratch, width, drawn.total, u) : given;
  return {level, own.largest - logits[level] + log(own.total) + unless_finite(logits, width)};
}

inline double log_sigmoid(double x) { return x < 0 ? x - log1p(exp(x)) : -log1p(exp(-x)); }

// The log of what a discretised logistic gives a level: `log_logistic_bin` of `models/level_bins.py`.
inline double log_logistic_bin(int32_t level, int32_t num_levels, double mean, double log_scale) {
  double half = 1. / (num_levels - 1), centre = level * (2. / (num_levels - 1)) - 1. - mean;
  double inverse = exp(-log_scale), width = 2 * half * inverse;
  double log_p = 0;
  if (level < num_levels - 1) log_p += log_sigmoid((centre + half) * inverse);
  if (level > 0) log_p += log_sigmoid(-(centre - half) * inverse);
  if (level > 0 && level < num_levels - 1) log_p += log(-expm1(-(width > 1e-300 ? width : 1e-300)));
  return log_p;
}

// 3M parameters: logits, means, log scales. `log_temperature` widens the scales.
inline Draw draw_mixture(const Distribution& of, const float* parameters, float temperature, float log_temperature,
                         double u_component, double u_value, int32_t given, double* scratch) {
  int num = of.num_components, last = of.num_levels - 1;
  const float *logits = parameters, *means = parameters + num, *log_scales = parameters + 2 * num;
  double narrowest = log(.1 * 2 / last);
  double bad = 0, largest = -INFINITY;
  for (int i = 0; i < 3 * num; i++) bad += parameters[i] * 0.;
  int32_t level = given;
  if (level < 0) {
    for (int i = 0; i < num; i++) largest = fmax(largest, logits[i] / temperature);
    for (int i = 0; i < num; i++) scratch[i] = exp((double)(logits[i] / temperature) - largest);
    int chosen = invert_few(scratch, num, u_component);
    float least = (float)narrowest, scale = log_scales[chosen];
    scale = (scale < least ? least : scale) + log_temperature;
    scale = scale < least ? least : scale;
    double u = fmin(fmax(u_value, 0x1p-25), 1 - 0x1p-25);
    double position = (means[chosen] + exp((double)scale) * log(u / (1 - u)) + 1) * (last / 2.);
    level = (int32_t)floor(fmin(fmax(position, 0.), (double)last) + .5);
  }
  double most_logit = -INFINITY, logit_sum = 0, most = -INFINITY, sum = 0;
  for (int i = 0; i < num; i++) most_logit = fmax(most_logit, logits[i]);
  for (int i = 0; i < num; i++) logit_sum += exp(logits[i] - most_logit);
  for (int i = 0; i < num; i++) {
    scratch[i] = logits[i] + log_logistic_bin(level, of.num_levels, means[i], fmax(log_scales[i], narrowest));
    most = fmax(most, scratch[i]);
  }
  for (int i = 0; i < num; i++) sum += exp(scratch[i] - most);
  return {level, most_logit + log(logit_sum) - most - log(sum) + bad};
}

}  // namespace
