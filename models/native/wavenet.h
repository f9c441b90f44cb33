// WaveNet at one timestep after another, for all lanes side by side: `models/wavenet.py` with its cache, and the draw.
//
// Each layer keeps a ring of its last d(k-1)+1 inputs [slot, lane, R]; what one layer gives is written straight into
// the ring of the next, and the z of all layers side by side, for one product with the skip connections. Filter and
// gate of a feature stand in one panel, so that the gate works on sums that are still in registers. Nothing is
// allocated here, and nothing is kept: all memory is the caller's.
#pragma once

#include "draws.h"
#include "products.h"

namespace {

struct Layer {
  const void* gate;      // panels of [k * R (the present first) + local, 2H]
  const void* residual;  // panels of [H, R]; none after the last layer
  void* ring;            // [slots, lanes, R]
  int32_t dilation, slots;
};

// The layers of a stack, and what is theirs; widths are whole vectors.
struct Stack {
  const Layer* layers;
  int32_t num_layers, num_taps, residual, half, local, num_lanes, biases_differ;
  const float* biases;  // [lanes, L, 2H]: of the convolutions and of what conditions a lane at this timestep; of one
                        // lane for all, where they do not differ
  float* stream;        // [lanes, R]
  void* z;              // [lanes, L * H]
};

struct WaveNet {
  Stack stack;
  Product skip, head, output;
  const float* first;       // levels: [taps, K, R]; scalar: [taps + 1, R], the bias last
  int32_t num_first_taps, is_scalar, num_levels, output_is_float32;
  Distribution distribution;
  int32_t* recent;          // [lanes, taps]: the levels before, the newest last; -1 before the first
  float* wide;              // [lanes, widest of skip, head, output]
  void *skips, *hidden;     // [lanes, S], [lanes, A]
  double* scratch;
};

// So many timesteps of all lanes.
struct Span {
  int64_t clock;               // timesteps that the rings have seen
  int32_t num_timesteps;
  const uint32_t* keys;        // [lanes, 2]
  const int64_t* positions;    // [lanes]: where in its item each lane is
  const float* temperatures;   // [lanes, 2]: the temperature, and its logarithm
  const void* local;           // [timesteps, lanes, local]
  const int32_t* given;        // [timesteps, lanes]: levels that are kept; -1 where one is drawn. May be null
  int32_t* levels;             // [timesteps, lanes]
  double* nll_nats;            // [timesteps, lanes]
  float* parameters;           // [timesteps, lanes, width of the output]. May be null
};

template <class Number>
inline typename Number::T* slot_of(const Layer& layer, const Stack& stack, int64_t timestep) {
  int64_t slot = timestep % layer.slots;
  if (slot < 0) slot += layer.slots;
  return (typename Number::T*)layer.ring + (size_t)slot * stack.num_lanes * stack.residual;
}

template <class Number>
inline void gates(const Stack& stack, int index, int64_t clock, const typename Number::T* local) {
  typedef typename Number::T T;
  const Layer& layer = stack.layers[index];
  const size_t z_stride = (size_t)stack.num_layers * stack.half;
  Inputs<T> inputs;
  for (int j = 0; j < stack.num_taps; j++)
    inputs.add(slot_of<Number>(layer, stack, clock - (int64_t)j * layer.dilation), stack.residual, stack.residual);
  if (stack.local) inputs.add(local, stack.local, stack.local);
  Biases biases = {stack.biases + (size_t)index * 2 * stack.half, stack.biases_differ ? 2 * z_stride : 0};
  multiply_rows<Number>(inputs, stack.num_lanes, 2 * stack.half, biases, layer.gate,
                        Gated<Number>{(T*)stack.z + (size_t)index * stack.half, z_stride});
}

// The residual connection: added to the stream, and put into the next layer's ring.
template <class Number>
inline void residual(const Stack& stack, int index, int64_t clock) {
  typedef typename Number::T T;
  const size_t width = stack.residual;
  Inputs<T> inputs;
  inputs.add((const T*)stack.z + (size_t)index * stack.half, (size_t)stack.num_layers * stack.half, stack.half);
  T* next = slot_of<Number>(stack.layers[index + 1], stack, clock);
  multiply_rows<Number>(inputs, stack.num_lanes, stack.residual, Biases{stack.stream, width},
                        stack.layers[index].residual, Streamed<Number>{stack.stream, width, next, width, false, false});
}

// Ask for what a layer's taps look back at: of many lanes rings lie far from the processor.
template <class Number>
inline void fetch_past(const Stack& stack, int index, int64_t clock) {
  const Layer& layer = stack.layers[index];
  const size_t size = (size_t)stack.num_lanes * stack.residual * sizeof(typename Number::T);
  for (int j = 1; j < stack.num_taps; j++) {
    const char* slot = (const char*)slot_of<Number>(layer, stack, clock - (int64_t)j * layer.dilation);
    for (size_t at = 0; at < size; at += 64) __builtin_prefetch(slot + at, 0, 2);
  }
}

// The stack at one timestep, whose input stands in `stream`.
template <class Number>
inline void run_stack(const Stack& stack, int64_t clock, const void* local) {
  typename Number::T* input = slot_of<Number>(stack.layers[0], stack, clock);
  for (int i = 0; i < stack.num_lanes * stack.residual; i += VL) Number::put(input + i, load(stack.stream + i));
  for (int index = 0; index < stack.num_layers; index++) {
    if (index + 1 < stack.num_layers) fetch_past<Number>(stack, index + 1, clock);
    gates<Number>(stack, index, clock, (const typename Number::T*)local);
    if (index + 1 < stack.num_layers) residual<Number>(stack, index, clock);
  }
}

// The first convolution: a sum of lookups, or of scaled levels times weights; nothing before the first timestep.
inline void first_input(const WaveNet& net) {
  const int width = net.stack.residual, taps = net.num_first_taps;
  for (int lane = 0; lane < net.stack.num_lanes; lane++) {
    float* to = net.stack.stream + (size_t)lane * width;
    if (net.is_scalar)
      memcpy(to, net.first + (size_t)taps * width, width * sizeof(float));
    else
      memset(to, 0, width * sizeof(float));
    for (int tap = 0; tap < taps; tap++) {
      int32_t level = net.recent[lane * taps + tap];
      if (level < 0) continue;
      float value = net.is_scalar ? (float)(level * (2. / (net.num_levels - 1)) - 1.) : 1.f;
      const float* row = net.first + (net.is_scalar ? (size_t)tap : (size_t)tap * net.num_levels + level) * width;
      for (int i = 0; i < width; i += VL) store(to + i, load(row + i) * value + load(to + i));
    }
  }
}

// The head of figure 4: the parameters of all lanes into `wide`.
template <class Number>
inline void head(const WaveNet& net) {
  typedef typename Number::T T;
  const int num_lanes = net.stack.num_lanes, S = net.skip.width, A = net.head.width;
  multiply<Number>(net.skip, net.stack.z, net.skip.depth, num_lanes, net.wide, S);
  positive_part<Number>(net.wide, S, (T*)net.skips, S, num_lanes, S);
  multiply<Number>(net.head, net.skips, S, num_lanes, net.wide, A);
  if (net.output_is_float32) {
    positive_part<Float32>(net.wide, A, (float*)net.hidden, A, num_lanes, A);
    multiply<Float32>(net.output, net.hidden, A, num_lanes, net.wide, net.output.width);
  } else {
    positive_part<Number>(net.wide, A, (T*)net.hidden, A, num_lanes, A);
    multiply<Number>(net.output, net.hidden, A, num_lanes, net.wide, net.output.width);
  }
}

inline Draw draw(const WaveNet& net, const Span& span, int timestep, int lane) {
  int32_t given = span.given ? span.given[(size_t)timestep * net.stack.num_lanes + lane] : -1;
  uint32_t words[4];
  philox(span.keys + 2 * lane, span.positions[lane] + timestep, 0, words);
  const float *parameters = net.wide + (size_t)lane * net.output.width, *temperature = span.temperatures + 2 * lane;
  if (net.distribution.num_components)
    return draw_mixture(net.distribution, parameters, temperature[0], temperature[1], uniform(words[0]),
                        uniform(words[1]), given, net.scratch);
  return draw_softmax(parameters, net.output.width, temperature[0], uniform(words[0]), given, net.scratch);
}

template <class Number>
inline void run_wavenet(const WaveNet& net, const Span& span) {
  const int num_lanes = net.stack.num_lanes, taps = net.num_first_taps;
  const size_t row_bytes = (size_t)num_lanes * net.output.width * sizeof(float);
  for (int timestep = 0; timestep < span.num_timesteps; timestep++) {
    first_input(net);
    const size_t local = (size_t)timestep * num_lanes * net.stack.local;
    run_stack<Number>(net.stack, span.clock + timestep, (const typename Number::T*)span.local + local);
    head<Number>(net);
    if (span.parameters) memcpy((char*)span.parameters + timestep * row_bytes, net.wide, row_bytes);
    for (int lane = 0; lane < num_lanes; lane++) {
      Draw drawn = draw(net, span, timestep, lane);
      span.levels[(size_t)timestep * num_lanes + lane] = drawn.level;
      span.nll_nats[(size_t)timestep * num_lanes + lane] = drawn.nll_nats;
      int32_t* recent = net.recent + (size_t)lane * taps;
      memmove(recent, recent + 1, (taps - 1) * sizeof(int32_t));
      recent[taps - 1] = drawn.level;
    }
  }
}

}  // namespace
