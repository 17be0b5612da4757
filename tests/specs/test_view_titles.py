"""Columns of views: each has a title of its own, in both languages."""

from __future__ import annotations

from tcmbench.specs import views
from tcmbench.specs.suite import SuiteTask
from tcmbench.specs.task import TaskSpec

SPEC = TaskSpec(
    name="Records", type="syndrome_retrieval", path="x", options={"entry_fields": ["name", "typical"]},
    views={"entry_fields": (("name",), ("typical",))},
)  # fmt: skip


def test_every_view_names_its_fields() -> None:
    """Behind the title of its column; a column without a Chinese title has none in its views either."""
    column = SuiteTask(task="Records", role="in_domain", title="Records", title_zh="病历")
    assert [(one.title, one.title_zh) for one in views.columns(column, SPEC)] == [
        ("Records", "病历"), ("Records: name", "病历：name"), ("Records: typical", "病历：typical"),
    ]  # fmt: skip
    untitled = column.model_copy(update={"title_zh": ""})
    assert {one.title_zh for one in views.columns(untitled, SPEC)} == {""}
