import pytest
import torch

from analysis.measures.labels import chance_preservation, label_preservation, label_split


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


def test_one_label_only_is_undefined():
    assert label_split(torch.zeros(10, 2, dtype=torch.int64), 10)["tau_z"].status == "undefined"
