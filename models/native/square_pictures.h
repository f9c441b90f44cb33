// PixelCNN, drawn: `models/pixelcnn.py` with its cache.
//
// Its convolutions are masked squares. What they take from the rows above is computed for a whole row as it begins, what
// they take from their own row for one colour of one pixel.
#pragma once

#include "pictures.h"

namespace {

struct Square {
  const void* above;  // panels of [rows above * columns * width, width of offsets]
  void* map;          // [1 + rows above, side + W + side, B, width]: the last rows of what goes in
  int32_t num_rows, side, width, offsets_width;
  Biases biases;      // [W * B, width of offsets]
  float* offsets;     // [W * B, width of offsets]: widths of all groups
  ColourGroup here[MOST_COLOURS];  // panels of [side * width + seen, width]
};

// ReLU, 1x1; ReLU, square; ReLU, 1x1, added to the stream.
struct Block {
  Square conv;
  void *stream, *inside;  // positive parts so far: [B, stream_width], [B, inside_width]
  int32_t inside_width;
  ColourGroup reduce[MOST_COLOURS], expand[MOST_COLOURS];
};

struct SquarePictures {
  Pictures common;
  Square first;
  const Block* blocks;
  int32_t num_blocks, stream_width;
  float* stream;  // [B, stream_width]
};

template <class T>
inline T* map_at(const Square& square, const Pictures& net, int row, int column) {
  int slot = row % square.num_rows;
  if (slot < 0) slot += square.num_rows;
  return (T*)square.map + ((size_t)slot * (net.columns + 2 * square.side) + column) * net.num_lanes * square.width;
}

// What rows down to a finished one add to the row below it.
template <class Number>
inline void finish_square(const Square& square, const Pictures& net, int row) {
  typedef typename Number::T T;
  Inputs<T> inputs;
  for (int above = square.num_rows - 2; above >= 0; above--)
    for (int column = 0; column <= 2 * square.side; column++)
      inputs.add(map_at<T>(square, net, row - above, column), square.width, square.width);
  multiply_rows<Number>(inputs, net.columns * net.num_lanes, square.offsets_width, square.biases, square.above,
                        Plain{square.offsets, (size_t)square.offsets_width});
}

template <class Number>
inline void finish_row(const SquarePictures& net, int row) {
  finish_square<Number>(net.first, net.common, row);
  for (int index = 0; index < net.num_blocks; index++) finish_square<Number>(net.blocks[index].conv, net.common, row);
}

// The features of one colour at one pixel.
template <class Number, class Output>
inline void convolve(const Square& square, const Pictures& net, int row, int column, int colour, const Output& output) {
  typedef typename Number::T T;
  const ColourGroup& group = square.here[colour];
  Inputs<T> inputs;
  for (int left = 0; left < square.side; left++)
    inputs.add(map_at<T>(square, net, row, column + left), square.width, square.width);
  if (group.seen) inputs.add(map_at<T>(square, net, row, column + square.side), square.width, group.seen);
  const float* offsets = square.offsets + (size_t)column * net.num_lanes * square.offsets_width;
  for (int before = 0; before < colour; before++) offsets += square.here[before].width;
  multiply_rows<Number>(inputs, net.num_lanes, group.width, Biases{offsets, (size_t)square.offsets_width},
                        group.weights, output);
}

template <class Number>
inline void features(const SquarePictures& net, int row, int column, int colour) {
  typedef typename Number::T T;
  const Pictures& common = net.common;
  const ColourGroup& place = net.first.here[colour];
  const size_t width = net.stream_width;
  auto streamed = [&](int index, bool add) {
    T* to = (T*)(index < net.num_blocks ? net.blocks[index].stream : common.heads[0].inputs);
    return Streamed<Number>{net.stream + place.start, width, to + place.start, width, add, true};
  };
  convolve<Number>(net.first, common, row, column, colour, streamed(0, false));
  for (int index = 0; index < net.num_blocks; index++) {
    const Block& block = net.blocks[index];
    const ColourGroup &reduce = block.reduce[colour], &here = block.conv.here[colour];
    T* map = map_at<T>(block.conv, common, row, column + block.conv.side) + reduce.start;
    multiply_group<Number>(block.stream, width, reduce, common.num_lanes,
                           Positive<Number>{map, (size_t)block.conv.width});
    convolve<Number>(block.conv, common, row, column, colour,
                     Positive<Number>{(T*)block.inside + here.start, (size_t)block.inside_width});
    multiply_group<Number>(block.inside, block.inside_width, block.expand[colour], common.num_lanes,
                           streamed(index + 1, true));
  }
}

template <class Number>
inline void see(const SquarePictures& net, int row, int column, int colour, int lane, typename Number::T value) {
  typedef typename Number::T T;
  map_at<T>(net.first, net.common, row, net.first.side + column)[(size_t)lane * net.first.width + colour] = value;
}

}  // namespace
