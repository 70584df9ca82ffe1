"""A variant named by its import path: what is found, and what is said where it is not as it must be."""

import sys

import pytest

from iae_models import own_variant
from iae_models.config import VARIANTS, ModelConfig, code_hash, code_hash_of, config_key, own_source, run_config
from iae_models.costs import network_layers, num_parameters
from iae_models.own_variant import check_networks, variant_info
from iae_models.variant import build

SOURCE = """
from dataclasses import replace
from iae_models.variant import Variant
from iae_models.variants import ALL, VARIANTS, VariantInfo
from iae_models.variational import VariationalAutoencoder

class Mine(VariationalAutoencoder):
    info = replace(VARIANTS["vae"], title="mine")

class WithoutInfo(Variant):
    pass

class NoVariant:
    info = Mine.info

class Misspelt(Variant):
    info = replace(Mine.info, fields=frozenset({"model.latnt_dim"}), codes=("gaussian", "binary"), code_from="noise")

class Unnamed(Variant):
    info = VariantInfo("", (), frozenset({"fly"}), frozenset(), {})

class WrongNetworks(Mine):
    info = replace(Mine.info, networks=lambda model: {"encoder": "large"})

class BrokenNetworks(Mine):
    info = replace(Mine.info, networks=lambda model: {"encoder": model.width_of_encoder})

something = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module and return the beginning of import paths into it; each test has a module of its own."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(text=SOURCE, name="own_variants"):
        path = tmp_path / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for found in (own_variant._own, own_variant._hash_with):
            found.cache_clear()
        return name

    yield write
    for name in set(sys.modules) - before:
        if name.startswith("own_"):
            del sys.modules[name]


def test_it_is_a_variant_like_any_other(module):
    name = f"{module()}:Mine"
    config, built_in = run_config({"model.variant": name, "model.width": 0.03}), run_config({"model.variant": "vae"})
    assert variant_info(name).title == "mine"
    assert config.model.capabilities == built_in.model.capabilities
    assert config_key(config) != config_key(run_config({"model.variant": "vae", "model.width": 0.03}))
    model = build(config, 0)
    assert type(model).__name__ == "Mine"
    assert sum(item.numel() for item in model.parameters()) == num_parameters(config)
    assert set(network_layers(config)) == {"encoder", "decoder"}
    with pytest.raises(
        ValueError, match=r"model\.r1_gamma must be left out where model.variant is 'own_variants:Mine'"
    ):
        run_config({"model.variant": name, "model.r1_gamma": 1.0})


def test_the_hash_of_its_code_covers_its_package(module, tmp_path):
    alone = f"{module()}:Mine"
    module("", "own_package.__init__")
    packed = f"{module(name='own_package.models')}:Mine"
    assert own_source(alone) == tmp_path / "own_variants.py"
    assert own_source(packed) == tmp_path / "own_package"
    first = code_hash_of(packed)
    assert len({code_hash(), code_hash_of(alone), first}) == 3
    assert code_hash_of("vae") == code_hash()
    module("# a comment changes nothing", "own_package.losses")
    with_file = code_hash_of(packed)
    module("'''Neither does a docstring.'''", "own_package.losses")
    assert code_hash_of(packed) == with_file != first
    module("weight = 2", "own_package.losses")
    assert code_hash_of(packed) not in (first, with_file)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("viae", f"variant must be one of {list(VARIANTS)}, or a class of your own such as my_module:MyVariant"),
        ("own_variants.Mine", "a class of your own such as my_module:MyVariant, but got 'own_variants.Mine'"),
        ("own_variants:", "a class of your own such as my_module:MyVariant, but got 'own_variants:'"),
        ("own variants:Mine", "a class of your own such as my_module:MyVariant"),
        ("own_varaints:Mine", "there is no module 'own_varaints'; did you mean 'own_variants'?"),
        ("own_package.model:Mine", "there is no module 'own_package.model'; did you mean 'own_package.models'?"),
        ("own_variants.models:Mine", "there is no module 'own_variants.models'"),
        ("own_variants:Mien", "own_variants has no Mien; did you mean 'Mine'?"),
        ("own_empty:Mine", "own_empty has no Mine; its variants: none"),
        ("own_variants:NoVariant", "a subclass of iae_models.variant.Variant, but own_variants:NoVariant is the class"),
        ("own_variants:something", "a subclass of iae_models.variant.Variant, but own_variants:something is 3"),
        ("own_variants:Variant", "a subclass of iae_models.variant.Variant, but"),
        ("own_variants:WithoutInfo", "must have a class attribute info, a VariantInfo, but got nothing"),
        ("own_variants:Misspelt", "there is no field 'model.latnt_dim'; did you mean 'model.latent_dim'?"),
        ("own_variants:Misspelt", "codes are not of gaussian and categorical; code_from is neither image nor prior"),
        ("own_variants:Unnamed", "title is no text; codes are not of gaussian and categorical; capabilities are not"),
        ("own_variants:Unnamed", "networks is no function"),
        ("own_syntax:Mine", "own_syntax raises SyntaxError: '(' was never closed (own_syntax.py, line 2)"),
        ("own_crash:Mine", "own_crash raises ZeroDivisionError: division by zero (own_crash.py, line 3)"),
        ("own_exit:Mine", "own_exit raises SystemExit: no licence (own_exit.py, line 2)"),
        ("own_needs:Mine", "own_needs raises ModuleNotFoundError: No module named 'own_absent' (own_needs.py, line 1)"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(module, name, message):
    module()
    module("", "own_package.__init__")
    module(SOURCE, "own_package.models")
    module("", "own_empty")
    module("a = 1\nb = (", "own_syntax")
    module("\n\n1 / 0", "own_crash")
    module("import sys\nsys.exit('no licence')", "own_exit")
    module("import own_absent", "own_needs")
    with pytest.raises(ValueError, match="variant") as error:
        ModelConfig(variant=name)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_networks_must_be_networks(module):
    module()
    check_networks(ModelConfig(variant="own_variants:Mine"))
    with pytest.raises(ValueError, match=r"are a mapping from names to networks \(EncoderNetwork.*but got \{'encoder'"):
        check_networks(ModelConfig(variant="own_variants:WrongNetworks"))
    with pytest.raises(
        ValueError, match=r"they raise AttributeError: .*width_of_encoder.*\(own_variants.py, line \d+\)"
    ):
        check_networks(ModelConfig(variant="own_variants:BrokenNetworks"))
