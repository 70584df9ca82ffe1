"""What was probably meant."""

import pytest

from iae_models.config import field_types
from study.problems import nearest


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("model.latnet_dim", "model.latent_dim"),
        ("latent_dim", "model.latent_dim"),
        ("lr", "train.discriminator_lr"),
        ("train.learning_rate", "train.discriminator_lr"),
        ("learning_rate", "train.discriminator_lr"),
        ("train.nothing_alike", None),
    ],
)
def test_the_nearest_name_is_found(word, known):
    found = nearest(word, list(field_types()))
    assert found == known or (known is not None and known.endswith("_lr") and found.endswith("_lr"))
