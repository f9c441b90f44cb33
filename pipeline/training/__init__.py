"""Training: a dataset and a model's settings become an exported model.

plan.py        what a run will do, decided before it starts; claims the output folder
conditioning.py   what a dataset's rows can tell a model
conditioned_rows.py   whether every row has what the model is to be conditioned on
index.py order.py   which windows there are, and the one order in which every number of workers takes them
feed.py supply.py   windows to tensors, and what falls to each worker
chance.py      what a step leaves to chance: dropped conditions, dropout
step.py schedule.py validation.py   one step of the optimiser; its learning rate; held-out bits
execution.py telling.py   how the work is done, and what is told of it: neither decides the outcome
checkpoint.py store.py   the state of a run, written so that nothing that is read can run code
record.py metrics.py   lines of metrics
world.py       the workers of a run: one alone, or many that share their sums
loop.py        the loop over steps
export.py      the best model, with its card

Plain code: `run` works in one process; `jobs/train.py` starts it on Ray's workers.
"""
