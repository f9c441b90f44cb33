"""Names of files: safe on any system, two ids never share one."""

from pipeline.file_names import file_stem, folder_names

HOSTILE = ("../x", "..", "a/b", "a b", "a_b", "A_b", "a" * 300, "a" * 301, "é", "è", "", "a\0b", "a\nb")


def test_plain_ids_name_their_files_and_others_get_a_digest() -> None:
    assert file_stem("000001-0000") == "000001-0000"
    stems = [file_stem(name) for name in HOSTILE]
    assert len({stem.lower() for stem in stems}) == len(stems)
    for stem in stems:
        assert "/" not in stem
        assert stem.isprintable()
        assert len(stem.encode()) <= 100


def test_capitals_are_plain_where_no_two_ids_differ_by_them_alone() -> None:
    assert file_stem("LJ001-0001", keeps_case=True) == "LJ001-0001"
    assert file_stem("LJ001-0001").startswith("LJ001-0001.")
    assert file_stem("LJ 001", keeps_case=True) == file_stem("LJ 001")


def test_a_folder_is_named_by_its_value_where_any_system_takes_it() -> None:
    plain = ["3", "traffic light", "n01440764", "Actor_01", "寿司", "v1.2", "Boxer"]
    assert folder_names(plain) == {value: value for value in plain}


def test_values_that_are_no_folders_names_get_a_digest_and_are_told_apart() -> None:
    odd = [
        "",
        ".",
        "..",
        "../up",
        "a/b",
        "a\\b",
        "cat",
        "Cat",
        "CAT",
        "dog.",
        "dog ",
        "c:d",
        "x" * 200,
        "a\nb",
        "-r",
        "~",
    ]
    names = folder_names([*odd, "dog"])
    assert names["dog"] == "dog"
    assert len({name.casefold() for name in names.values()}) == len(names)
    for value in odd:
        assert names[value] != value
        assert names[value].isprintable()
        assert not set(names[value]) & set('/\\: *?"<>|')


def test_a_value_that_looks_like_a_digested_one_is_digested_too() -> None:
    taken = folder_names(["a/b"])["a/b"]
    assert folder_names([taken])[taken] != taken
