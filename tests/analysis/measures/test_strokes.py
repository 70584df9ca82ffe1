import pytest
import torch

from analysis.measures.strokes import STROKES, slant, stroke_shares, thickness


def bars(lean, width):
    """One bright bar an image, `width` columns wide, that leans `lean` columns to the right for each row up."""
    x = torch.zeros(len(lean), 1, 28, 28)
    for image, (tilt, columns) in zip(x, zip(lean, width, strict=True), strict=True):
        for row in range(4, 24):
            left = round(14 - tilt * (row - 13.5) - columns / 2)
            image[0, row, left : left + columns] = 1
    return x


def test_slant_is_the_lean():
    x = bars([0, 0.4, -0.4, 0.4], [3, 3, 3, 5])
    assert slant(x).tolist() == pytest.approx([0, 0.4, -0.4, 0.4], abs=0.03)
    assert slant(x.roll(3, 3)).tolist() == pytest.approx(slant(x).tolist())
    assert slant(0.5 * x).tolist() == pytest.approx(slant(x).tolist())
    assert slant(torch.zeros(1, 1, 28, 28)).tolist() == [0]


def test_thickness_is_the_width_of_a_long_stroke():
    # a bar of w times 20 has an outline of 2 (w + 20)
    found = thickness(bars([0, 0, 0], [2, 4, 6]))
    assert found.tolist() == pytest.approx([2 * w * 20 / (2 * (w + 20)) for w in (2, 4, 6)], rel=0.02)
    assert thickness(torch.zeros(1, 1, 28, 28)).tolist() == [0]


def test_style_of_the_noise_and_of_the_code():
    """The noise leans the bar, whatever the code; the code sets its width, whatever the noise."""
    generator = torch.Generator().manual_seed(0)
    lean = (torch.rand(2, 120, generator=generator) - 0.5).tolist()
    width = torch.randint(2, 6, (120,), generator=generator).tolist()
    first, second = bars(lean[0], width), bars(lean[1], width)
    rolled = [bars([values[index - 1] for index in range(120)], width) for values in lean]
    shares = stroke_shares(torch.stack([first, second, *rolled], 1))
    assert set(shares) == set(STROKES)
    assert shares["share_n_slant"].value > 0.9
    assert shares["share_z_thickness"].value > 0.9
    assert shares["share_zn_slant"].value < 0.1
    of_the_prior = stroke_shares(torch.stack([first, second, *rolled], 1), "_prior")
    assert of_the_prior == {f"{name}_prior": share for name, share in shares.items()}
