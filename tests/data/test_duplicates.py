"""Exact and near copies: what is reported is true, and what is planted is found."""

from __future__ import annotations

import random
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcmbench.data.duplicates import (
    NearPair,
    exact_groups,
    exact_matches,
    near_matches,
    near_pairs,
    normal_form,
    prepare,
    shingles,
)


def jaccard(left: str, right: str) -> float:
    """Return the share of trigrams that two texts have in common, by its definition."""
    a, b = (shingles(normal_form(text)) for text in (left, right))
    return len(a & b) / len(a | b) if a | b else 0.0


ALPHABET = "".join(chr(0x4E00 + n) for n in range(600))


def invented(rng: random.Random, length: int) -> str:
    """Return a text of random characters."""
    return "".join(rng.choices(ALPHABET, k=length))


def edited(rng: random.Random, text: str, edits: int) -> str:
    """Return the text with some characters replaced."""
    characters = list(text)
    for position in rng.sample(range(len(text)), edits):
        characters[position] = "〇"
    return "".join(characters)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("倦怠，懒言。", "倦怠懒言"),
        ("Ｔ３７．５℃", "t37.5°c"),
        ("甲 乙\n丙", "甲乙丙"),
        ("e\u0301", "\u00e9"),
        ("①", "1"),
    ],
)
def test_copies_are_equal_without_punctuation_width_case_and_space(left: str, right: str) -> None:
    """What doesn't change what a text says doesn't make it another text."""
    assert normal_form(left) == normal_form(right)


def test_different_words_make_different_texts() -> None:
    """One character is a difference."""
    assert normal_form("舌红") != normal_form("舌淡")


def test_exact_groups_are_positions_in_order() -> None:
    """Texts without a word are copies of nothing."""
    texts = prepare(["甲乙", "", "丙", "甲，乙", "！", "。", "丙。", "丁", "甲 乙"])

    assert exact_groups(texts) == ((0, 3, 8), (2, 6))


def test_exact_matches_give_positions_on_both_sides() -> None:
    """Every copy is given, on either side."""
    left, right = prepare(["甲", "乙", "甲。"]), prepare(["丙", "甲！", "甲？"])

    assert exact_matches(left, right) == (((0, 2), (1, 2)),)


@given(texts=st.lists(st.text(ALPHABET[:3], max_size=14), max_size=14), threshold=st.sampled_from([0.3, 0.6, 0.8]))
@settings(max_examples=40)
def test_whatever_is_reported_is_true(texts: list[str], threshold: float) -> None:
    """Every pair reaches the threshold, is rightly ordered, is no exact copy, and comes once."""
    pairs = near_pairs(prepare(texts), threshold=threshold)

    assert list(pairs) == sorted(set(pairs))
    for pair in pairs:
        assert pair.left < pair.right
        assert normal_form(texts[pair.left]) != normal_form(texts[pair.right])
        assert pair.similarity == jaccard(texts[pair.left], texts[pair.right])
        assert pair.similarity >= threshold


@pytest.mark.parametrize(("length", "threshold"), [(12, 0.5), (60, 0.6), (60, 0.8), (400, 0.8), (400, 0.9)])
def test_near_copies_are_found_as_comparing_all_pairs_finds_them(length: int, threshold: float) -> None:
    """None of fifty planted pairs is missed, at short and long texts alike."""
    rng = random.Random(length)
    originals = [invented(rng, length) for _ in range(50)]
    texts = [t for text in originals for t in (text, edited(rng, text, rng.randint(1, max(1, length // 20))))]
    rng.shuffle(texts)
    sets = [shingles(normal_form(text)) for text in texts]
    true = {
        (a, b)
        for a, b in combinations(range(len(texts)), 2)
        if texts[a] != texts[b] and len(sets[a] & sets[b]) >= threshold * len(sets[a] | sets[b])
    }
    found = {(pair.left, pair.right) for pair in near_pairs(prepare(texts), threshold=threshold)}

    assert true
    assert true == found


def test_matches_across_are_found_as_comparing_all_pairs_finds_them() -> None:
    """Planted copies between two collections, positions on their own sides."""
    rng = random.Random(3)
    left = [invented(rng, 100) for _ in range(50)]
    right = [edited(rng, text, rng.randint(1, 4)) for text in left[::-1]] + [left[5]]
    true = {
        (a, b)
        for a, b in product(range(len(left)), range(len(right)))
        if left[a] != right[b] and jaccard(left[a], right[b]) >= 0.8
    }
    found = {(pair.left, pair.right) for pair in near_matches(prepare(left), prepare(right))}

    assert len(true) > 30
    assert true == found


def test_exact_copies_stand_for_one_text() -> None:
    """A text and its exact copies make one near pair, by the first of them."""
    rng = random.Random(0)
    text = invented(rng, 100)
    other = edited(rng, text, 2)
    (pair,) = near_pairs(prepare([text, other, f"{text}。", other]))

    assert (pair.left, pair.right) == (0, 1)


@pytest.mark.parametrize("texts", [[], [""], ["甲"], ["。", "，"]])
def test_nothing_to_compare_gives_nothing(texts: list[str]) -> None:
    """No texts, or one, are no error."""
    prepared = prepare(texts)

    assert (
        near_pairs(prepared),
        near_matches(prepared, prepare(["甲乙丙"])),
        near_matches(prepare(["甲乙丙"]), prepared),
        exact_groups(prepared),
    ) == ((), (), (), ())


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.1])
def test_a_threshold_that_means_nothing_is_refused(threshold: float) -> None:
    """Zero would call all texts copies."""
    with pytest.raises(ValueError, match="threshold"):
        near_pairs(prepare(["甲", "乙"]), threshold=threshold)


def test_many_texts_in_one_bucket_still_find_a_partner() -> None:
    """Forms filled in alike are not compared all with all, yet each is found to be a copy of some other."""
    rng = random.Random(1)
    form = invented(rng, 120)
    texts = [edited(rng, form, 1) for _ in range(300)]
    pairs: tuple[NearPair, ...] = near_pairs(prepare(texts))
    distinct = prepare(texts).positions

    assert {group[0] for group in distinct} == {p for pair in pairs for p in (pair.left, pair.right)}
