# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from typing import Any

import pytest

from hf_distill.errors import InputError
from hf_distill.knowledge.compression import Compression


@pytest.mark.parametrize("values", ["fp32", "fp16", "bf16", "int8", "log8"])
def test_a_name_alone_says_what_a_number_becomes(values: str) -> None:
    assert Compression.parse(values) == Compression(values=values)
    assert Compression.parse(values).reduction is None


@pytest.mark.parametrize(
    ("specification", "expected"),
    [
        ("int8:pca=96", {"values": "int8", "pca": 96}),
        ("int8:pca=96,top_k=8", {"values": "int8", "pca": 96, "top_k": 8}),
        ("log8:select=0.5,space=reduced", {"values": "log8", "select": 0.5, "space": "reduced"}),
        ("fp16: pca = 4, top_k = 2", {"values": "fp16", "pca": 4, "top_k": 2}),
        ("int8:", {"values": "int8"}),
        ({}, {"values": "fp16"}),
        ({"pca": 4}, {"values": "fp16", "pca": 4}),
        ({"values": "bf16", "top_k": None}, {"values": "bf16"}),
        (Compression(values="int8", select=3), {"values": "int8", "select": 3}),
    ],
)
def test_texts_and_mappings_make_options(specification: Any, expected: dict[str, Any]) -> None:
    assert Compression.parse(specification).to_dict() == {"space": "full", **expected}


@pytest.mark.parametrize("text", ["int8:pca=96,top_k=8", "log8:select=0.5,space=reduced", "fp16"])
def test_what_is_written_of_options_makes_them_again(text: str) -> None:
    options = Compression.parse(text)
    assert Compression.parse(options.to_dict()) == options


@pytest.mark.parametrize(
    ("text", "reduction"), [("int8:pca=96", ("pca", 96)), ("int8:select=0.5", ("select", 0.5)), ("int8:top_k=3", None)]
)
def test_a_reduction_is_its_kind_and_size(text: str, reduction: tuple[str, float] | None) -> None:
    found = Compression.parse(text).reduction
    assert found == reduction
    assert [type(entry) for entry in found or ()] == [type(entry) for entry in reduction or ()]


SHAPE = "compression: expected name:option=value,...; got "


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ("fp64", "compression.values: input should be 'fp32', 'fp16', 'bf16', 'int8' or 'log8'; got 'fp64'"),
        ("", "compression.values: input should be "),
        ({"values": 3}, "compression.values: input should be "),
        ("int8:pca=3,select=2", "compression: pca and select exclude each other; got "),
        ("int8:pca=1.5", "compression: pca and select are a whole number of features, or a share below 1; got "),
        ("int8:select=1.0", "compression: pca and select are a whole number of features, or a share below 1; got "),
        ("int8:pca=0", "compression.pca: input should be greater than 0; got 0"),
        ("int8:pca=-0.5", "compression.pca: input should be greater than 0; got -0.5"),
        ("int8:select=-4", "compression.select: input should be greater than 0; got -4"),
        ("int8:pca=true", "compression.pca: must be a number; got True"),
        ("int8:pca=many", "compression.pca"),
        ("int8:pca=[", "compression.pca"),
        ("int8:pca=2020-13-41", "compression.pca"),
        ("int8:pca=.nan", "compression.pca"),
        ({"select": float("inf")}, "compression.select"),
        ({"select": [4]}, "compression.select"),
        ("int8:top_k=0", "compression.top_k: input should be greater than or equal to 1; got 0"),
        ("int8:top_k=1.5", "compression.top_k: input should be a valid integer"),
        ({"top_k": True}, "compression.top_k: must be a number; got True"),
        ("int8:space=small", "compression.space: input should be 'full' or 'reduced'; got 'small'"),
        ("int8:space=reduced", "compression: space: reduced needs pca or select; got "),
        (
            "int8:tok_p=3",
            "compression.tok_p: extra inputs are not permitted; got 3; the keys are values, top_k, pca, ",
        ),
        ({"codec": "int8"}, "compression.codec: extra inputs are not permitted; got 'int8'; the keys are values, "),
        ({1: 2}, "compression.1: keys should be strings"),
        ("int8:pca", f"{SHAPE}'int8:pca'"),
        ("int8:pca=", f"{SHAPE}'int8:pca='"),
        ("int8:pca=4,pca=8", f"{SHAPE}'int8:pca=4,pca=8'"),
        ("int8:values=fp32", f"{SHAPE}'int8:values=fp32'"),
        (3, "compression: must be a name such as fp16, or a mapping; got 3"),
        (None, "compression: must be a name such as fp16, or a mapping; got None"),
        (["int8"], "compression: must be a name such as fp16, or a mapping; got ['int8']"),
    ],
    ids=repr,
)
def test_a_wrong_value_is_refused_in_one_line_that_names_it(specification: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        Compression.parse(specification)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
