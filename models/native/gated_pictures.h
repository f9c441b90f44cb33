// Gated PixelCNN, drawn: `models/gated_pixelcnn.py` with its cache.
//
// A row that is finished goes through the vertical stack at once (W x lanes rows of products), which leaves what it adds
// to every pixel of the row below. In that row the horizontal stack computes the features of one colour of one pixel.
#pragma once

#include "pictures.h"

namespace {

struct GatedPictureLayer {
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

struct GatedPictures {
  Pictures common;
  const GatedPictureLayer* layers;
  int32_t num_layers, half, offsets_width, feature_width;
  void* above;    // [W * B, 2H]
  float* stream;  // [B, feature_width]
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
inline T* map_row(const GatedPictureLayer& layer, const GatedPictures& net, int row) {
  int slot = row % layer.num_rows;
  return (T*)layer.map + (size_t)(slot < 0 ? slot + layer.num_rows : slot) * (net.common.columns + 2 * layer.side) *
                             net.common.num_lanes * layer.width;
}

// The vertical stack over a finished row; then every layer's `offsets` are those of the row below.
template <class Number>
inline void finish_row(const GatedPictures& net, int row) {
  typedef typename Number::T T;
  const int num_rows = net.common.columns * net.common.num_lanes;
  for (int index = 0; index < net.num_layers; index++) {
    const GatedPictureLayer& layer = net.layers[index];
    Inputs<T> inputs;
    for (int above = layer.num_rows - 1; above >= 0; above--)
      for (int column = 0; column <= 2 * layer.side; column++)
        inputs.add(map_row<T>(layer, net, row - above) + (size_t)column * net.common.num_lanes * layer.width, layer.width,
                   layer.width);
    HandedOver<Number> output = {(T*)net.above, (size_t)2 * net.half, {nullptr, 0}};
    if (index + 1 < net.num_layers) {
      const GatedPictureLayer& next = net.layers[index + 1];
      T* to = map_row<T>(next, net, row) + (size_t)next.side * net.common.num_lanes * next.width;
      output.after = {to, (size_t)next.width};
    }
    multiply_rows<Number>(inputs, num_rows, 2 * net.half, layer.vertical_bias, layer.vertical, output);
    multiply<Number>(layer.down, net.above, 2 * net.half, num_rows, layer.down_bias, layer.offsets, net.offsets_width);
  }
}

// The features of one colour at one pixel through a layer of the horizontal stack, added to the stream.
template <class Number>
inline void across(const GatedPictures& net, int index, int column, int colour) {
  typedef typename Number::T T;
  const GatedPictureLayer& layer = net.layers[index];
  const ColourGroup &gates = layer.across[colour], &out = layer.out[colour];
  const size_t pixel = (size_t)net.common.num_lanes * layer.row_width;
  const T* row = (const T*)layer.row + column * pixel;
  Inputs<T> inputs;
  for (int left = 0; left < layer.left; left++) inputs.add(row + left * pixel, layer.row_width, layer.row_width);
  if (gates.seen) inputs.add(row + layer.left * pixel, layer.row_width, gates.seen);
  const float* offsets = layer.offsets + (size_t)column * net.common.num_lanes * net.offsets_width;
  for (int before = 0; before < colour; before++) offsets += 2 * layer.across[before].width;
  multiply_rows<Number>(inputs, net.common.num_lanes, 2 * gates.width, Biases{offsets, (size_t)net.offsets_width},
                        gates.weights, Gated<Number>{(T*)layer.gated + out.start, (size_t)net.feature_width});
  const Head& head = net.common.heads[0];
  Streamed<Number> output = {net.stream + out.start, (size_t)net.feature_width, (T*)head.inputs + out.start,
                             (size_t)head.width, index > 0, true};
  if (index + 1 < net.num_layers) {
    const GatedPictureLayer& next = net.layers[index + 1];
    output.to = (T*)next.row + (size_t)(next.left + column) * net.common.num_lanes * next.row_width + out.start;
    output.stride = next.row_width;
    output.positive = false;
  }
  multiply_group<Number>(layer.gated, net.feature_width, out, net.common.num_lanes, output);
}

template <class Number>
inline void features(const GatedPictures& net, int, int column, int colour) {
  for (int index = 0; index < net.num_layers; index++) across<Number>(net, index, column, colour);
}

template <class Number>
inline void see(const GatedPictures& net, int row, int column, int colour, int lane, typename Number::T value) {
  typedef typename Number::T T;
  const GatedPictureLayer& first = net.layers[0];
  const size_t num_lanes = net.common.num_lanes;
  map_row<T>(first, net, row)[((first.side + column) * num_lanes + lane) * first.width + colour] = value;
  ((T*)first.row)[((first.left + column) * num_lanes + lane) * first.row_width + colour] = value;
}

}  // namespace
