import io
from dataclasses import asdict

import pyarrow.parquet as pq

from pipeline.shards.commit import Commit, Failure, Tally
from pipeline.shards.failures import ROWS_PER_GROUP, FailureFile


def test_failures_of_many_shards_share_row_groups_and_keep_their_order() -> None:
    failures = [Failure(f"item {number}", "a.wav", "decode", "not audio") for number in range(ROWS_PER_GROUP + 5)]
    with FailureFile() as file:
        for start in range(0, len(failures), 3):
            file.add(Commit("name", "digest", 0, 0, "sum", Tally(), tuple(failures[start : start + 3])))
    parquet = pq.ParquetFile(io.BytesIO(file.data()))
    assert parquet.metadata.num_row_groups == 2
    assert parquet.read().to_pylist() == [asdict(failure) for failure in failures]
    assert file.num_rows == len(failures)
