import pytest

from study.failures import BadInput
from study.plan import make_plan
from study.planned import cell_name, name_of
from study.selection import cells_of, confined


@pytest.fixture
def plan(spec_of, folder):
    return make_plan(spec_of(), folder)


def todo_of(plan):
    return [(run.block, run.label, run.replicate) for run in plan.todo]


def test_without_names_the_plan_stays(plan):
    assert confined(plan, []) is plan


@pytest.mark.parametrize(
    "form", ["{name}", "{key}", "{key[0]}{key[1]}{key[2]}{key[3]}{key[4]}", " gaussian:z=2   n=10 "]
)
def test_a_cell_has_several_names(plan, form):
    cell = cells_of(plan.wanted)[1]
    assert cell.name == "gaussian:z=2 n=10"
    part = confined(plan, [form.format(name=cell.name, key=cell.key)])
    assert todo_of(part) == [("gaussian", "z=2 n=10", 0), ("gaussian", "z=2 n=10", 1)]
    assert {run.key for run in part.later} == {run.key for run in plan.todo} - {run.key for run in part.todo}
    assert (set(part.search_runs.values()), part.confirm_runs) == ({0}, 0)
    assert part.wanted == plan.wanted


def test_one_seed_alone(plan):
    key = cells_of(plan.wanted)[0].key
    for name in ("z=2 n=0:1", "gaussian:z=2 n=0:1", f"{key[:7]}:1", f"{key}-1"):
        assert todo_of(confined(plan, [name])) == [("gaussian", "z=2 n=0", 1)]
    both = confined(plan, ["z=2 n=0:1", "frozen:z=2"])
    assert todo_of(both) == [("frozen", "z=2", 0), ("gaussian", "z=2 n=0", 1), ("frozen", "z=2", 1)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gausian:z=2 n=0", r"did you mean 'gaussian:z=2 n=0'\?"),
        ("frozen:z=2:5", "must name a replicate of frozen:z=2, one of 0, 1, but got 'frozen:z=2:5'"),
        ("0000000000", "must name a cell or block of the study, but got '0000000000'"),
    ],
)
def test_what_is_unknown_is_said_with_what_is_near(plan, name, message):
    with pytest.raises(BadInput, match=message):
        confined(plan, [name])


def test_a_label_of_two_blocks_needs_the_block(spec_of, folder):
    text = """
name: two
blocks:
  - {name: a, parameters: {model.latent_dim: {grid: [2, 3]}}}
  - {name: b, parameters: {model.noise_dim: 7, model.latent_dim: {grid: [2, 3]}}}
"""
    plan = make_plan(spec_of(text), folder)
    with pytest.raises(BadInput, match="'z=2' stands for 2 of them: a:z=2, b:z=2"):
        confined(plan, ["z=2"])
    assert todo_of(confined(plan, ["b:z=2"])) == [("b", "z=2", 0)]


def test_a_block_is_all_its_cells_and_a_run_is_called_as_it_is_printed(plan):
    assert todo_of(confined(plan, ["frozen"])) == [("frozen", "z=2", 0), ("frozen", "z=2", 1)]
    gaussian = confined(plan, ["gaussian"])
    assert todo_of(gaussian) == [item for item in todo_of(plan) if item[0] == "gaussian"]
    assert len(gaussian.todo) == 8
    assert todo_of(confined(plan, ["gaussian:1"])) == [item for item in todo_of(gaussian) if item[2] == 1]
    for run in plan.wanted:
        assert confined(plan, [name_of(run)]).todo == (run,)
        assert [item.config_key for item in confined(plan, [cell_name(run)]).todo] == [run.config_key] * 2
    with pytest.raises(BadInput, match="a replicate of gaussian, one of 0, 1, but got 'gaussian:7'"):
        confined(plan, ["gaussian:7"])
    with pytest.raises(BadInput, match="did you mean 'gaussian'"):
        confined(plan, ["gausian"])


def test_what_is_no_longer_wanted_is_said_to_lie_in_the_folder(spec_of, folder, dispatch, finish):
    (run,) = dispatch(spec_of("name: s\nparameters: {model.latent_dim: 2}\n")).next_lane()
    finish(run.key)
    plan = make_plan(spec_of("name: s\nparameters: {model.latent_dim: 3}\n"), folder)
    for name in (run.key, run.config_key):
        with pytest.raises(BadInput, match="the folder holds it, but the study does not want it any more"):
            confined(plan, [name])
