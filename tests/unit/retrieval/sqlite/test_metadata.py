from retrieval.store.sqlite.metadata import BOOL, NUMBER, PRESENT, TEXT, rows, typed


def test_rows_of_nested_metadata() -> None:
    assert rows({"a": {"b": [1.0, "x", True]}, "n": None, "e": []}) == {
        ("a", PRESENT, ""),
        ("a.b", PRESENT, ""),
        ("a.b", NUMBER, 1.0),
        ("a.b", TEXT, "x"),
        ("a.b", BOOL, 1),
        ("n", PRESENT, ""),
        ("e", PRESENT, ""),
    }


def test_keys_that_no_filter_can_name_have_no_rows() -> None:
    assert rows({"a.b": 1.0, "": 1.0, "x y": {"z": 1.0}, "k" * 65: 1.0}) == set()


def test_types_stay_apart() -> None:
    assert len({typed(True), typed(1.0), typed("1")}) == 3
    assert str(typed(-0.0)[1]) == "0.0"
