// Draws of pictures, row by row for all lanes side by side, whatever network gives the features.
//
// In a row, features are computed for one colour of one pixel: they see a prefix of the pixel's features, and their
// weights are a block cut out of the masked ones. Groups of features are filled up to whole vectors where they are
// written; the zeros that go past a group's end are overwritten when the next colour's turn comes. A network offers
//
//     features<Number>(net, row, column, colour)      the positive part of the colour's features, for the first head
//     see<Number>(net, row, column, colour, lane, value)      where it looks for the value of a level
//
// Axes: W column, B lane, C colour.
#pragma once

#include "draws.h"
#include "products.h"

namespace {

constexpr int MOST_COLOURS = 4;

// What a colour's features are made with, and where they stand.
struct ColourGroup {
  int32_t start, width;  // of the features: where they begin, whole vectors
  int32_t seen;          // how many of the pixel's inputs they see, in pairs
  const void* weights;
  const float* bias;
};

// A point convolution of the head over the positive part of what is before it.
struct Head {
  void* inputs;  // [B, width]: of all colours so far
  int32_t width;
  ColourGroup groups[MOST_COLOURS];
};

// What all networks of pictures have in common; the first part of each.
struct Pictures {
  int32_t num_colours, columns, num_lanes, num_levels, num_heads;
  const Head* heads;  // the last one gives the logits
  float* wide;        // [B, width of logits]
  double* scratch;
};

// The draws of a row.
struct PictureRow {
  int32_t row;
  const uint32_t* keys;       // [B, 2]
  const float* temperatures;  // [B]
  const int32_t* given;       // [W, C, B]: levels that are kept; -1 where one is drawn. May be null
  int32_t* levels;            // [W, C, B]
  double* nll_nats;           // [W, C, B]
  float* parameters;          // [W, C, B, width of logits]. May be null
};

// rows [B, stride] times a group's weights, in the place that the group has in the output.
template <class Number, class Output>
inline void multiply_group(const void* rows, size_t stride, const ColourGroup& group, int num_lanes, const Output& output) {
  Inputs<typename Number::T> inputs;
  inputs.add((const typename Number::T*)rows, stride, group.seen);
  multiply_rows<Number>(inputs, num_lanes, group.width, Biases{group.bias, 0}, group.weights, output);
}

// The logits of one colour at one pixel into `wide`.
template <class Number>
inline void logits(const Pictures& net, int colour) {
  typedef typename Number::T T;
  for (int index = 0; index + 1 < net.num_heads; index++) {
    const Head &head = net.heads[index], &next = net.heads[index + 1];
    const ColourGroup& group = head.groups[colour];
    multiply_group<Number>(head.inputs, head.width, group, net.num_lanes,
                           Positive<Number>{(T*)next.inputs + group.start, (size_t)next.width});
  }
  const Head& last = net.heads[net.num_heads - 1];
  multiply_group<Number>(last.inputs, last.width, last.groups[colour], net.num_lanes,
                         Plain{net.wide, (size_t)last.groups[colour].width});
}

// The value of a level, scaled to [-1, 1], as a number of products.
template <class Number>
inline typename Number::T value_of(int32_t level, int32_t num_levels) {
  float value[VL] = {(float)(level * (2. / (num_levels - 1)) - 1.)};
  typename Number::T number[VL];
  Number::put(number, load(value));
  return number[0];
}

// The names of what networks offer: those for a network are found where this is used with one.
template <class Number>
void features();
template <class Number>
void see();

template <class Number, class Network>
inline void draw_row(const Network& network, const PictureRow& row) {
  const Pictures& net = network.common;
  for (int column = 0; column < net.columns; column++)
    for (int colour = 0; colour < net.num_colours; colour++) {
      features<Number>(network, row.row, column, colour);
      logits<Number>(net, colour);
      const int width = net.heads[net.num_heads - 1].groups[colour].width;
      const size_t at = (size_t)(column * net.num_colours + colour) * net.num_lanes;
      if (row.parameters) memcpy(row.parameters + at * width, net.wide, (size_t)net.num_lanes * width * sizeof(float));
      for (int lane = 0; lane < net.num_lanes; lane++) {
        uint32_t words[4];
        philox(row.keys + 2 * lane, (uint64_t)row.row * net.columns + column, colour, words);
        Draw drawn = draw_softmax(net.wide + (size_t)lane * width, width, row.temperatures[lane], uniform(words[0]),
                                  row.given ? row.given[at + lane] : -1, net.scratch);
        row.levels[at + lane] = drawn.level, row.nll_nats[at + lane] = drawn.nll_nats;
        see<Number>(network, row.row, column, colour, lane, value_of<Number>(drawn.level, net.num_levels));
      }
    }
}

}  // namespace
