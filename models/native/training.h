// One gated layer of WaveNet over whole waveforms, forwards and backwards: `models/layers/gated_conv.py`, fused.
//
// Each tap is read where it lies in x, shifted, so taps are not copied side by side; what follows a product works on
// its sums while they are in registers.
// Rows are timesteps. Widths are whole vectors.
#pragma once

#include "weight_gradient.h"

namespace {

// What both directions are given; what only one of them uses is null in the other.
struct GatedLayer {
  int32_t num_items, num_timesteps, num_taps, dilation, residual, half;
  const void* x;          // [B, T, R]
  void* activations;      // [B, T, 2H]: tanh of the filter, sigmoid of the gate
  void* z;                // [B, T, H], its timesteps `z_stride` apart
  int64_t z_stride;
  const float* biases;    // [rows, 2H], filter and gate as panels have them
  int32_t stretch;        // timesteps (of all items one after another) that share a row of biases
  const void* gate;       // panels of [k * R, 2H], the oldest tap first
  const void* expand;     // panels of [H, R]; null in the last layer
  void* y;                // [B, T, R]; null in the last layer
  const void* of_z;       // [B, T, H], its timesteps `of_z_stride` apart
  int64_t of_z_stride;
  const void* of_y;       // [B, T, R]; null in the last layer
  const void* contract;   // panels of [R, H]: the residual connection, backwards
  const void* gate_back;  // panels of [2H, R] for each tap, the oldest first
  void* of_gates;         // [B, T, 2H]
  float* of_bias;         // [2H], added to
  void* of_x;             // [B, T, R]; null where nobody asks for it
  float* of_taps;         // [k, R, 2H], added to
  float* of_residual;     // [R, H], added to; null where of_y is
  float* scratch;         // TIMESTEPS_AT_ONCE rows of numbers, R + 2H wide
};

constexpr int BACK_ROWS = VL == 16 ? 12 : MR, BACK_VECTORS = 2;  // tiles of gradients: a panel of all taps is deep
constexpr int ROWS_AHEAD = 48;     // what the forward pass has left lies far off: it is asked for before its tile comes
constexpr int ROWS_AT_ONCE = 120;  // of tiles that go over one panel after another: they stay in the first-level cache

// body(first, last, from, to): stretches of rows in which taps from .. to - 1 see a timestep of the item.
// Tap j looks (k - 1 - j) * dilation back; backwards it is asked from as far ahead.
template <class Body>
inline void where_taps_reach(const GatedLayer& layer, bool backwards, const Body& body) {
  const int T_ = layer.num_timesteps, k = layer.num_taps;
  for (int oldest = k - 1; oldest >= 0; oldest--) {  // the oldest tap that is seen
    int64_t reach = (int64_t)(k - 1 - oldest) * layer.dilation;
    int64_t next = oldest ? reach + layer.dilation : T_;
    int first = reach < T_ ? (int)reach : T_, last = next < T_ ? (int)next : T_;
    if (first < last) {
      if (backwards)
        body(T_ - last, T_ - first, oldest);
      else
        body(first, last, oldest);
    }
  }
}

template <class Body>
inline void in_blocks(int first, int last, const Body& body) {
  for (int row = first; row < last; row += ROWS_AT_ONCE) body(row, last - row < ROWS_AT_ONCE ? last - row : ROWS_AT_ONCE);
}

template <class Number, int R, int V>
BY_ITSELF void put_activated(const Sums<R, V>& sums, typename Number::T* activations, typename Number::T* z,
                             int64_t z_stride, int half) {
  for (int m = 0; m < R; m++)
    for (int j = 0; j < V / 2; j++) {
      Vector signal = tanh_of<Number::TERMS>(sums.of[m][j]), opened = sigmoid<Number::TERMS>(sums.of[m][V / 2 + j]);
      Number::put(activations + (size_t)m * 2 * half + j * VL, signal);
      Number::put(activations + (size_t)m * 2 * half + half + j * VL, opened);
      Number::put(z + m * z_stride + j * VL, signal * opened);
    }
}

template <class Number, int R, int V>
BY_ITSELF void activate_tile(const GatedLayer& layer, const typename Number::T* x, int64_t row, int first, int oldest,
                             const typename Number::T* panel) {
  typedef typename Number::T T;
  Sums<R, V> sums;
#pragma GCC unroll 12
  for (int m = 0; m < R; m++)
#pragma GCC unroll 4
    for (int j = 0; j < V; j++)
      sums.of[m][j] = load(layer.biases + (size_t)((row + m) / layer.stretch) * 2 * layer.half + (first + j) * VL);
  for (int j = oldest; j < layer.num_taps; j++) {
    int64_t reach = (int64_t)(layer.num_taps - 1 - j) * layer.dilation;
    accumulate<Number>(sums, x + (row - reach) * layer.residual, layer.residual,
                       panel + (size_t)j * layer.residual * V * VL, layer.residual);
  }
  put_activated<Number>(sums, (T*)layer.activations + (size_t)row * 2 * layer.half + first / 2 * VL,
                        (T*)layer.z + row * layer.z_stride + first / 2 * VL, layer.z_stride, layer.half);
}

// to = from + a times a panel, as numbers of products.
template <class Number, int R, int V>
BY_ITSELF void add_tile(const typename Number::T* from, const typename Number::T* a, size_t a_stride,
                        const typename Number::T* panel, int depth, typename Number::T* to, size_t stride) {
  Sums<R, V> sums;
#pragma GCC unroll 12
  for (int m = 0; m < R; m++)
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) sums.of[m][j] = read(from + m * stride + j * VL);
  accumulate<Number>(sums, a, a_stride, panel, depth);
#pragma GCC unroll 12
  for (int m = 0; m < R; m++)
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) Number::put(to + m * stride + j * VL, sums.of[m][j]);
}

template <class Number>
inline void layer_forward(const GatedLayer& layer) {
  typedef typename Number::T T;
  const int depth = layer.num_taps * layer.residual;
  for (int64_t item = 0; item < layer.num_items; item++)
    where_taps_reach(layer, false, [&](int first_row, int last_row, int oldest) {
      in_blocks(first_row, last_row, [&](int from, int num_rows) {
        const int64_t start_row = item * layer.num_timesteps + from;
        in_panels(2 * layer.half / VL, [&](auto vectors, int first) {
          constexpr int V = decltype(vectors)::value;
          if constexpr (V % 2 == 0)
            in_tiles(num_rows, [&](auto rows, int row) {
              activate_tile<Number, decltype(rows)::value, V>(layer, (const T*)layer.x, start_row + row, first, oldest,
                                                              (const T*)layer.gate + (size_t)first * VL * depth);
            });
        });
        if (!layer.y) return;
        in_panels(layer.residual / VL, [&](auto vectors, int first) {
          constexpr int V = decltype(vectors)::value;
          in_tiles(num_rows, [&](auto rows, int row) {
            size_t at = (size_t)(start_row + row) * layer.residual + first * VL;
            add_tile<Number, decltype(rows)::value, V>(
                (const T*)layer.x + at, (const T*)layer.z + (start_row + row) * layer.z_stride, layer.z_stride,
                (const T*)layer.expand + (size_t)first * VL * layer.half, layer.half, (T*)layer.y + at, layer.residual);
          });
        });
      });
    });
}

// From the gradient of z, in sums, to that of filter and gate.
template <class Number, int R, int V>
BY_ITSELF void put_gate_gradient(const Sums<R, V>& sums, const typename Number::T* activations,
                                 typename Number::T* of_gates, float* of_bias, int half) {
  for (int j = 0; j < V; j++) {
    Vector of_filter = {}, of_gate = {};
    for (int m = 0; m < R; m++) {
      size_t at = (size_t)m * 2 * half + j * VL;
      Vector signal = read(activations + at), opened = read(activations + at + half), of_z = sums.of[m][j];
      Vector filter = of_z * opened * (1.f - signal * signal), gating = of_z * signal * opened * (1.f - opened);
      Number::put(of_gates + at, filter);
      Number::put(of_gates + at + half, gating);
      of_filter += filter, of_gate += gating;
    }
    store(of_bias + j * VL, load(of_bias + j * VL) + of_filter);
    store(of_bias + half + j * VL, load(of_bias + half + j * VL) + of_gate);
  }
}

template <class Number, int R, int V>
BY_ITSELF void gate_gradient_tile(const GatedLayer& layer, int64_t row, int first) {
  typedef typename Number::T T;
  Sums<R, V> sums;
  const T* of_z = (const T*)layer.of_z + row * layer.of_z_stride + first * VL;
  const size_t at = (size_t)row * 2 * layer.half + first * VL;
  const T* activations = (const T*)layer.activations + at;
  ask_for(of_z + ROWS_AHEAD * layer.of_z_stride, R, layer.of_z_stride, V * VL);
  ask_for(activations + ROWS_AHEAD * 2 * layer.half, R, 2 * layer.half, V * VL);
  ask_for(activations + (ROWS_AHEAD * 2 + 1) * layer.half, R, 2 * layer.half, V * VL);
#pragma GCC unroll 12
  for (int m = 0; m < R; m++)
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) sums.of[m][j] = read(of_z + m * layer.of_z_stride + j * VL);
  if (layer.of_y)
    accumulate<Number>(sums, (const T*)layer.of_y + (size_t)row * layer.residual, layer.residual,
                       (const T*)layer.contract + (size_t)first * VL * layer.residual, layer.residual);
  put_gate_gradient<Number>(sums, activations, (T*)layer.of_gates + at, layer.of_bias + first * VL,
                            layer.half);
}

template <class Number, int R, int V>
BY_ITSELF void input_gradient_tile(const GatedLayer& layer, int64_t row, int first, int oldest) {
  typedef typename Number::T T;
  const int depth = 2 * layer.half;
  Sums<R, V> sums;
  const size_t at = (size_t)row * layer.residual + first * VL;
#pragma GCC unroll 12
  for (int m = 0; m < R; m++)
#pragma GCC unroll 4
    for (int j = 0; j < V; j++)
      sums.of[m][j] = layer.of_y ? read((const T*)layer.of_y + at + (size_t)m * layer.residual + j * VL) : Vector{};
  for (int j = oldest; j < layer.num_taps; j++) {
    int64_t reach = (int64_t)(layer.num_taps - 1 - j) * layer.dilation;
    accumulate<Number>(sums, (const T*)layer.of_gates + (row + reach) * depth, depth,
                       (const T*)layer.gate_back + ((size_t)j * layer.residual + first * VL) * depth, depth);
  }
#pragma GCC unroll 12
  for (int m = 0; m < R; m++)
#pragma GCC unroll 4
    for (int j = 0; j < V; j++)
      Number::put((T*)layer.of_x + at + (size_t)m * layer.residual + j * VL, sums.of[m][j]);
}

template <class Number>
inline void gate_gradients(const GatedLayer& layer, int64_t row, int num) {
  in_panels<BACK_VECTORS>(layer.half / VL, [&](auto vectors, int first) {
    in_tiles<BACK_ROWS>(num, [&](auto rows, int at) {
      gate_gradient_tile<Number, decltype(rows)::value, decltype(vectors)::value>(layer, row + at, first);
    });
  });
}

template <class Number>
inline void input_gradients(const GatedLayer& layer, int64_t row, int num, int oldest) {
  in_panels<BACK_VECTORS>(layer.residual / VL, [&](auto vectors, int first) {
    in_tiles<BACK_ROWS>(num, [&](auto rows, int at) {
      input_gradient_tile<Number, decltype(rows)::value, decltype(vectors)::value>(layer, row + at, first, oldest);
    });
  });
}

// All gradients of timesteps from .. from + num - 1 of an item, those after them being done: so what one of them makes
// is in the caches for the next.
template <class Number>
inline void backward_block(const GatedLayer& layer, int64_t item, int from, int num) {
  typedef const typename Number::T* Rows;
  const int64_t start_row = item * layer.num_timesteps;
  const int residual = layer.residual, half = layer.half;
  gate_gradients<Number>(layer, start_row + from, num);
  if (layer.of_x)
    where_taps_reach(layer, true, [&](int first, int last, int oldest) {
      first = first < from ? from : first, last = last > from + num ? from + num : last;
      if (first < last) input_gradients<Number>(layer, start_row + first, last - first, oldest);
    });
  Rows x = (Rows)layer.x + start_row * residual, z = (Rows)layer.z + start_row * layer.z_stride,
       of_gates = (Rows)layer.of_gates + start_row * 2 * half, of_y = (Rows)layer.of_y + start_row * residual;
  add_weight_gradient<Number>({layer.num_taps, layer.dilation, residual, 2 * half, x, residual, of_gates, 2 * half,
                               layer.of_taps, layer.scratch}, from, num);
  if (layer.of_y)
    add_weight_gradient<Number>({1, 1, residual, half, of_y, residual, z, layer.z_stride, layer.of_residual, layer.scratch},
                                from, num);
}

template <class Number>
inline void layer_backward(const GatedLayer& layer) {
  const int T_ = layer.num_timesteps;
  for (int64_t item = 0; item < layer.num_items; item++)
    for (int from = (T_ - 1) / TIMESTEPS_AT_ONCE * TIMESTEPS_AT_ONCE; from >= 0; from -= TIMESTEPS_AT_ONCE)
      backward_block<Number>(layer, item, from, T_ - from < TIMESTEPS_AT_ONCE ? T_ - from : TIMESTEPS_AT_ONCE);
}

}  // namespace
