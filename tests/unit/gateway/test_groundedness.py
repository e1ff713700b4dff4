from gateway.rag.groundedness import measure


def test_sentences_found_in_a_passage_are_supported():
    result = measure(
        "The port is 50050 [1]. Whales sing beautifully at night.", ["the port of the gateway is 50050"]
    )
    assert (result.sentence_count, result.supported_sentence_count, result.score) == (2, 1, 0.5)


def test_words_must_come_from_one_passage():
    assert measure("red green blue white", ["red green", "blue white"]).score == 0


def test_an_empty_answer_scores_zero():
    assert measure("", ["x"]).score == 0
    assert measure(" [1] ", ["x"]).sentence_count == 0
