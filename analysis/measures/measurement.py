"""What every measured value carries."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Status = Literal["ok", "undefined", "saturated", "misread", "refused", "invalid"]


@dataclass(frozen=True)
class Estimate:
    """A value and how far to trust it.

    Attributes:
        value: The value, or None where there is none.
        low: Lower end of the 95 % image-level interval, or None.
        high: Its upper end, or None.
        n: Number of images (or codes) it was measured on.
        unit: Its unit; "fraction" for what lies in [0, 1].
        status: "ok"; "saturated" where the value is only a bound; "misread" where an instrument that is often wrong
            gave it, which may be too large or too small; "undefined" where there is none by construction;
            "refused" where an instrument is too bad; "invalid" where the value or what it is made of is not finite.
        reason: Why the status is not "ok".
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    unit: str
    status: Status = "ok"
    reason: str = ""

    def saturated(self, reason: str) -> Estimate:
        """Return the same value, marked as a bound."""
        return replace(self, status="saturated", reason=reason)

    def misread(self, what: str, accuracy: float) -> Estimate:
        """Return the same value, if there is one, marked as read by a classifier of this validation accuracy."""
        if self.value is None:
            return self
        reason = (
            f"{what} is read with an error of {1 - accuracy:.3f} on validation images, which hides changes of it or "
            "adds some: the value is neither exact nor a bound, and compares with those of the same classifier"
        )
        return replace(self, status="misread", reason=reason)

    def named(self, name: str, split: str, subject: str) -> Measurement:
        """Return the measurement with this value."""
        return Measurement(
            name, split, subject, self.value, self.low, self.high, self.n, self.unit, self.status, self.reason
        )


@dataclass(frozen=True)
class Measurement:
    """One named value about one subject on one split; the other fields are those of `Estimate`.

    Attributes:
        name: The measure, as in `suite`.
        split: "validation" or "test".
        subject: "model", "untrained", "pca", "kmeans", "mean_image", "chance", "floor" (clusters of the prior's
            masses), "real" (the data themselves) or "shuffled".
    """

    name: str
    split: str
    subject: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    unit: str
    status: Status = "ok"
    reason: str = ""


def estimate(value: float, low: float, high: float, n: int, unit: str) -> Estimate:
    """Return an estimate, which is invalid where the value is not finite; an end that is not finite is left out."""
    if not math.isfinite(value):
        return invalid("the value is not finite", n, unit)
    if not (math.isfinite(low) and math.isfinite(high)):
        return exact(value, n, unit)
    return Estimate(value, low, high, n, unit)


def exact(value: float, n: int, unit: str) -> Estimate:
    """Return an estimate without an interval: a count, or a value that an interval makes no sense for."""
    if not math.isfinite(value):
        return invalid("the value is not finite", n, unit)
    return Estimate(value, None, None, n, unit)


def undefined(reason: str, n: int = 0, unit: str = "") -> Estimate:
    """Return the estimate of a measure that has no value by construction."""
    return Estimate(None, None, None, n, unit, "undefined", reason)


def invalid(reason: str, n: int = 0, unit: str = "") -> Estimate:
    """Return the estimate of a measure that broke down, most often because a network gives NaN."""
    return Estimate(None, None, None, n, unit, "invalid", reason)


def refused(reason: str, n: int = 0, unit: str = "") -> Estimate:
    """Return the estimate of a measure whose instrument is too bad to be believed."""
    return Estimate(None, None, None, n, unit, "refused", reason)


def validation_values(found: Mapping[str, Estimate], names: Iterable[str]) -> list[Measurement]:
    """Return named values of the trained model on validation images, which are all that a search asks for."""
    return [found[name].named(name, "validation", "model") for name in names]
