// A convolution of maps with channels last in training: what it gives, and the gradient of its weights. The gradient of
// its input is a convolution too, of what comes back, with taps that look the other way.
//
// Some rows of a picture at a time are laid into a frame of zeros, as wide as the taps reach: so each tap is a product
// of rows that lie one after another, and what a tap sees is in the caches for all others. Taps that a mask hides are
// not there.
#pragma once

#include "dense.h"

namespace {

struct Tap {
  int32_t row, column;  // of the pixel that it sees, from its own
};

struct Frame {
  int32_t num, height, width;       // of pictures, and of each
  int32_t up, down, left, right;    // how far the taps reach
  int32_t rows_at_once;             // of a picture
};

struct Convolution {
  Frame frame;
  int32_t inputs, outputs, num_taps;
  const Tap* taps;
  const void* in;      // [num, height, width, inputs]
  const void* panels;  // of [taps, inputs, outputs], DENSE_VECTORS wide
  const float* bias;   // [outputs]
  void* out;           // [num, height, width, outputs]
  void* scratch;       // a frame of inputs
};

struct ConvolutionWeights {
  Frame frame;
  int32_t inputs, outputs, num_taps, rows_of_tile;
  const Tap* taps;
  const void* in;    // [num, height, width, inputs]
  const void* of;    // [num, height, width, outputs], the gradient
  float* of_weight;  // [taps, inputs, outputs], added to
  float* of_bias;    // [outputs], added to; null where there is none
  void* scratch;     // a frame of inputs
  float* laid;       // rows_at_once of outputs, and rows_of_tile of inputs; an odd number of bfloat16's is one more
};

// Pixels from a row of a frame to the next.
inline size_t pitch_of(const Frame& frame) { return frame.left + frame.width + frame.right; }

// The place of a row's first pixel among those of all pictures.
inline size_t first_pixel(const Frame& frame, int picture, int row) {
  return ((size_t)picture * frame.height + row) * frame.width;
}

// Rows from .. from + num - 1 of a picture with those that taps reach above and below, as [rows, pitch, width], zeros to
// the left, to the right and outside.
template <class T>
inline void frame_rows(const Frame& frame, const T* pictures, int picture, int from, int num, int width, T* to) {
  const size_t whole = pitch_of(frame) * width, before = (size_t)frame.left * width, row = (size_t)frame.width * width;
  for (int r = from - frame.up; r < from + num + frame.down; r++, to += whole) {
    if (r < 0 || r >= frame.height) {
      memset(to, 0, whole * sizeof(T));
      continue;
    }
    memset(to, 0, before * sizeof(T));
    memcpy(to + before, pictures + first_pixel(frame, picture, r) * width, row * sizeof(T));
    memset(to + before + row, 0, (size_t)frame.right * width * sizeof(T));
  }
}

// Where a tap of a frame's first pixel looks.
inline size_t seen_at(const Frame& frame, const Tap& tap) {
  return (frame.up + tap.row) * pitch_of(frame) + frame.left + tap.column;
}

// body(picture, first row, number of rows), for all rows of all pictures.
template <class Body>
inline void in_stretches(const Frame& frame, const Body& body) {
  for (int picture = 0; picture < frame.num; picture++)
    for (int row = 0; row < frame.height; row += frame.rows_at_once)
      body(picture, row, frame.height - row < frame.rows_at_once ? frame.height - row : frame.rows_at_once);
}

constexpr int MAP_ROWS = VL == 16 ? 8 : MR;  // pixels of a tile: whole tiles are whole rows of most pictures

template <class Number, int R, int V>
BY_ITSELF void map_tile(const Convolution& of, const typename Number::T* framed, int first, typename Number::T* out) {
  Sums<R, V> sums;
  start(sums, of.bias + first * VL, 0);
  const auto* panel = (const typename Number::T*)of.panels + (size_t)first * VL * of.inputs;
  for (int tap = 0; tap < of.num_taps; tap++, panel += (size_t)of.inputs * of.outputs)
    accumulate<Number>(sums, framed + seen_at(of.frame, of.taps[tap]) * of.inputs, of.inputs, panel, of.inputs);
#pragma GCC unroll 8
  for (int m = 0; m < R; m++)
#pragma GCC unroll 4
    for (int j = 0; j < V; j++) Number::put(out + (size_t)m * of.outputs + (first + j) * VL, sums.of[m][j]);
}

template <class Number>
inline void convolve(const Convolution& of) {
  typedef typename Number::T T;
  const Frame& frame = of.frame;
  T* framed = (T*)of.scratch;
  in_stretches(frame, [&](int picture, int from, int num) {
    frame_rows(frame, (const T*)of.in, picture, from, num, of.inputs, framed);
    T* out = (T*)of.out + first_pixel(frame, picture, from) * of.outputs;
    in_panels<DENSE_VECTORS>(of.outputs / VL, [&](auto vectors, int first) {
      for (int row = 0; row < num; row++)
        in_tiles<MAP_ROWS>(frame.width, [&](auto pixels, int pixel) {
          map_tile<Number, decltype(pixels)::value, decltype(vectors)::value>(
              of, framed + (row * pitch_of(frame) + pixel) * of.inputs, first,
              out + ((size_t)row * frame.width + pixel) * of.outputs);
        });
    });
  });
}

// Rows of outputs are laid out for tiles once for all taps; those of inputs for each, a few rows at a time, which stay in
// the caches with the tap's own sums.
template <class Number>
inline void add_weights(const ConvolutionWeights& of, const typename Number::T* framed, const typename Number::T* of_rows,
                        int num_rows) {
  const int width = of.frame.width, units = (width + Number::PAIR - 1) / Number::PAIR, pitch = pitch_of(of.frame);
  float *out_rows = of.laid, *in_rows = out_rows + (size_t)of.frame.rows_at_once * units * of.outputs;
  const auto in_pieces = [&](const auto& body) {  // body(first row, number of rows, its outputs as they are laid out)
    for (int row = 0; row < num_rows; row += of.rows_of_tile)
      body(row, num_rows - row < of.rows_of_tile ? num_rows - row : of.rows_of_tile,
           out_rows + (size_t)row * units * of.outputs);
  };
  in_pieces([&](int row, int num, float* laid) {
    for (int r = 0; r < num; r++)
      put_rows<TILE_VECTORS * VL, Number, true>(of_rows, (int64_t)(row + r) * width, width, of.outputs, of.outputs, laid,
                                          r * units, num * units);
  });
  for (int tap = 0; tap < of.num_taps; tap++) {
    const size_t seen = seen_at(of.frame, of.taps[tap]);
    in_pieces([&](int row, int num, const float* laid) {
      for (int r = 0; r < num; r++)
        put_rows<TILE_INPUTS, Number, true>(framed, seen + (size_t)(row + r) * pitch, width, of.inputs, of.inputs, in_rows,
                                      r * units, num * units);
      add_products<Number>(in_rows, of.inputs, laid, of.outputs, num * units,
                           of.of_weight + (size_t)tap * of.inputs * of.outputs);
    });
  }
}

template <class Number>
inline void convolution_weights(const ConvolutionWeights& of) {
  typedef typename Number::T T;
  const Frame& frame = of.frame;
  T* framed = (T*)of.scratch;
  in_stretches(frame, [&](int picture, int from, int num) {
    frame_rows(frame, (const T*)of.in, picture, from, num, of.inputs, framed);
    const T* of_rows = (const T*)of.of + first_pixel(frame, picture, from) * of.outputs;
    if (of.of_bias) add_rows(of_rows, num * frame.width, of.outputs, of.outputs, of.of_bias);
    add_weights<Number>(of, framed, of_rows, num);
  });
}

}  // namespace
