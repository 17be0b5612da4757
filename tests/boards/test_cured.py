"""Cures on the board: their order, shares, panel, picture and advice, in every format and both languages."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest

from tcmbench import plugins
from tcmbench.boards.answer import as_text
from tcmbench.boards.build import build
from tcmbench.boards.canvas import Canvas
from tcmbench.boards.columns import forgetting_undone, gain_kept, load_listed
from tcmbench.boards.cure_facts import facts
from tcmbench.boards.document import to_json
from tcmbench.boards.figures import cure_curve, pictures
from tcmbench.boards.html import to_html
from tcmbench.boards.latex import to_latex
from tcmbench.boards.markdown import to_markdown
from tcmbench.boards.options import Options as BoardOptions
from tcmbench.boards.order import in_order
from tcmbench.boards.spreadsheet import to_csv
from tcmbench.boards.summary import to_text
from tcmbench.boards.texts import load
from tcmbench.comparison import cures
from tcmbench.specs.model_set import ModelSet

from .curing import COLUMNS, CURES, FORGETS, HARMLESS, Made, entries, table
from .fake import POLICIES, fake_suite
from .test_render import unpacked

if TYPE_CHECKING:
    from pathlib import Path

    from tcmbench.boards.table import Table

OF_HARMLESS = Made("careful-merged", 0.1, -0.06, ("careful",), 0.5)
MODELS = (FORGETS, HARMLESS, *CURES, OF_HARMLESS)


@pytest.fixture(scope="module")
def cured(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Return a board of two variants with cures."""
    return table(tmp_path_factory.mktemp("scores"), MODELS)


@pytest.fixture(scope="module")
def untreated(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Return a board of a variant that forgets, without cures."""
    return table(tmp_path_factory.mktemp("scores"), (FORGETS,))


def test_cures_follow_their_variant(cured: Table) -> None:
    """By gain, in any order of the input; the group with the largest gain is first."""
    names = [row.name for row in cured.rows]
    assert names[:2] == ["base", "tuned"]
    assert set(names[2:5]) == {made.name for made in CURES}
    assert names[5:] == ["careful", "careful-merged"]
    assert [row.name for row in in_order(cured.rows[::-1])] == names
    gains = [row.aggregates.gain.value for row in cured.rows[2:5] if row.aggregates.gain]
    assert gains == sorted(gains, reverse=True)


def test_a_cure_without_its_variant_is_a_row_like_others(cured: Table) -> None:
    """Where only a part of the set is shown."""
    rows = [row for row in cured.rows if row.name != "tuned"]
    ordered = in_order(rows)
    assert (ordered[0].name, len(ordered)) == ("base", len(rows))


def test_columns_state_both_shares(cured: Table) -> None:
    """In percent, with the interval and the variant; a dash and the reason where a share is not defined."""
    row = cured.row("merged-0.75")
    assert row.cure is not None
    for column, share in ((gain_kept, row.cure.gain_kept), (forgetting_undone, row.cure.forgetting_undone)):
        figure = column.figure(row)
        assert share is not None
        assert (figure.estimate, figure.text.en) == (share, f"{share.value:.0f}%")
        assert "tuned" in figure.note.en
        assert "tuned" in figure.note.zh
    harmless = forgetting_undone.figure(cured.row("careful-merged"))
    assert (harmless.value, harmless.text.en) == (None, "–")
    assert "no significant loss" in harmless.note.en
    assert "没有显著损失" in harmless.note.zh
    assert gain_kept.figure(cured.row("tuned")).note.en == "not a cure"


def test_every_format_has_the_shares(cured: Table) -> None:
    """CSV and JSON as numbers, Markdown and LaTeX with intervals; boards without cures have no such columns."""
    row = cured.row("merged-0.5")
    assert row.cure is not None
    kept = row.cure.gain_kept
    assert kept is not None
    lines = list(csv.DictReader(io.StringIO(to_csv(cured))))
    (line,) = [each for each in lines if (each["model"], each["column"]) == ("merged-0.5", "gain_kept")]
    assert [float(line[name]) for name in ("score", "score_low", "score_high")] == pytest.approx(
        [kept.value, kept.low, kept.high], abs=1e-4
    )
    (line,) = [each for each in lines if (each["model"], each["column"]) == ("careful-merged", "forgetting_undone")]
    assert (line["score"], line["reason"]) == ("", forgetting_undone.figure(cured.row("careful-merged")).note.en)
    held = {each["name"]: each["cure"] for each in json.loads(to_json(cured))["rows"]}
    assert held["merged-0.5"]["gain_kept"]["value"] == pytest.approx(kept.value, abs=1e-6)
    assert held["tuned"] is None
    shown = f"{kept.value:.0f}% [{kept.low:.0f}%, {kept.high:.0f}%]"
    assert shown in to_markdown(cured).replace("\\", "")
    assert shown in to_latex(cured).replace("{[}", "[").replace("\\%", "%")


def test_boards_without_cures_have_no_such_columns(untreated: Table) -> None:
    """Neither columns nor picture; on the page the columns are hidden."""
    assert load_listed(untreated.rows) == []
    assert "Gain kept" not in to_markdown(untreated)
    assert [picture.name for picture in pictures(untreated) if picture.name == "cure_curve"] == []
    assert re.search(
        r'data-shown="0"[^>]*><button type="button" data-term="s\d+"><span lang=en>Gain kept', to_html(untreated)
    )


def test_the_page_shows_cures_below_their_variant(cured: Table) -> None:
    """Rows, tags and panels in both languages; the formula has its source."""
    page = to_html(cured)
    rows = re.findall(r"<tr id=model-\d+ data-row=\d+( class=[^>]*)?>", page)
    assert [("cure" in row) for row in rows] == [row.cure is not None for row in cured.rows]
    data, details = unpacked(page)
    assert [row["title"] for row in data["rows"]] == [row.title for row in cured.rows]
    told = dict(zip([row.name for row in cured.rows], details, strict=True))
    assert "cure" not in told["tuned"]
    stated = {name[0]: value for name, value in told["merged-0.5"]["cure"]}
    assert "arXiv:2109.01903" in stated["Formula"][0]
    assert "arXiv:2109.01903" in stated["Formula"][1]
    assert stated["Made from"] == "tuned"
    assert re.fullmatch(r"\d+% \[\d+%, \d+%\]", stated["Gain kept"])
    undefined = {name[0]: value for name, value in told["careful-merged"]["cure"]}["Forgetting undone"]
    assert undefined[0].startswith("not defined: ")
    assert undefined[1].startswith("无定义：")


def test_the_answer_names_the_cure_that_worked(cured: Table) -> None:
    """With both shares and links to both rows, on the page and on a terminal."""
    advice = cured.recommendation
    assert (advice.treated, advice.cure) == ("tuned", "merged-0.5")
    page = unescape(to_html(cured))
    assert re.search(
        r"merged-0\.5</bdi></a> <span lang=en>keeps \d+% of the gain and undoes \d+% of the forgetting", page
    )
    assert re.search(r"<span lang=zh-Hans>保留 \d+% 的增益，消除 \d+% 的遗忘", page)
    assert "[[cure]]" not in page
    assert re.search(
        r"merged-0\.5 keeps \d+% of the gain and undoes \d+% of the forgetting.*of tuned\.", to_text(cured)
    )
    assert "merged-0.5 保留" in as_text(cured).zh


def test_the_answer_says_which_cure_to_try_first(untreated: Table) -> None:
    """A table to paste, where a variant forgets and the set has no cure of it; as text on a terminal."""
    assert (untreated.recommendation.treated, untreated.recommendation.cure) == ("tuned", None)
    page = unescape(to_html(untreated))
    block = cures.block("tuned")
    assert f"<pre><code>{block}</code></pre>" in page
    assert "models/sets/cured.toml" in page
    assert block in to_text(untreated)


def test_a_name_in_the_block_cannot_break_the_page(untreated: Table) -> None:
    """It is escaped like all names."""
    name = 'x"</code><script>alert(1)</script>'
    row = replace(untreated.row("tuned"), name=name, title=name)
    rows = tuple(row if each.name == "tuned" else each for each in untreated.rows)
    answer = replace(untreated.recommendation, treated=name, row=None)
    assert "<script>alert" not in to_html(replace(untreated, rows=rows, recommendation=answer))


def test_every_cure_has_a_formula_in_both_languages() -> None:
    """With its source, or the reason that there is none."""
    known = load()
    missing = [name for name in plugins.names("cures") if f"cures.{name}" not in known]
    assert missing == []
    assert all(text.en != text.zh for key, text in known.items() if key.startswith("cures."))


def five(root) -> Table:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Return a board of five variants with three merges each."""
    models = []
    for number, (gain, loss) in enumerate([(0.2, 0.16), (0.17, 0.1), (0.12, 0.12), (0.1, 0.03), (0.23, 0.2)]):
        models.append(Made(f"recipe-{number}", gain, loss))
        models += [
            Made(f"recipe-{number}-{alpha}", gain * alpha**0.5, loss * alpha**2 - 0.02, (f"recipe-{number}",), alpha)
            for alpha in (0.25, 0.5, 0.75)
        ]
    return table(root, tuple(models), items=120)


def test_the_curve_leads_from_the_base_to_the_tuned_model(cured: Table) -> None:
    """Through the merges by their share; the picture is on the first screen."""
    first = pictures(cured)[0]
    assert (first.name, first.caption.leads) == ("cure_curve", True)
    canvas = Canvas.for_paper("cure_curve")
    with canvas.settings():
        drawing = cure_curve.draw(cured, canvas)
    assert drawing is not None
    (axes,) = drawing.figure.axes
    points = [
        (row.aggregates.general.value, row.aggregates.gain.value)
        for row in map(cured.row, ("merged-0.25", "merged-0.5", "merged-0.75", "tuned"))
        if row.aggregates.general and row.aggregates.gain
    ]
    paths = [[tuple(point) for point in line.get_xydata().tolist()] for line in axes.get_lines()]
    assert [(0.0, 0.0), *points] in paths


@pytest.mark.parametrize("changed", [{"options.weights": [0.5]}, {"seeds": "together"}])
def test_a_sum_of_changes_is_no_point_between_base_and_tuned_model(cured: Table, changed: dict[str, Any]) -> None:
    """Its scale is not its share of the tuned weights, so it stands beside the curve."""
    row, tuned = cured.row("merged-0.5"), cured.row("tuned")
    plain = {"cure": "task_arithmetic", "options.scale": 0.5, "seeds": "each"}
    assert cure_curve._share(replace(row, recipe=plain), tuned) == 0.5
    assert cure_curve._share(replace(row, recipe={**plain, **changed}), tuned) is None


def test_five_curves_are_labelled_without_overlap(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All names and most shares have a place, none covers another, and each variant has its own colour."""
    canvas = Canvas.for_paper("cure_curve")
    with canvas.settings():
        drawing = cure_curve.draw(five(tmp_path_factory.mktemp("scores")), canvas)
        assert drawing is not None
        drawing.figure.draw_without_rendering()
        (axes,) = drawing.figure.axes
        labels = [(text.get_text(), text.get_color(), text.get_window_extent()) for text in axes.texts]
    written = [label for label, _, _ in labels]
    assert {f"recipe-{number}" for number in range(5)} <= set(written)
    assert sum(label in {"0.25", "0.5", "0.75"} for label in written) >= 12
    assert len({colour for label, colour, _ in labels if label.startswith("recipe")}) == 5
    for place, (_, _, box) in enumerate(labels):
        assert not any(box.overlaps(other) for _, _, other in labels[place + 1 :])


def test_a_cure_during_training_has_both_shares(tmp_path: Path) -> None:
    """Its variant names the untreated one; it is trained itself, so it is made from nothing."""
    models = (FORGETS, HARMLESS)
    rows = entries(tmp_path, models)
    model_set = ModelSet(name="cured", suite="fake", reference="base", models=("base",))
    treated = [
        replace(entry, recipe={**entry.recipe, "untreated": "tuned"}) if entry.name == "careful" else entry
        for entry in rows
    ]
    board = build(model_set, fake_suite(COLUMNS), treated, options=BoardOptions(policies=POLICIES))
    assert [row.name for row in board.rows] == ["base", "tuned", "careful"]
    effect = board.row("careful").cure
    assert effect is not None
    assert (effect.of, effect.untreated) == ((), ("tuned",))
    made = replace(rows[2], of=("tuned",))
    other = build(model_set, fake_suite(COLUMNS), [*rows[:2], made], options=BoardOptions(policies=POLICIES))
    expected = other.row("careful").cure
    assert expected is not None
    assert effect.gain_kept is not None
    assert expected.gain_kept is not None
    assert effect.gain_kept.value == pytest.approx(expected.gain_kept.value)
    said = [name.en for name, _ in facts(board.row("careful"), effect)]
    assert said == ["Compared with", "Gain kept", "Forgetting undone"]
    assert board.row("tuned").cure is None
