"""How often configurations run: what a file may say, and what `--set` and `--smoke` make of it."""

from pathlib import Path

import pytest

from study.replicates import Confirm, Until
from study.spec import SpecError, StudySpec, load_study

TEXT = """
replicates: {number: 3, aggregate: lower_bound, until: {half_width: 0.02, max: 8}}
confirm: {top: 3, seeds: 5}
scheduler: {name: asha, every: 200}
objectives: [{measure: rate, direction: maximize}]
blocks:
- {name: a, parameters: {model.latent_dim: 2}}
- {name: b, replicates: 5, parameters: {model.latent_dim: 3}}
- {name: c, replicates: {number: 2, until: null}, parameters: {model.latent_dim: 4}}
- {name: d, replicates: {until: {half_width: 1, max: 4}}, parameters: {model.latent_dim: 5}}
"""


def load(tmp_path: Path, text: str = TEXT, *overrides: str, smoke: bool = False) -> StudySpec:
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    return load_study(path, overrides, smoke)


def replicates_of(spec: StudySpec) -> list[tuple[int, Until | None]]:
    return [(block.replicates, block.until) for block in spec.blocks]


def test_blocks_take_over_what_they_do_not_say(tmp_path: Path) -> None:
    spec = load(tmp_path)
    shared = Until(0.02, 8)
    assert replicates_of(spec) == [(3, shared), (5, shared), (2, None), (3, Until(1.0, 4))]
    assert spec.aggregate == "lower_bound"
    assert spec.confirm == Confirm(3, 5)


def test_set_replaces_a_part_and_leaves_the_others(tmp_path: Path) -> None:
    spec = load(tmp_path, TEXT, "replicates=4", "replicates.until.max=20", "replicates.aggregate=median")
    shared = Until(0.02, 20)
    assert replicates_of(spec) == [(4, shared), (4, shared), (4, None), (4, Until(1.0, 20))]
    assert spec.aggregate == "median"
    plain = load(tmp_path, "replicates: 2\nparameters: {model.latent_dim: 2}", "replicates.aggregate=worst")
    assert (plain.aggregate, replicates_of(plain)) == ("worst", [(2, None)])
    spec = load(tmp_path, TEXT, "confirm.top=1", "scheduler.every=50", "scheduler.options.reduction_factor=2")
    assert (spec.confirm, spec.scheduler.every) == (Confirm(1, 5), 50)  # type: ignore[union-attr]
    assert load(tmp_path, TEXT, "confirm=null", "scheduler=null").scheduler is None


def test_smoke_tests_have_one_run_of_each_and_are_judged_soon(tmp_path: Path) -> None:
    spec = load(tmp_path, smoke=True)
    assert replicates_of(spec) == [(1, None)] * 4
    assert (spec.aggregate, spec.confirm, spec.scheduler.every) == ("mean", Confirm(1, 1), 20)  # type: ignore[union-attr]
    own = TEXT + "smoke: {replicates: 2, confirm: {top: 2, seeds: 2}, parameters: {train.steps: 50}}\n"
    spec = load(tmp_path, own, smoke=True)
    assert replicates_of(spec) == [(2, None)] * 4
    assert (spec.confirm, spec.scheduler.every) == (Confirm(2, 2), 20)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("replicates: {number: 1, until: {half_width: 1, max: 3}}", "at least 2 runs where until is stated"),
        ("replicates: {number: 3, until: {half_width: 1, max: 3}}", "an until.max above the 3 planned runs"),
        ("replicates: {number: 1, aggregate: lower_bound}", "at least 2 runs where the aggregate is lower_bound"),
        ("replicates: {aggregate: lower_bound}", "at least 2 runs where the aggregate is lower_bound"),
        ("replicates: {number: 3, until: {max: 9}}", "until: must have half_width, but has max"),
        ("replicates: {number: 3, until: {half_width: 0, max: 9}}", "half_width: must be a number above 0, but got 0"),
        ("replicates: {number: 3, until: 5}", "until: must be a mapping with the keys half_width, max, but got 5"),
        ("replicates: {number: 3, aggregate: best}", "must be one of mean, median, worst, lower_bound, but got 'best'"),
        ("replicates: {nmber: 3}", "no key 'nmber' here; did you mean 'number'?"),
        ("confirm: {top: 3}", "confirm: must have seeds, but has top"),
        ("confirm: {top: 0, seeds: 1}", "confirm.top: must be an integer of at least 1, but got 0"),
        ("confirm: 3", "confirm: must be a mapping with the keys top, seeds, but got 3"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(SpecError, match=r"s\.yaml:1:") as caught:
        load(tmp_path, f"{line}\nparameters: {{model.latent_dim: 2}}\n")
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1


def test_a_block_may_not_undo_what_the_study_needs(tmp_path: Path) -> None:
    text = "replicates: {number: 3, aggregate: lower_bound}\nblocks:\n- {name: a, replicates: 1}\n"
    with pytest.raises(SpecError, match=r"s\.yaml:3:25: blocks\[0\]\.replicates: must be at least 2 runs"):
        load(tmp_path, text)


def test_one_fresh_seed_has_no_lower_bound(tmp_path: Path) -> None:
    text = TEXT.replace("seeds: 5", "seeds: 1")
    assert text != TEXT
    with pytest.raises(SpecError, match=r"confirm\.seeds: must be at least 2 where the aggregate is lower_bound"):
        load(tmp_path, text)
    spec = load(tmp_path, TEXT + "smoke: {parameters: {train.steps: 50}}\n", smoke=True)
    assert (spec.aggregate, spec.confirm) == ("lower_bound", Confirm(1, 2))
