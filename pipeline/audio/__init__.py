"""From audio files to levels and back: decode, resample, trim, normalise, compand.

Axes: T timestep, C channel, K levels. A waveform is float32 [T] over [-1, 1]; int16 value i stands for i / 32768.
"""
