import math
from dataclasses import replace

import pandas as pd

from analysis.page_data import maps


def test_codes_that_are_images_have_a_map_whose_rows_are_their_cells(analysis):
    """They have no size, and are clickable like the others."""
    model = analysis.cells[(analysis.cells["subject"] == "model") & (analysis.cells["family"] == "categorical")]
    images = model.assign(code_size=math.nan, family="image", config_key="image-" + model["config_key"])
    found = maps(replace(analysis, cells=pd.concat([analysis.cells, images])))
    assert [item["title"] for item in found[:-1]] == [item["title"] for item in maps(analysis)]
    own = found[-1]
    assert own["sizes"] == ["categorical:K=10 n=10", "categorical:K=30 n=10"] and own["noises"] == [10]
    assert own["cells"] == list(dict.fromkeys(images["config_key"])) and own["places"] == [[0, 0], [1, 0]]
    scale = next(index for index, item in enumerate(own["measures"]) if item["name"] == "clustering_error")
    assert all(value is not None for value in own["means"][scale])
