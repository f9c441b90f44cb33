// What a level of processor offers, in C: called through ctypes, with the interpreter's lock released.
#pragma once

#include "convolution.h"
#include "dense.h"
#include "gated_pictures.h"
#include "gates.h"
#include "likelihood.h"
#include "packing.h"
#include "peak.h"
#include "square_pictures.h"
#include "training.h"
#include "wavenet.h"

#define OFFERED extern "C" __attribute__((visibility("default")))

OFFERED const char* ancestral_sources() { return SOURCES; }
OFFERED int ancestral_vector_length() { return VL; }
OFFERED int ancestral_panel_vectors() { return NV; }

// Whether this processor can run it. Compiled for any: nothing before this call may use what it asks for.
OFFERED int ancestral_runs_here() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
#if defined(__AVX512BF16__)
  return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
#elif defined(__AVX512F__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
#elif defined(__AVX2__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
#endif
  return 1;
}

OFFERED void ancestral_multiply_float32(const Product* product, const void* a, int64_t stride, int num_rows, float* out,
                                        int64_t out_stride) {
  multiply<Float32>(*product, a, stride, num_rows, out, out_stride);
}

OFFERED void ancestral_stack_float32(const Stack* stack, int64_t clock) { run_stack<Float32>(*stack, clock, nullptr); }

OFFERED void ancestral_wavenet_float32(const WaveNet* net, const Span* span) { run_wavenet<Float32>(*net, *span); }

OFFERED void ancestral_gated_finish_row_float32(const GatedPictures* net, int row) { finish_row<Float32>(*net, row); }
OFFERED void ancestral_gated_draw_row_float32(const GatedPictures* net, const PictureRow* row) { draw_row<Float32>(*net, *row); }
OFFERED void ancestral_square_finish_row_float32(const SquarePictures* net, int row) { finish_row<Float32>(*net, row); }
OFFERED void ancestral_square_draw_row_float32(const SquarePictures* net, const PictureRow* row) { draw_row<Float32>(*net, *row); }
OFFERED void ancestral_gates_forward_float32(const Gates* gates) { gates_forward<Float32>(*gates); }
OFFERED void ancestral_gates_backward_float32(const Gates* gates) { gates_backward<Float32>(*gates); }
OFFERED int64_t ancestral_likelihood_forward_float32(const Likelihood* of) { return likelihood_forward<Float32>(*of); }
OFFERED void ancestral_likelihood_backward_float32(const Likelihood* of) { likelihood_backward<Float32>(*of); }
OFFERED void ancestral_dense_multiply_float32(const Dense* dense) { dense_multiply<Float32>(*dense); }
OFFERED void ancestral_dense_weights_float32(const DenseWeights* dense) { dense_weights<Float32>(*dense); }
OFFERED void ancestral_convolve_float32(const Convolution* of) { convolve<Float32>(*of); }
OFFERED void ancestral_convolution_weights_float32(const ConvolutionWeights* of) { convolution_weights<Float32>(*of); }
OFFERED void ancestral_pack_float32(const Packing* packing) { pack<Float32>(*packing); }
OFFERED void ancestral_layer_forward_float32(const GatedLayer* layer) { layer_forward<Float32>(*layer); }
OFFERED void ancestral_layer_backward_float32(const GatedLayer* layer) { layer_backward<Float32>(*layer); }

OFFERED double ancestral_peak_float32(int64_t rounds) { return peak<Float32>(rounds); }

OFFERED int ancestral_has_bfloat16() {
#if defined(__AVX512BF16__)
  return 1;
#else
  return 0;
#endif
}

#if defined(__AVX512BF16__)
OFFERED void ancestral_gated_finish_row_bfloat16(const GatedPictures* net, int row) { finish_row<BFloat16>(*net, row); }
OFFERED void ancestral_gated_draw_row_bfloat16(const GatedPictures* net, const PictureRow* row) { draw_row<BFloat16>(*net, *row); }
OFFERED void ancestral_square_finish_row_bfloat16(const SquarePictures* net, int row) { finish_row<BFloat16>(*net, row); }
OFFERED void ancestral_square_draw_row_bfloat16(const SquarePictures* net, const PictureRow* row) { draw_row<BFloat16>(*net, *row); }
OFFERED void ancestral_gates_forward_bfloat16(const Gates* gates) { gates_forward<BFloat16>(*gates); }
OFFERED void ancestral_gates_backward_bfloat16(const Gates* gates) { gates_backward<BFloat16>(*gates); }
OFFERED int64_t ancestral_likelihood_forward_bfloat16(const Likelihood* of) { return likelihood_forward<BFloat16>(*of); }
OFFERED void ancestral_likelihood_backward_bfloat16(const Likelihood* of) { likelihood_backward<BFloat16>(*of); }
OFFERED void ancestral_convolve_bfloat16(const Convolution* of) { convolve<BFloat16>(*of); }
OFFERED void ancestral_convolution_weights_bfloat16(const ConvolutionWeights* of) { convolution_weights<BFloat16>(*of); }
OFFERED void ancestral_pack_bfloat16(const Packing* packing) { pack<BFloat16>(*packing); }
OFFERED void ancestral_layer_forward_bfloat16(const GatedLayer* layer) { layer_forward<BFloat16>(*layer); }
OFFERED void ancestral_layer_backward_bfloat16(const GatedLayer* layer) { layer_backward<BFloat16>(*layer); }
OFFERED double ancestral_peak_bfloat16(int64_t rounds) { return peak<BFloat16>(rounds); }
OFFERED void ancestral_wavenet_bfloat16(const WaveNet* net, const Span* span) { run_wavenet<BFloat16>(*net, *span); }
#endif
