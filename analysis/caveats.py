"""What a reader must know of a study before believing what it found, in sentences computed from its records."""

from __future__ import annotations

import math
from functools import lru_cache

from analysis.full_measure_names import measure_info
from analysis.measure_names import MEASURES
from analysis.tables import Analysis, prose, status_table
from analysis.wording import counted, first_of, listed, percent

_TREND_CAVEAT = (
    "S_z rises with the latent dimension for untrained networks and frozen random encoders too, and noise dimension 0 "
    "makes S_z = 1 by identity, so those cells are left out of its means: read every value against its controls."
)
_RETRIEVAL_CAVEAT = (
    "An image is retrieved by its distance in pixels among up to 500 others, and reconstructions that noise varies "
    "need not be nearest to their own image: compare retrieval between models with equal noise. Codes are scored "
    "against true ones only where the domains are paired."
)
_INTERVAL_CAVEAT = (
    "Intervals, in brackets or after ±, are 95 % seed-level ones: what other seeds would have given. The image-level "
    "ones (other test images, same networks) are in cells.csv and measures.csv."
)


@lru_cache(maxsize=1)
def caveats(analysis: Analysis) -> tuple[str, ...]:
    """Return what a reader must know before believing the answers."""
    return (
        *_incomplete(analysis),
        *_extra(analysis),
        *_invalid(analysis),
        *_reproducibility(analysis),
        *_full_suite(analysis),
        *_label_use(analysis),
        *_undefined(analysis),
        *_of_the_measures(analysis),
        _INTERVAL_CAVEAT,
    )


def _of_the_measures(analysis: Analysis) -> list[str]:
    """Say what to know of the measures that this study has."""
    names = set(analysis.values.loc[analysis.values["value"].notna(), "name"].unique())
    found = []
    if (analysis.values["code"] == "gaussian").any() and "share_z_pixel" in names:
        found.append(_TREND_CAVEAT)
    if "image_retrieval" in names:
        found.append(_RETRIEVAL_CAVEAT)
    return found


def _incomplete(analysis: Analysis) -> list[str]:
    runs = analysis.runs
    sentences = []
    failed = runs[runs["status"] == "failed"]
    if len(failed):
        reasons = "; ".join(
            f"{reason} ({count})" if count > 1 else str(reason)
            for reason, count in failed["reason"].value_counts().head(3).items()
        )
        sentences.append(
            f"{counted(len(failed), 'run')} failed and {'enters' if len(failed) == 1 else 'enter'} no mean: {reasons}."
        )
    for status, words in (("planned", "not finished"), ("unreadable", "unreadable")):
        count = int((runs["status"] == status).sum())
        if count:
            verb = "is" if count == 1 else "are"
            sentences.append(f"{counted(count, 'run')} {verb} {words}; means are over the seeds that are there.")
    if analysis.results.problems:
        count = len(analysis.results.problems)
        sentences.append(f"{counted(count, 'problem')} with the study's files, listed under Provenance.")
    if analysis.results.study.get("smoke"):
        sentences.append(
            "This is a smoke run with a tiny budget: it shows that the study works, and nothing about models."
        )
    if len(runs) and analysis.split != "test":
        sentences.append("Nothing was measured on test images; all values are on validation images.")
    return sentences


def _extra(analysis: Analysis) -> list[str]:
    if analysis.extra.empty:
        return []
    runs = f"{counted(len(analysis.extra), 'run')} in the folder {'is' if len(analysis.extra) == 1 else 'are'}"
    labels = first_of(list(dict.fromkeys(analysis.extra["label"].map(str))))
    return [f"{runs} not part of the study as it is today ({labels}): in the table of runs, and in no mean or count."]


def _invalid(analysis: Analysis) -> list[str]:
    """Name every value that is not finite, of any subject and split: a broken model must not pass for a missing one."""
    values = analysis.values[analysis.values["status"] == "invalid"]
    sentences = []
    for reason in sorted(values["reason"].unique()):
        group = values[values["reason"] == reason]
        named = group.drop_duplicates(["subject", "name"]).sort_values(["subject", "name"])
        names = [
            prose(str(row["name"])) + ("" if row["subject"] == "model" else f" ({row['subject']})")
            for _, row in named.iterrows()
        ]
        runs = list(dict.fromkeys(group["run"].map(str)))
        sentences.append(
            f"Invalid in {counted(len(runs), 'run')} ({first_of(runs, 3)}), and in no mean: {first_of(names)}. "
            f"Reason: {reason or 'none given'}."
        )
    return sentences


def _reproducibility(analysis: Analysis) -> list[str]:
    finished = analysis.runs[analysis.runs["status"] == "finished"]
    sentences = []
    for column, words in (
        ("code_hash", "The runs were made by {} versions of the code ({})."),
        ("measures_hash", "The values were measured by {} versions of the measures ({})."),
    ):
        known = finished[column].dropna().map(str)
        # a variant of a user's own has a code of its own, and so a hash
        groups = known.groupby(finished["model.variant"], dropna=False) if column == "code_hash" else [("", known)]
        several = [group.unique().tolist() for _, group in groups if group.nunique() > 1]
        if several:
            hashes = list(dict.fromkeys(name for names in several for name in names))
            sentences.append(words.format(len(hashes), first_of(hashes)) + " Differences may come from that.")
    seeds = finished[finished["origin"] == "grid"].groupby("config_key")["replicate"].nunique()
    if len(seeds) and seeds.max() < 3:
        sentences.append(
            f"At most {counted(int(seeds.max()), 'seed')} a cell: three or more are needed to speak of seeds."
        )
    return sentences


def _full_suite(analysis: Analysis) -> list[str]:
    """Say where values are the full suite's: it has measured more images than a run itself, and maybe not every run."""
    finished = analysis.runs[analysis.runs["status"] == "finished"]
    count = int(finished["full_hash"].map(lambda value: isinstance(value, str) and value != "").sum())
    if not count:
        return []
    words = "all of them" if count == len(finished) else f"{count} of {len(finished)} finished runs"
    return [f"The full suite has measured {words}: where it and the run both have a value, the full suite's is used."]


def _label_use(analysis: Analysis) -> list[str]:
    values = analysis.values[analysis.values["value"].notna()]
    objectives = [str(item["measure"]) for item in analysis.results.study["objectives"]]
    infos = [measure_info(str(name)) for name in values["name"].unique()]
    has_labels = any(info is not None and info.uses_labels for info in infos)
    entering = " Labels enter the measures that use the classifier, and the map from clusters to classes."
    labelled = [name for name in objectives if name in MEASURES and MEASURES[name].uses_labels]
    sentences = []
    if labelled:
        names = listed([prose(name) for name in labelled])
        sentences.append(
            f"Label-selected: the search used labels through {names}, so searched results are an oracle's."
        )
    elif (analysis.runs["origin"] == "search").any():
        sentences.append(
            f"The search used no labels: its objectives are {listed([prose(name) for name in objectives])}, on "
            f"validation images.{entering if has_labels else ''}"
        )
    else:
        sentences.append(f"Nothing was searched, so no label chose a configuration.{entering if has_labels else ''}")
    accuracies = {
        split: analysis.runs[column].min()
        for split, column in (("validation", "classifier_accuracy"), ("test", "classifier_test_accuracy"))
    }
    if not has_labels:
        return sentences
    parts = [f"{percent(value, 1)} of {split} images" for split, value in accuracies.items() if math.isfinite(value)]
    if parts:
        sentences.append(f"The measuring classifier is right on {listed(parts)}; the former decide whether it is used.")
    return sentences


def _undefined(analysis: Analysis) -> list[str]:
    table = status_table(analysis)
    table = table[table["subject"] == "model"]
    sentences = []
    words = {
        "undefined": "undefined by construction",
        "refused": "refused",
        "saturated": "saturated, a bound and not a value",
        "misread": "read with error, neither exact nor a bound",
    }
    for status, text in words.items():
        chosen = table[table["status"] == status]
        # That a Gaussian code has no clusters is no news. What is undefined in some cells of its kind is.
        if status == "undefined":
            chosen = chosen[~chosen["name"].map(_belongs_to_one_code)]
        if len(chosen):
            names = listed([prose(name) for name in sorted(chosen["name"].unique())])
            count = _num_runs(analysis, status, set(chosen["name"]))
            reasons = _reasons(chosen["reason"].tolist())
            sentences.append(f"{names[:1].upper()}{names[1:]}: {text} in {counted(count, 'run')} ({reasons}).")
    return sentences


def _reasons(reasons: list[str]) -> str:
    """Return the first of some reasons, and say how many others differ, be it in a number."""
    different = list(dict.fromkeys(reasons))
    first = different[0] or "no reason given"
    return first if len(different) == 1 else f"for example: {first}"


def _num_runs(analysis: Analysis, status: str, names: set[str]) -> int:
    values = analysis.values[(analysis.values["split"] == analysis.split) & (analysis.values["subject"] == "model")]
    return int(values.loc[(values["status"] == status) & values["name"].isin(names), "run"].nunique())


def _belongs_to_one_code(name: str) -> bool:
    return name in MEASURES and any(where.field == "model.code" for where in MEASURES[name].undefined)
