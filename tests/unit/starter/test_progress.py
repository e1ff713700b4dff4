"""The means that a stage tells."""

from starter.progress import Means


def test_means_are_over_the_steps_since_they_were_taken() -> None:
    means = Means()
    for loss in (1.0, 2.0, 6.0):
        means.add(loss=loss, answers=1.0)
    assert means.take() == "loss 3.0000 answers 1.0000"
    means.add(loss=4.0)  # a shorter block
    assert means.take() == "loss 4.0000"
