"""Every measure with its formula, unit, better side, where it is undefined, and its source, as a Markdown page.

python -m benchmarks.measures > docs/measures.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from analysis.full_measure_names import FULL_MEASURES
from analysis.measure_formulas import formula_of
from analysis.measure_info import MeasureInfo
from analysis.measure_names import MEASURES

BETTER = {"lower": "lower", "higher": "higher", "one": "1", "floor": "the data's own", "neither": "–"}

NOTATION = """x is an image and y its label; ẑ = f(x, ε) its code, z ~ p(z) a code of the prior, q(z) the distribution
of ẑ over images; x̂ = g(ẑ, n) and x̂' two reconstructions from one code; n the decoder's noise and ε the encoder's; c the
measuring classifier's class and φ its features; k a category of K, H an entropy in nats. A factor's measure has the
factor's name after a slash."""

HEAD = "| name | label | what it says | formula | unit | better | undefined where | compares across K | source |"


def page() -> Iterator[str]:
    """Yield the page's lines."""
    yield "# Measures"
    yield ""
    yield "`python -m benchmarks.measures > docs/measures.md` wrote this page, from the tables that reports use."
    yield ""
    yield NOTATION
    yield ""
    yield "## Of every run"
    yield ""
    yield from _table(MEASURES)
    yield ""
    yield "## Of the full suite besides"
    yield ""
    yield from _table(FULL_MEASURES)


def _table(measures: Mapping[str, MeasureInfo]) -> Iterator[str]:
    yield HEAD
    yield "|" + "---|" * (HEAD.count("|") - 1)
    for name, info in measures.items():
        formula, source = formula_of(name)
        cells = (
            f"`{name}`",
            info.label,
            info.description + (" Labels enter." if info.uses_labels else ""),
            formula,
            info.unit,
            BETTER[info.better],
            _undefined(info),
            f"no: it {info.across_k}" if info.across_k else "yes",
            source,
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _undefined(info: MeasureInfo) -> str:
    """Write where a measure has no value, the values of one field together."""
    fields: dict[str, list[str]] = {}
    for rule in info.undefined:
        fields.setdefault(rule.field, []).append(str(rule.value))
    return "; ".join(f"`{field}` {', '.join(dict.fromkeys(values))}" for field, values in fields.items()) or "–"


def main() -> int:
    """Print the page."""
    print("\n".join(page()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
