from study.spec import load_study
from study.spec_text import axes_lines, fixed_lines, replicate_lines, search_lines

EVERYTHING = """
parameters: {model.width: 0.125, train.steps: 2000}
blocks:
- name: gaussian
  replicates: {number: 4, until: {half_width: 0.01, max: 6}}
  parameters:
    model.latent_dim: {grid: [2, 5], zip: sizes}
    model.noise_dim: {grid: [100, 10], zip: sizes, when: {train.batch_size: 64}}
    model.input_noise: {grid: [0, 0.3], when: {model.latent_dim: [5]}}
    train.batch_size: {grid: [64], search: {choices: [32, 64, 128], ordered: true}}
    model.r1_gamma: {search: {low: 0.1, high: 1, log: true, include: 0}, when: {train.batch_size: [32, 64]}}
- {name: small, parameters: {model.noise_dim: 10, model.latent_dim: {grid: [2], search: {low: 2, high: 40, step: 2}}}}
replicates: {number: 3, aggregate: lower_bound}
objectives: [{measure: critic_accuracy}]
budget: {runs: 60, hours: 2}
search: {sampler: tpe, seed: 3, options: {multivariate: true}}
scheduler: {name: asha, every: 200, options: {reduction_factor: 3}}
confirm: {top: 3, seeds: 5}
"""


def test_every_feature_of_a_study_is_said(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(EVERYTHING, encoding="utf-8")
    spec = load_study(path)
    assert axes_lines(spec) == [
        "gaussian:",
        "  grid        (z, n) = (2, 100), (5, 10) (n where batch_size = 64)",
        "            × input_noise = 0, 0.3 where z = 5",
        "            × batch_size = 64",
        "            × r1_gamma = 0 where batch_size = 32 or 64",
        "  searched    batch_size ordered choices 32, 64, 128",
        "              r1_gamma range 0.1 to 1 (log) or 0 where batch_size = 32 or 64",
        "small: z = 2; searched: z range 2 to 40 in steps of 2",
    ]
    assert fixed_lines(spec) == ["fixed: embedded_digits, width 0.125, 2000 steps; n = 10 in small"]
    (search,) = search_lines(spec, 41)
    assert "minimize critic_accuracy, on validation images, the lower bound over replicates" in search
    assert "sampler tpe (multivariate true), seed 3, 41 runs left of 60 at most, " in search
    budget, until, scheduler, confirm = replicate_lines(spec)
    assert budget == "Budget: 60 runs in total, 2 hours."
    assert until.startswith("Replicates in gaussian: more than 4, up to 6, while the 95 % interval of critic_accuracy")
    assert scheduler == "Scheduler: asha (reduction_factor 3) judges runs by critic_accuracy every 200 steps."
    assert "the best 3 configurations (by critic_accuracy) on 5 fresh seeds each, 15 runs, beyond the 60" in confirm


def test_what_a_study_does_not_ask_for_is_not_said(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text("parameters: {model.latent_dim: {grid: [2, 5]}}\nconfirm: {top: 1, seeds: 2}\n", encoding="utf-8")
    spec = load_study(path)
    assert axes_lines(spec) == ["s: z = 2, 5"]
    assert search_lines(spec, 0) == []
    (confirm,) = replicate_lines(spec)
    assert "the best configuration (those that none beats in every objective first, by critic_accuracy)" in confirm
