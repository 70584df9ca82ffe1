"""The error that clusters have which follow the prior exactly: that of the best partition with the prior's masses.

Categories k with probabilities π_k, π_k = 1/K unless they are configured, cannot hold classes c of shares p_c purely
where no sum of some π_k is p_c. A map m from clusters to classes gets right at most

    Σ_c min(p_c, Σ_{k: m(k) = c} π_k)

of the images, and a partition attains it: each class fills its own clusters as far as it goes, and what is left over of
classes goes where there is room. The floor is 1 less the largest such sum over all m, an assignment of clusters to
classes by integers. Of ten equal classes it is 0 at K = 10, 20, 30 and .15 at K = 16. A code that does not follow the
prior can be below it.

Reference: Huangfu and Hall (2018), Parallelizing the dual revised simplex method (HiGHS, which solves it).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from torch import Tensor

from analysis.measures.measurement import Estimate, exact

MAX_NODES = 200
"""Nodes of the search for the best map; a second's work. Equal masses take one."""


def clustering_floor(labels: Tensor, probabilities: Sequence[float]) -> Estimate:
    """Return the smallest clustering error of a partition with these masses, or a lower bound of it.

    Args:
        labels: int64 with shape (N,).
        probabilities: Class probabilities π of the prior, K of them, which sum to 1.
    """
    shares = labels.bincount().double().cpu().numpy() / len(labels)
    # clusters of one mass are alike, so how many of them a class has is all that matters
    masses, counts = np.unique(np.asarray(probabilities, dtype=float), return_counts=True)
    sizes, classes = len(masses), len(shares)
    is_count = np.repeat([1, 0], [sizes * classes, classes])
    given_out = np.hstack([np.kron(np.eye(sizes), np.ones(classes)), np.zeros((sizes, classes))])
    room = np.hstack([np.kron(masses[None], np.eye(classes)), -np.eye(classes)])
    found = milp(
        is_count - 1,
        integrality=is_count,
        bounds=Bounds(0, np.concatenate([np.repeat(counts, classes), shares])),
        constraints=[LinearConstraint(given_out, counts, counts), LinearConstraint(room, 0)],
        options={"node_limit": MAX_NODES, "mip_rel_gap": 0},
    )
    floor = exact(max(0.0, 1 + float(found.mip_dual_bound)), len(labels), "fraction")
    return floor if found.success else floor.saturated("a lower bound: there are too many maps to try")
