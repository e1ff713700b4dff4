from gateway.rag.words import names, numbers, word_list, words


def test_case_and_punctuation_do_not_count():
    assert word_list("The GROSSE Straße, the end.") == ("the", "grosse", "strasse", "the", "end")
    assert words("a A b") == {"a", "b"}


def test_names_are_words_with_a_capital_but_for_the_first():
    assert names("- The king met Bob and NATO's Ørsted.") == {"bob", "nato", "ørsted"}
    assert names("") == frozenset()


def test_numbers_are_as_written():
    assert numbers("From 10:30 on, 1,000 of 3.5 in 2020. And v2") == {"10:30", "1,000", "3.5", "2020", "2"}
