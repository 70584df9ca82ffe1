import pytest
import torch

from analysis.measures.labels import chance_preservation, label_preservation, label_shares, label_split


def noisy_channel(labels, error, num_classes, draws, generator):
    """Keep each label with probability 1 − error, else replace it by one of the others."""
    shape = (len(labels), draws)
    wrong = torch.rand(shape, generator=generator) < error
    shift = torch.randint(1, num_classes, shape, generator=generator)
    return (labels[:, None] + wrong * shift) % num_classes


def test_symmetric_channel(generator):
    labels = torch.arange(20_000) % 10
    decoded = noisy_channel(labels, 0.3, 10, 4, generator)
    agreement = 0.7**2 + 0.3**2 / 9
    split = label_split(decoded, 10)
    assert label_preservation(labels, decoded).value == pytest.approx(0.7, abs=0.01)
    assert split["label_agreement"].value == pytest.approx(agreement, abs=0.01)
    assert split["tau_z"].value == pytest.approx((agreement - 0.1) / 0.9, abs=0.01)


def test_counts_by_hand():
    decoded = torch.tensor([[0, 0], [0, 1], [1, 1]])
    split = label_split(decoded, 2)
    # pairs within a row agree in rows 1 and 3; the mean agreement of two different rows is (1/2 + 0 + 1/2) / 3
    assert split["label_agreement"].value == pytest.approx(2 / 3)
    assert split["tau_z"].value == pytest.approx((2 / 3 - 1 / 3) / (1 - 1 / 3))
    assert label_preservation(torch.tensor([0, 0, 0]), decoded).value == pytest.approx(0.5)


def test_without_noise_the_code_decides_the_label():
    decoded = (torch.arange(50) % 3)[:, None].expand(50, 4)
    split = label_split(decoded, 3)
    assert split["label_agreement"].value == 1
    assert split["tau_z"].value == 1


def test_without_code_labels_agree_by_chance(generator):
    decoded = torch.randint(10, (3000, 4), generator=generator)
    tau = label_split(decoded, 10)["tau_z"]
    assert tau.low <= 0 <= tau.high
    labels = torch.arange(3000) % 10
    preservation = label_preservation(labels, decoded)
    assert preservation.low <= chance_preservation(labels).value <= preservation.high


def test_an_error_of_the_classifier_may_raise_a_value_or_lower_it(generator):
    """The noise exchanges labels 0 and 1, and leaves 2 and 3: what is read of it is a bound in neither direction."""
    labels = torch.arange(4000) % 4
    flipped = torch.rand(4000, 4, generator=generator) < 0.5
    decoded = torch.where((labels < 2)[:, None] & flipped, 1 - labels[:, None], labels[:, None])
    true = label_split(decoded, 4)["tau_z"].value
    merged = label_split(decoded.clamp_min(1), 4)["tau_z"].value
    noisy = label_split(noisy_channel(decoded.flatten(), 0.2, 4, 1, generator).view(4000, 4), 4)["tau_z"].value
    assert noisy < true - 0.1 and merged == pytest.approx(1)


@pytest.mark.parametrize("kept", [0.0, 0.5, 1.0])
def test_shares_of_a_label_that_the_noise_may_replace(kept, generator):
    """With probability `kept`, which the noise draws, the code's label; else the noise's own: κ², 1 − κ, κ (1 − κ)."""
    num = 6000
    code = torch.randint(10, (num,), generator=generator)
    own = torch.randint(10, (2, num), generator=generator)
    keeps = torch.rand(2, num, generator=generator) < kept
    # the design of `draws`: noises a and b of the image, then those of the image before it
    decoded = torch.stack(
        [torch.where(keeps[part].roll(by), code, own[part].roll(by)) for by in (0, 1) for part in (0, 1)], 1
    )
    shares = label_shares(decoded, 10, "label")
    for part, truth in (("z", kept**2), ("n", 1 - kept), ("zn", kept * (1 - kept))):
        assert shares[f"share_{part}_label"].value == pytest.approx(truth, abs=0.03)
    assert sum(share.value for share in shares.values()) == pytest.approx(1)
    assert shares["share_z_label"].value == pytest.approx(label_split(decoded, 10)["tau_z"].value, abs=0.02)


def test_one_label_only_is_undefined():
    assert label_split(torch.zeros(10, 2, dtype=torch.int64), 10)["tau_z"].status == "undefined"
    shares = label_shares(torch.zeros(10, 4, dtype=torch.int64), 10, "label")
    assert {share.status for share in shares.values()} == {"undefined"}
