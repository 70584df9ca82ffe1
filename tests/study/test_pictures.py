import numpy as np
import pytest
from PIL import Image

from study.pictures import GAP, PAPER, ZOOM, contact_sheet, write_png
from study.scatter import COLOURS, GREY, scatter


def images(*shape, value):
    return np.full(shape, value, dtype=np.uint8)


def test_sheet_shows_every_image_in_its_place():
    panels = {"originals": images(3, 1, 4, 5, value=10), "reconstructions": images(3, 2, 1, 4, 5, value=20)}
    sheet = contact_sheet(panels)
    # three rows of an original and two reconstructions
    assert sheet.shape[1] == 3 * (5 + GAP) + GAP
    counts = {value: int((sheet[..., 0] == value).sum()) for value in (10, 20)}
    assert counts == {10: 3 * 20, 20: 6 * 20}
    assert sheet[GAP, GAP, 0] == 10
    assert sheet[GAP, GAP + 5 + GAP, 0] == 20


def test_generated_images_come_below_and_may_come_alone():
    generated = {"generated": images(2, 3, 3, 4, 4, value=30)}
    both = contact_sheet(
        generated | {"originals": images(2, 3, 4, 4, value=1), "reconstructions": images(2, 1, 3, 4, 4, value=2)}
    )
    assert (both == 30).any(axis=(1, 2)).nonzero()[0].min() > (both == 1).any(axis=(1, 2)).nonzero()[0].max()
    assert (contact_sheet(generated) == 30).sum() == 2 * 3 * 16 * 3


def test_colours_stay_in_their_channels():
    image = np.zeros((1, 1, 3, 2, 2), dtype=np.uint8)
    image[:, :, 1] = 77
    assert contact_sheet({"generated": image})[GAP, GAP].tolist() == [0, 77, 0]


@pytest.mark.parametrize("panels", [{}, {"originals": images(1, 1, 2, 2, value=0)}])
def test_nothing_to_show_is_still_a_picture(panels, tmp_path):
    sheet = contact_sheet(panels)
    assert (sheet == PAPER).all()
    write_png(sheet, tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.size == (sheet.shape[1] * ZOOM, sheet.shape[0] * ZOOM)


def test_codes_that_are_images_stand_between_originals_and_reconstructions():
    originals = np.full((2, 3, 4, 4), 100, np.uint8)
    codes, reconstructions = np.full((2, 1, 1, 4, 4), 30, np.uint8), np.full((2, 5, 3, 4, 4), 200, np.uint8)
    sheet = contact_sheet({"originals": originals, "codes": codes, "reconstructions": reconstructions})
    row = sheet[4, :, 1]
    assert [int(value) for value in row[row != 255]] == [100] * 4 + [30] * 4 + [200] * 20


def test_images_of_codes_that_are_images_stand_beside_these():
    made = np.full((2, 5, 3, 4, 4), 200, np.uint8)
    row = contact_sheet({"prior_codes": np.full((2, 1, 4, 4), 30, np.uint8), "generated": made})[4, :, 1]
    assert [int(value) for value in row[row != 255]] == [30] * 4 + [200] * 20


def test_points_have_the_colour_of_their_label_and_are_grey_without_one():
    points = np.array([[-0.5, 0.0], [0.5, 0.0]], np.float32)
    panel = scatter(points, np.array([-1, 3], np.int8), 1.0)
    half = panel.shape[1] // 2
    for side, colour in ((panel[:, :half], [GREY] * 3), (panel[:, half:], COLOURS[3])):
        assert (side[(side != PAPER).any(-1)] == colour).all() and (side != PAPER).any()
