"""The full suite: what a run is too short for. From a trained model, on all test images, group by group.

Its groups are those of `analysis.full_measure_names.GROUPS`. Values that the quick suite has, too, have its names and
are its functions' on more images. Streams are named as there, so a group's values do not depend on which others are
asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from analysis.measures import controls, full_translation, joint_test
from analysis.measures.bench import (
    Bench,
    Sample,
    all_held_out,
    fixed_bench,
    has_labels,
    make_bench,
    measure_critic,
    measure_label_information,
    measure_prior_accuracy,
    measure_sample,
    take_sample,
)
from analysis.measures.classifier import Classifier
from analysis.measures.code_styles import style_tables
from analysis.measures.critic import Pairs
from analysis.measures.draws import Model, generate, infer, own_codes
from analysis.measures.factors import factor_readers, measure_factors
from analysis.measures.fidelity import density_and_coverage, frechet_distance, frechet_excess
from analysis.measures.full_clusters import full_clusters
from analysis.measures.full_decoder import confusion, shuffled_codes
from analysis.measures.identity import domain_readers
from analysis.measures.information import cluster_label_information, information_bracket
from analysis.measures.labels import label_preservation
from analysis.measures.maps import share_maps
from analysis.measures.measurement import Estimate, Measurement
from analysis.measures.mmd import squared_mmd
from analysis.measures.nearest import nearest_label_information
from analysis.measures.prior_match import prior_moment_kl
from analysis.measures.rate_distortion import rate_distortion
from analysis.measures.sharpness import sharpness
from analysis.measures.subjects import measure_cluster_controls
from analysis.measures.suite import measure_categorical_code, measure_prior_shares

if TYPE_CHECKING:
    from iae_models.data import ImageData

NUM_CONTROL = 2000
"""Test images that controls are measured on, at most."""

NUM_QUERIES = 1000
"""Codes that are blurred for a bracket of the information; all others are its centres."""

NUM_GENERATED = 5000
"""Images of the model's own for measures of fidelity, at most."""

Values = dict[str, Estimate]


@dataclass(frozen=True)
class Found:
    """What one group came to.

    Attributes:
        tables: Estimates on test images by subject and name.
        curve: Points of a curve, each a row of plain numbers.
        arrays: Maps and tables of numbers on the CPU, by name.
    """

    tables: dict[str, Values]
    curve: list[dict[str, float | None]] = field(default_factory=list)
    arrays: dict[str, Tensor] = field(default_factory=dict)

    def measurements(self) -> list[Measurement]:
        """Return all estimates as measurements on the test split."""
        return [
            estimate.named(name, "test", subject)
            for subject, values in self.tables.items()
            for name, estimate in values.items()
        ]


class FullBench:
    """One run to be measured: its model, its data, and what several groups share, computed once.

    Attributes:
        model: The trained model, in evaluation mode, on the device of the data.
        untrained: The same network before its first step.
        replicate: Seeds all draws.
        bench: Images, classifier and streams; its held-out part is all of both splits.
        fixed: The same with streams that no run changes.
        control: The same as `bench` on fewer images, for controls.
        classifiers: Folder where the classifiers of factors are stored.
        num_labels: Labels that the model has learnt.
    """

    def __init__(
        self,
        model: Model,
        untrained: Model,
        data: ImageData,
        classifier: Classifier | None,
        replicate: int,
        classifiers: Path,
        num_labels: int = 0,
    ) -> None:
        self.model, self.untrained, self.classifiers, self.replicate = model, untrained, classifiers, replicate
        self.num_labels = num_labels
        quick = make_bench(data, classifier, replicate)
        self.fixed = _fixed(data, classifier)
        everything = self.fixed.held_out
        part = slice(joint_test.NUM_TRAIN)
        self.bench = replace(quick, held_out=everything, train_x=data.train.images(part), train_y=data.train.y[part])
        few = {name: (x[:NUM_CONTROL], y[:NUM_CONTROL]) for name, (x, y) in everything.items()}
        self.control = replace(quick, held_out=few)

    @property
    def decodes(self) -> bool:
        """Whether the model reconstructs images: it generates, and infers a code if it has one."""
        capabilities = self.model.capabilities
        return "generate" in capabilities and ("infer" in capabilities or self.model.code_dim == 0)

    @property
    def encodes(self) -> bool:
        """Whether the model infers a code."""
        return "infer" in self.model.capabilities and self.model.code_dim > 0

    @cached_property
    def sample(self) -> Sample:
        """The draws of all test images."""
        return take_sample(self.bench, self.model, "model", "test")

    @cached_property
    def train_z(self) -> Tensor:
        """Codes of training images."""
        return infer(self.model, self.bench.train_x, self.bench.stream("model/codes"))

    @cached_property
    def z(self) -> Tensor:
        """Codes of all test images, in their order."""
        return infer(self.model, self.bench.held_out["test"][0], self.bench.stream("model/test/codes"))


@lru_cache(maxsize=1)
def _fixed(data: ImageData, classifier: Classifier | None) -> Bench:
    """Return the bench of all images, kept as `fixed_bench` is, and what no run changes is measured on it once."""
    return replace(fixed_bench(data, classifier), held_out=all_held_out(data))


def full_suite(run: FullBench, group: str) -> Found:
    """Measure one group of a run.

    Args:
        run: What is measured.
        group: A key of `MEASURED`.

    Returns:
        What was found: nothing where a group has no meaning for the model's code.
    """
    measured = TRANSLATED if run.model.code == "image" else MEASURED
    with torch.inference_mode():
        return measured[group](run) if group in measured else Found({})


def _decoder(run: FullBench) -> Found:
    values: Values = {}
    if "sample" in run.model.capabilities:
        values = measure_prior_shares(run.bench, run.model, "test", len(run.bench.held_out["test"][1]))
    if not run.decodes:
        return Found({"model": values})
    sample, control = run.sample, take_sample(run.control, run.untrained, "untrained", "test")
    tables = {
        "model": values | measure_sample(run.bench, run.model, sample),
        "untrained": measure_sample(run.control, run.untrained, control),
        "shuffled": shuffled_codes(run.bench, sample),
    }
    maps = share_maps(sample.draws.x_hat) if sample.draws.x.dim() == 4 else {}
    arrays = {name: values.cpu() for name, values in maps.items()}
    if run.bench.classifier is not None and sample.phi is not None and sample.phi_hat is not None:
        arrays["confusion"] = confusion(run.bench, sample).cpu()
    return Found(tables, arrays=arrays)


def _calibration(run: FullBench) -> Found:
    if not run.decodes:
        return Found({})
    train = _training_pairs(run.bench, run.model, run.train_z if run.encodes else None, "model")
    held_out = Pairs(run.sample.draws.x, run.sample.draws.z, run.sample.draws.x_hat[:, :2])
    quick = replace(run.bench, train_x=run.control.train_x, train_y=run.control.train_y)
    values = measure_critic(quick, run.model, "model", {"test": run.sample})["test"]
    values["joint_accuracy"] = joint_test.joint_accuracy(train, held_out, run.bench.stream("model/joint"))
    if run.encodes:
        values["joint_power"] = joint_test.joint_power(train, held_out, run.bench.stream("model/power"))
    tables = {"model": values, "untrained": _untrained_critics(run)}
    if run.encodes and run.model.code == "gaussian":
        tables["pca"] = {"joint_accuracy": _pca_joint_accuracy(run.bench.data, run.model.code_dim)}
    return Found(tables)


def _untrained_critics(run: FullBench) -> Values:
    """Return what both critics make of the untrained network, on as many images as other controls have."""
    bench, model = run.control, run.untrained
    sample = take_sample(bench, model, "untrained", "test")
    values = measure_critic(bench, model, "untrained", {"test": sample})["test"]
    train = _training_pairs(run.bench, model, None, "untrained")
    held_out = Pairs(sample.draws.x, sample.draws.z, sample.draws.x_hat[:, :2])
    return values | {"joint_accuracy": joint_test.joint_accuracy(train, held_out, bench.stream("untrained/joint"))}


def _training_pairs(bench: Bench, model: Model, z: Tensor | None, subject: str) -> Pairs:
    stream = bench.stream(f"{subject}/joint/pairs")
    codes = infer(model, bench.train_x, stream) if z is None else z
    return Pairs(bench.train_x, codes, torch.stack([generate(model, codes, stream) for _ in range(2)], 1))


@lru_cache(maxsize=32)
def _pca_joint_accuracy(data: ImageData, code_dim: int) -> Estimate:
    """Return what the critic makes of PCA of the same dimension, which no run changes."""
    bench = make_bench(data, None, 0)
    part = slice(joint_test.NUM_TRAIN)
    bench = replace(bench, train_x=data.train.images(part), held_out={"test": (data.test.images(), data.test.y)})
    model, subject = controls.principal_components(data.train, code_dim), f"pca/{code_dim}"
    draws = take_sample(bench, model, subject, "test").draws
    train = _training_pairs(bench, model, None, subject)
    return joint_test.joint_accuracy(
        train, Pairs(draws.x, draws.z, draws.x_hat[:, :2]), bench.stream(f"{subject}/joint")
    )


def _information(run: FullBench) -> Found:
    if not run.encodes:
        return Found({})
    bench, (_, y) = run.bench, run.bench.held_out["test"]
    values = {"label_information": measure_label_information(bench, run.model, run.train_z, run.z, y)}
    tables = {"model": values}
    if run.model.code == "categorical":
        validation = infer(run.model, bench.held_out["validation"][0], bench.stream("model/validation/codes"))
        codes = {"validation": validation, "test": run.z}
        tables |= full_clusters(bench, run.model, run.untrained, codes, run.num_labels)
        tables["model"] |= values | measure_categorical_code(bench, run.fixed, run.model, "test", run.z)
        if has_labels(bench):
            shuffled_y = _permuted(bench, y)
            tables["shuffled"] = {"label_information": cluster_label_information(shuffled_y, run.z.argmax(1))}
        tables |= {name: table["test"] for name, table in measure_cluster_controls(run.fixed, run.model).items()}
    else:
        if run.model.encoder_noise_dim == 0:
            queries, others = run.z[:NUM_QUERIES], torch.cat([run.z[NUM_QUERIES:], run.train_z])
            values |= information_bracket(queries, bench.stream("model/test/information"), others=others)
            values["rate"] = values["information_low"]
        if has_labels(bench):
            values["label_information_nearest"] = nearest_label_information(run.z, y)
            shuffled = replace(bench, train_y=_permuted(bench, bench.train_y))
            tables["shuffled"] = {
                "label_information": measure_label_information(shuffled, run.model, run.train_z, run.z, y),
                "label_information_nearest": nearest_label_information(run.z, _permuted(bench, y)),
            }
    return Found(tables)


def _permuted(bench: Bench, y: Tensor) -> Tensor:
    return y[torch.randperm(len(y), generator=bench.stream("shuffled/labels"), device=y.device)]


def _rate_distortion(run: FullBench) -> Found:
    if not (run.decodes and run.encodes) or run.model.code != "gaussian" or run.model.encoder_noise_dim:
        return Found({})
    x = run.bench.held_out["test"][0][:NUM_QUERIES]
    z, others = run.z[:NUM_QUERIES], torch.cat([run.z[NUM_QUERIES:], run.train_z])
    classifier = run.bench.classifier
    phi = None if classifier is None else classifier.features(x)
    curve = []
    for point in rate_distortion(run.model, x, z, others, run.bench.stream("model/rate_distortion")):
        row: dict[str, float | None] = {"sigma": point.sigma}
        estimates = {"rate_low": point.rate_low, "rate_high": point.rate_high, "distortion": point.distortion}
        if classifier is not None and phi is not None:
            phi_hat = classifier.features(point.x_hat)
            labels, decoded = (classifier.logits_of_features(part).argmax(1) for part in (phi, phi_hat))
            estimates["frechet"] = frechet_distance(phi, phi_hat)
            estimates["label_preservation"] = label_preservation(labels, decoded[:, None])
        for name, estimate in estimates.items():
            if estimate is not None:
                row |= {name: estimate.value, f"{name}_low_end": estimate.low, f"{name}_high_end": estimate.high}
        curve.append(row)
    return Found({}, curve)


def _prior(run: FullBench) -> Found:
    if not run.encodes:
        return Found({})
    values = measure_prior_accuracy(run.bench, run.model, "model", run.train_z, {"test": run.z})["test"]
    if run.model.code == "gaussian":
        stream = run.bench.stream("model/prior/mmd")
        values["prior_mmd"] = squared_mmd(run.z, run.model.sample_prior(len(run.z), stream))
        values["prior_moment_kl"] = prior_moment_kl(run.z)
    return Found({"model": values})


def _fidelity(run: FullBench) -> Found:
    if "generate" not in run.model.capabilities:
        return Found({})
    test = run.bench.held_out["test"][0][:NUM_GENERATED]
    models = {"model": run.model, "untrained": run.untrained}
    samples = {subject: _samples(run.bench, model, subject, len(test)) for subject, model in models.items()}
    tables = {subject: {"sharpness_samples": sharpness(test, x[:, None])} for subject, x in samples.items()}
    classifier = run.bench.classifier
    if classifier is None:
        return Found(tables)
    real = classifier.features(test)
    floor = classifier.features(run.bench.train_x[: len(real)])
    for subject, x in samples.items():
        tables[subject] |= _fidelity_of(classifier.features(x), real, floor)
    tables["real"] = {"frechet_samples": frechet_distance(real, floor), **density_and_coverage(real, floor)}
    if run.decodes and run.sample.phi_hat is not None and run.sample.phi is not None:
        phi, phi_hat = (part[:NUM_GENERATED] for part in (run.sample.phi, run.sample.phi_hat[:, 0]))
        tables["model"]["frechet_reconstructions"] = frechet_distance(phi, phi_hat)
    return Found(tables)


def _samples(bench: Bench, model: Model, subject: str, num: int) -> Tensor:
    stream = bench.stream(f"{subject}/fidelity")
    # of a model without samples of its own: reconstructions of training images, which have the codes q(z)
    return generate(model, own_codes(model, bench.train_x[:num], stream), stream)


def _fidelity_of(phi: Tensor, real: Tensor, floor: Tensor) -> Values:
    return {
        "frechet_samples": frechet_distance(real, phi),
        "frechet_excess": frechet_excess(real, phi, floor),
        **density_and_coverage(real, phi),
    }


def _factors(run: FullBench) -> Found:
    data = run.bench.data
    if not run.decodes or not data.train.factors:
        return Found({})
    with torch.inference_mode(False):
        readers = factor_readers(data, run.classifiers)
    control = take_sample(run.control, run.untrained, "untrained", "test")
    return Found({"model": measure_factors(run.sample, readers), "untrained": measure_factors(control, readers)})


def _translations(run: FullBench) -> Found:
    data, stream = run.bench.data, run.bench.stream
    maps = full_translation.translation_maps(run.model, data, stream)
    with torch.inference_mode(False):
        readers = domain_readers(data, run.classifiers)
    tables = full_translation.translations(run.model, run.untrained, data, run.replicate, readers)
    for subject, values in style_tables(run.model, run.untrained, data, "test", run.replicate, None).items():
        tables[subject] = tables.get(subject, {}) | values
    return Found(tables, arrays={name: values.cpu() for name, values in maps.items()})


def _pair_tests(run: FullBench) -> Found:
    return Found({"model": full_translation.pair_tests(run.model, run.bench.data, run.bench.stream)})


def _domain_test(run: FullBench) -> Found:
    accuracy = full_translation.domain_accuracy(run.model, run.bench.data, run.bench.stream)
    return Found({"model": {"domain_accuracy": accuracy}})


def _sample_test(run: FullBench) -> Found:
    accuracy = full_translation.sample_accuracy(run.model, run.bench.data, run.bench.stream)
    return Found({"model": {"sample_accuracy": accuracy}})


TRANSLATED: Mapping[str, Callable[[FullBench], Found]] = {
    "decoder": _translations,
    "calibration": _pair_tests,
    "prior": _domain_test,
    "fidelity": _sample_test,
}
"""The function behind each group of a model whose code is an image; the other groups have none."""

MEASURED: Mapping[str, Callable[[FullBench], Found]] = {
    "decoder": _decoder,
    "calibration": _calibration,
    "information": _information,
    "rate_distortion": _rate_distortion,
    "prior": _prior,
    "fidelity": _fidelity,
    "factors": _factors,
}
"""The function behind each of `analysis.full_measure_names.GROUPS`."""
