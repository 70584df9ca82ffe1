import pytest
import torch

from analysis.measures.fidelity import density_and_coverage, frechet_distance, frechet_excess


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (2.0, 1.0), (0.0, 1.5), (1.0, 0.5)])
def test_frechet_distance_of_normal_features(shift, scale, generator):
    real = torch.randn(4000, 4, generator=generator)
    fake = scale * torch.randn(4000, 4, generator=generator)
    fake[:, 0] += shift
    found = frechet_distance(real, fake)
    truth = shift**2 + 4 * (scale - 1) ** 2
    assert found.low - 0.02 <= truth <= found.high + 0.02


def test_frechet_distance_of_correlated_features(generator):
    factor = torch.tensor([[2.0, 0.0], [1.0, 0.5]])
    real = torch.randn(5000, 2, generator=generator) @ factor.T
    fake = torch.randn(5000, 2, generator=generator)
    covariance = factor @ factor.T
    truth = covariance.trace() + 2 - 2 * torch.linalg.eigvalsh(covariance).sqrt().sum()
    assert frechet_distance(real, fake).value == pytest.approx(truth.item(), rel=0.1)


def test_real_images_have_density_and_coverage_one_and_a_collapse_has_none(generator):
    real, same = torch.randn(2, 1000, 5, generator=generator)
    found = density_and_coverage(real, same)
    assert found["density"].value == pytest.approx(1, abs=0.1) and found["coverage"].value > 0.93
    collapsed = density_and_coverage(real, real[:1].repeat(1000, 1))
    assert collapsed["coverage"].value < 0.05
    far = density_and_coverage(real, same + 100)
    assert far["density"].value == far["coverage"].value == 0


def test_broken_and_few_images():
    broken = torch.full((100, 3), torch.nan)
    assert frechet_distance(broken, broken).status == "invalid"
    assert {item.status for item in density_and_coverage(broken, broken).values()} == {"invalid"}
    assert frechet_distance(torch.zeros(10, 3), torch.zeros(10, 3)).status == "undefined"


def test_the_excess_of_real_images_is_0_and_that_of_a_shift_its_square(generator):
    real, floor, fake = torch.randn(3, 1000, 32, generator=generator)
    none = frechet_excess(real, fake, floor)
    assert none.low <= 0 <= none.high
    fake[:, 0] += 2
    assert frechet_excess(real, fake, floor).value == pytest.approx(4, abs=0.4)
    assert frechet_excess(real, fake * torch.nan, floor).status == "invalid"
    assert frechet_excess(real[:30], fake, floor).status == "undefined"
