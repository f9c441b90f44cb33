"""When each phone of a text sounds in a recording, found with nothing but the recordings themselves.

features.py         a waveform to mel cepstra, every 10 ms
graph.py            an utterance to a chain of states, silence between words optional
acoustic_model.py   Gaussian mixtures per state: scores, sufficient statistics, maximisation
viterbi.py          the likeliest path through a chain
dtw.py              where phones roughly lie, from the same words said by espeak-ng: what training starts from
training.py         statistics of a shard's utterances, and the loop over them
onsets.py           onsets to where the sound changes most
align.py            the trained model on one recording: spans
gate.py             which alignments not to trust, and why
compare.py          onsets against other labels, hand-made ones or another aligner's
"""
