"""Forms compared with the models that they are forms of: is the int8 form as good as the float one?

Every task counts, and no gain is required: the rules are those of `[form]` in a policy. The trainings are the same on
both sides, so their noise is no part of the difference: the question is about these models, and not about their recipe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcmbench.comparison.reference import AgainstReference, Counterpart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcmbench.comparison.measured import MeasuredSet
    from tcmbench.comparison.verdict import ModelVerdict
    from tcmbench.specs.policy import Policy


def sources(measured: MeasuredSet) -> dict[str, str]:
    """Return form → the model that it is a form of, through other forms too, in the order of the set."""
    of = {model.name: model.entry.form_of for model in measured.models if model.entry.form_of}
    return {name: source_of(name, of) for name in of}


def source_of(name: str, of: Mapping[str, str]) -> str:
    """Return the model that a form is a form of, through other forms too.

    Args:
        name: The form.
        of: Form → what it is made from.
    """
    while name in of:
        name = of[name]
    return name


def judge(measured: MeasuredSet, *, policy: Policy) -> list[ModelVerdict]:
    """Return the verdict on each form against its source, in the order of the set.

    Args:
        measured: The set.
        policy: Rules for forms.

    Raises:
        NotComparable: A form was measured on other data, prompts, candidates or items than its source.
    """
    of = sources(measured)
    verdicts: dict[str, ModelVerdict] = {}
    for source in dict.fromkeys(of.values()):
        forms = [form for form, its in of.items() if its == source]
        comparison = AgainstReference(
            measured, policy=policy, names=forms, counterpart=Counterpart(source, "source", shares_trainings=True)
        )
        verdicts |= {form: comparison.judge(form) for form in forms}
    return [verdicts[form] for form in of]
