from benchmarks.harness import without_data


def test_a_recorded_command_does_not_say_where_the_corpora_lie() -> None:
    assert without_data(["--data", "/corpora", "--seeds", "2", "--record"]) == ["--seeds", "2", "--record"]
    assert without_data(["--record", "--data=/corpora"]) == ["--record"]
    assert without_data(["--seeds", "2", "--data"]) == ["--seeds", "2"]
