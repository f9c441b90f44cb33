// Gated PixelCNN, drawn row by row for all lanes side by side: `models/gated_pixelcnn.py` with its cache, and the draws.
//
// A row that is finished goes through the vertical stack at once (W x lanes rows of products), which leaves what it adds
// to every pixel of the row below. In that row the horizontal stack computes, for one colour of one pixel, the features
// of that colour alone: they see a prefix of the pixel's features, and its weights are a block cut out of the masked
// ones. Groups of features are filled up to whole vectors where they are written; the zeros that go past a group's end
// are overwritten when the next colour's turn comes.
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

struct PictureLayer {
  // the vertical stack
  const void* vertical;         // panels of [rows * columns * width, 2H]
  void* map;                    // [rows, side + W + side, B, width]: the last rows of what goes in
  int32_t num_rows, side, width;
  Biases vertical_bias;         // [W * B, 2H]
  Product down;                 // what is handed over: 2H to `offsets`
  Biases down_bias;             // [W * B, width of offsets]
  float* offsets;               // [W, B, 2 * widths of all groups]
  // the horizontal stack
  void* row;                    // [left + W, B, row_width]: what goes in, pixel by pixel
  void* gated;                  // [B, feature_width]: the current pixel's, of all colours so far
  int32_t left, row_width;
  ColourGroup across[MOST_COLOURS];  // panels of [left * row_width + seen, 2 * width]
  ColourGroup out[MOST_COLOURS];     // panels of [seen, width]
};

struct Picture {
  const PictureLayer* layers;
  int32_t num_layers, num_colours, columns, num_lanes, half, offsets_width, feature_width, middle_width;
  ColourGroup head[MOST_COLOURS], logits[MOST_COLOURS];
  int32_t num_levels;
  void *above, *features, *middle;  // [W * B, 2H], [B, feature_width], [B, middle_width]
  float *stream, *wide;             // [B, feature_width], [B, width of logits]
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

// Before the gate and after it: what is handed over, and what the next layer takes.
template <class Number>
struct HandedOver {
  typename Number::T* before;
  size_t before_stride;
  Gated<Number> after;

  template <int R, int V>
  BY_ITSELF void put(const Sums<R, V>& sums, int row, int first) const {
    for (int m = 0; m < R; m++)
      for (int j = 0; j < V; j++)
        Number::put(before + (row + m) * before_stride + (first + j) * VL, sums.of[m][j]);
    if (after.to) after.put(sums, row, first);
  }
};

template <class T>
inline T* map_row(const PictureLayer& layer, const Picture& net, int row) {
  int slot = row % layer.num_rows;
  return (T*)layer.map + (size_t)(slot < 0 ? slot + layer.num_rows : slot) * (net.columns + 2 * layer.side) *
                             net.num_lanes * layer.width;
}

// The vertical stack over a finished row; then every layer's `offsets` are those of the row below.
template <class Number>
inline void finish_row(const Picture& net, int row) {
  typedef typename Number::T T;
  const int num_rows = net.columns * net.num_lanes;
  for (int index = 0; index < net.num_layers; index++) {
    const PictureLayer& layer = net.layers[index];
    Inputs<T> inputs;
    for (int above = layer.num_rows - 1; above >= 0; above--)
      for (int column = 0; column <= 2 * layer.side; column++)
        inputs.add(map_row<T>(layer, net, row - above) + (size_t)column * net.num_lanes * layer.width, layer.width,
                   layer.width);
    HandedOver<Number> output = {(T*)net.above, (size_t)2 * net.half, {nullptr, 0}};
    if (index + 1 < net.num_layers) {
      const PictureLayer& next = net.layers[index + 1];
      T* to = map_row<T>(next, net, row) + (size_t)next.side * net.num_lanes * next.width;
      output.after = {to, (size_t)next.width};
    }
    multiply_rows<Number>(inputs, num_rows, 2 * net.half, layer.vertical_bias, layer.vertical, output);
    multiply<Number>(layer.down, net.above, 2 * net.half, num_rows, layer.down_bias, layer.offsets, net.offsets_width);
  }
}

// The features of one colour at one pixel through a layer of the horizontal stack, added to the stream.
template <class Number>
inline void across(const Picture& net, int index, int column, int colour) {
  typedef typename Number::T T;
  const PictureLayer& layer = net.layers[index];
  const ColourGroup &gates = layer.across[colour], &out = layer.out[colour];
  const size_t pixel = (size_t)net.num_lanes * layer.row_width;
  const T* row = (const T*)layer.row + column * pixel;
  Inputs<T> inputs;
  for (int left = 0; left < layer.left; left++) inputs.add(row + left * pixel, layer.row_width, layer.row_width);
  if (gates.seen) inputs.add(row + layer.left * pixel, layer.row_width, gates.seen);
  const float* offsets = layer.offsets + (size_t)column * net.num_lanes * net.offsets_width;
  for (int before = 0; before < colour; before++) offsets += 2 * layer.across[before].width;
  multiply_rows<Number>(inputs, net.num_lanes, 2 * gates.width, Biases{offsets, (size_t)net.offsets_width},
                        gates.weights, Gated<Number>{(T*)layer.gated + out.start, (size_t)net.feature_width});
  Inputs<T> gated;
  gated.add((const T*)layer.gated, net.feature_width, out.seen);
  Streamed<Number> output = {net.stream + out.start, (size_t)net.feature_width, (T*)net.features + out.start,
                             (size_t)net.feature_width, index > 0};
  if (index + 1 < net.num_layers) {
    const PictureLayer& next = net.layers[index + 1];
    output.to = (T*)next.row + (size_t)(next.left + column) * net.num_lanes * next.row_width + out.start;
    output.stride = next.row_width;
  }
  multiply_rows<Number>(gated, net.num_lanes, out.width, Biases{out.bias, 0}, out.weights, output);
}

// The logits of one colour at one pixel into `wide`.
template <class Number>
inline void logits(const Picture& net, int colour) {
  typedef typename Number::T T;
  const ColourGroup &last = net.layers[0].out[colour], &head = net.head[colour], &logits = net.logits[colour];
  const size_t width = net.feature_width;
  positive_part<Number>(net.stream + last.start, width, (T*)net.features + last.start, width, net.num_lanes, last.width);
  Inputs<T> features, middle;
  features.add((const T*)net.features, width, head.seen);
  multiply_rows<Number>(features, net.num_lanes, head.width, Biases{head.bias, 0}, head.weights,
                        Positive<Number>{(T*)net.middle + head.start, (size_t)net.middle_width});
  middle.add((const T*)net.middle, net.middle_width, logits.seen);
  multiply_rows<Number>(middle, net.num_lanes, logits.width, Biases{logits.bias, 0}, logits.weights,
                        Plain{net.wide, (size_t)logits.width});
}

// The value of a level, where both stacks look for it: levels scaled to [-1, 1].
template <class Number>
inline void see(const Picture& net, int row, int column, int colour, int lane, int32_t level) {
  typedef typename Number::T T;
  const PictureLayer& first = net.layers[0];
  float value[VL] = {(float)(level * (2. / (net.num_levels - 1)) - 1.)};
  T number[VL];
  Number::put(number, load(value));
  map_row<T>(first, net, row)[((size_t)(first.side + column) * net.num_lanes + lane) * first.width + colour] = number[0];
  ((T*)first.row)[((size_t)(first.left + column) * net.num_lanes + lane) * first.row_width + colour] = number[0];
}

template <class Number>
inline void draw_row(const Picture& net, const PictureRow& row) {
  for (int column = 0; column < net.columns; column++)
    for (int colour = 0; colour < net.num_colours; colour++) {
      for (int index = 0; index < net.num_layers; index++) across<Number>(net, index, column, colour);
      logits<Number>(net, colour);
      const int width = net.logits[colour].width;
      const size_t at = (size_t)(column * net.num_colours + colour) * net.num_lanes;
      if (row.parameters) memcpy(row.parameters + at * width, net.wide, (size_t)net.num_lanes * width * sizeof(float));
      for (int lane = 0; lane < net.num_lanes; lane++) {
        uint32_t words[4];
        philox(row.keys + 2 * lane, (uint64_t)row.row * net.columns + column, colour, words);
        Draw drawn = draw_softmax(net.wide + (size_t)lane * width, width, row.temperatures[lane], uniform(words[0]),
                                  row.given ? row.given[at + lane] : -1, net.scratch);
        row.levels[at + lane] = drawn.level, row.nll_nats[at + lane] = drawn.nll_nats;
        see<Number>(net, row.row, column, colour, lane, drawn.level);
      }
    }
}

}  // namespace
