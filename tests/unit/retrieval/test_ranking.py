import numpy as np
from retrieval.domain import Ranked
from retrieval.ranking import rank


def test_ties_go_by_name_and_are_cut_by_it() -> None:
    candidates = (np.array([3, 1, 2, 9]), np.array([0.5, 0.5, 0.75, 1.0]))
    names = {1: "b#0", 2: "c#0", 3: "a#0"}  # 9 was deleted since
    assert list(rank(candidates, names, 2).items()) == [("c#0", Ranked(1, 0.75)), ("a#0", Ranked(2, 0.5))]
    assert list(rank(candidates, names, 9)) == ["c#0", "a#0", "b#0"]
    assert rank((np.empty(0, dtype=np.int64), np.empty(0)), {}, 5) == {}
