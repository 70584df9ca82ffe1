"""What pictures of a model of points are drawn from, as arrays: Figures 5, 11 and 12 of the paper.

    points             (N, 2)  test points               points_label     (N,)  the component of each
    generated_points   (N, 2)  points of the model       generated_code   (N,)  the category that each was made from
    prior_codes        (N, 2)  codes of these           generated_label  (N,)  the component that each generated, −1 if
                                                                              its point is off the modes
    inferred_codes     (N, 2)  codes of the test points

Codes are there where they are continuous and have two dimensions; without a categorical code `generated_code` is the
component.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from analysis.measures.draws import Model, generate, infer, own_codes
from analysis.measures.points import MODE_RADIUS, nearest_component
from iae_models.config import stream_seed

if TYPE_CHECKING:
    from iae_models.data import ImageData

NUM_POINTS = 1000


def point_panels(model: Model, data: ImageData, replicate: int) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays above, those that the model cannot give left out.

    Points and codes are float32, labels uint8, `generated_label` int8.
    """
    generator = torch.Generator(data.test.x.device).manual_seed(stream_seed(replicate, "measure/samples"))
    with torch.inference_mode():
        x, y = data.test.images(slice(NUM_POINTS)), data.test.y[:NUM_POINTS]
        panels: dict[str, npt.NDArray[Any]] = {"points": _floats(x), "points_label": _bytes(y)}
        plane = model.code == "gaussian" and model.code_dim == 2
        if "generate" in model.capabilities:
            z = own_codes(model, x, generator)
            x_hat = generate(model, z, generator)
            component, distance = nearest_component(x_hat, data.name)
            code = z.argmax(1) if model.code == "categorical" else component
            panels |= {"generated_points": _floats(x_hat), "generated_code": _bytes(code)}
            if plane:
                on_mode = component.where(distance <= MODE_RADIUS[data.name], -1)
                panels |= {"prior_codes": _floats(z), "generated_label": on_mode.to(torch.int8).cpu().numpy()}
        if "infer" in model.capabilities and plane:
            panels["inferred_codes"] = _floats(infer(model, x, generator))
    return panels


def _floats(values: Tensor) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = values.float().cpu().numpy()
    return array


def _bytes(labels: Tensor) -> npt.NDArray[np.uint8]:
    array: npt.NDArray[np.uint8] = labels.to(torch.uint8).cpu().numpy()
    return array
