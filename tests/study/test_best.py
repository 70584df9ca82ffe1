import json
from datetime import UTC, datetime

import pytest

from study import best
from study.plan import make_plan
from study.resolved import write_study

TEXT = """
name: ranked
blocks:
  - {name: free, parameters: {model.latent_dim: {grid: [2, 3, 4], search: {low: 2, high: 9}}}}
  - {name: control, control: true, parameters: {model.train_encoder: false, model.latent_dim: {grid: [2]}}}
  - {name: fixed, parameters: {model.latent_dim: 30}}
replicates: 2
objectives: [{measure: critic_accuracy}]
confirm: {top: 1, seeds: 2}
budget: {runs: 10}
"""
TWO = TEXT.replace("[{measure: critic_accuracy}]", "[{measure: critic_accuracy}, {measure: rate, direction: maximize}]")


@pytest.fixture
def run(spec_of, folder, dispatch, finish):
    """Return a function that runs a study, with the values of each run by a function of it."""

    def work(text, values):
        spec = spec_of(text)
        write_study(spec, folder, make_plan(spec, folder), datetime.now(UTC))
        dispatcher = dispatch(spec)
        while lane := dispatcher.next_lane():
            for item in lane:
                finish(item.key, **values(item))
            dispatcher.lane_ended([item.key for item in lane])
        return dispatcher

    return work


def critic(run):
    if run.block == "control":
        return {"critic": 0.1}
    luck = {0: -0.02, 1: 0.02}.get(run.replicate, 0.2 + run.replicate % 1000 / 10)
    return {"critic": run.config.model.latent_dim / 10 + luck}


def printed(folder, capsys, *flags):
    assert best.main([str(folder.root), *flags]) == 0
    return capsys.readouterr().out


def test_winners_are_ranked_by_the_mean_and_confirmed_apart(run, folder, capsys):
    run(TEXT, critic)
    text = printed(folder, capsys)
    head, first, second, third, last = text.split("\n\n")[1].splitlines()
    assert head.split() == ["critic_accuracy", "seeds", "key", "configuration"]
    # ± t(0.975, 1) × 0.02 √2 / √2
    assert first.split()[:5] == ["1", "0.200", "±", "0.254", "2"]
    assert [line.split("free:")[1] for line in (first, second, third)] == ["z=2", "z=3", "z=4"]
    # a block without a search competes
    assert last.split()[-1] == "fixed"
    assert "The controls (control: 1 of these) are not ranked." in text
    confirmed = text.split("\n\n")[2].splitlines()
    assert confirmed[0].startswith("Confirmed on fresh seeds")
    assert confirmed[2].split()[:5] == ["1", "0.450", "±", "0.635", "2"]
    assert max(map(len, text.splitlines())) <= 80
    assert len(printed(folder, capsys, "--top", "1").split("\n\n")[1].splitlines()) == 2


def test_json_holds_the_same_numbers(run, folder, capsys):
    run(TEXT, critic)
    found = json.loads(printed(folder, capsys, "--json", "--top", "2"))
    first, second = found["best"]
    assert (first["name"], second["name"], found["controls_not_ranked"]) == ("free:z=2", "free:z=3", 1)
    value = first["chosen_by"]["objectives"]["critic_accuracy"]
    assert value["value"] == value["mean"] == pytest.approx(0.2)
    assert value["high"] - value["mean"] == pytest.approx(12.706 * 0.02, rel=1e-3)
    assert first["confirmed"]["objectives"]["critic_accuracy"]["mean"] == pytest.approx(0.45)
    assert second["confirmed"] is None


def test_without_confirmation_the_luck_of_the_best_is_said(run, folder, capsys):
    run(TEXT.replace("confirm: {top: 1, seeds: 2}\n", ""), critic)
    text = printed(folder, capsys)
    assert "partly luck" in text
    assert max(map(len, text.splitlines())) <= 80


def test_several_objectives_give_the_front(run, folder, capsys):
    rates = {2: 1.0, 3: 5.0, 4: 3.0, 30: 0.0}
    run(TWO, lambda item: critic(item) | {"rate": rates[item.config.model.latent_dim]})
    text = printed(folder, capsys)
    assert "Pareto front: 2 that no other configuration beats" in text
    lines = text.split("\n\n")[2].splitlines()
    assert [line.split("free:")[1] for line in lines[1:]] == ["z=2", "z=3"]  # z=4 is worse than z=3 in both


def test_the_aggregate_stands_beside_the_mean(run, folder, capsys):
    text = TEXT.replace("replicates: 2\n", "replicates: {number: 2, aggregate: worst}\n")
    run(text, critic)
    lines = printed(folder, capsys).split("\n\n")[1].splitlines()
    assert lines[0].split()[:3] == ["worst", "critic_accuracy", "mean"]
    assert lines[1].split()[:5] == ["1", "0.220", "0.200", "±", "0.254"]


def test_failed_seeds_stay_visible(run, folder, capsys):
    dispatcher = run(TEXT, critic)
    (key,) = [item.key for item in dispatcher.runs.values() if item.label == "z=3" and item.replicate == 1]
    folder.run(key).result.unlink()
    folder.run(key).failure.write_text('{"reason": "nan", "kind": "diverged"}')
    (line,) = (line for line in printed(folder, capsys).splitlines() if line.endswith("free:z=3"))
    assert line.split()[:7] == ["2", "0.280", "±", "?", "1", "of", "2"]


def test_what_has_no_value_yet_is_said_with_the_reason(spec_of, folder, dispatch, finish, capsys):
    dispatcher = dispatch(spec_of(TEXT))
    write_study(dispatcher.spec, folder, make_plan(dispatcher.spec, folder), datetime.now(UTC))
    first = dispatcher.next_lane()[0]
    finish(first.key)
    text = printed(folder, capsys)
    number = len({run.config_key for run in dispatcher.runs.values()})
    assert (
        f"; 0 of {number} configurations with a value.\n{number} must wait: a value is there once all planned" in text
    )
    assert max(map(len, text.splitlines())) <= 80 or "minimize" in text.splitlines()[0]


def test_bad_input_exits_with_2(folder, capsys):
    assert best.main([str(folder.root)]) == 2
    assert "DIR must be a study folder" in capsys.readouterr().err
    with pytest.raises(SystemExit) as error:
        best.main([str(folder.root), "--top", "none"])
    assert error.value.code == 2
    assert "must be a number of at least 1, but got 'none'" in capsys.readouterr().err
