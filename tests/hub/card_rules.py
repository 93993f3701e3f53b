# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
# ruff: noqa
"""What the Hub is known to refuse (error) or remark on (warning) in a README's metadata.

The Hub has more rules than these: a card refused here is refused there, a card accepted here may still be refused there.
    python card_rules.py README.md [model|dataset|space]
"""

import re
import sys

import yaml

LICENSES = (
    "apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m "
    "afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 "
    "cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 "
    "cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 "
    "cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 "
    "lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl "
    "openmdw-1.0 openmdw-1.1 openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license "
    "fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 grok2-community gemma unknown "
    "other"
).split()
RELATIONS = ["adapter", "merge", "quantized", "finetune"]  # there is none for distillation
TASKS = (
    "text-classification token-classification table-question-answering question-answering zero-shot-classification "
    "translation summarization feature-extraction text-generation fill-mask sentence-similarity text-to-speech "
    "text-to-audio automatic-speech-recognition audio-to-audio audio-classification audio-text-to-text "
    "voice-activity-detection depth-estimation image-classification object-detection image-segmentation text-to-image "
    "image-to-text image-to-image image-to-video unconditional-image-generation video-classification "
    "reinforcement-learning robotics tabular-classification tabular-regression tabular-to-text table-to-text "
    "multiple-choice text-ranking text-retrieval time-series-forecasting text-to-video image-text-to-text "
    "image-text-to-image image-text-to-video visual-question-answering document-question-answering "
    "zero-shot-image-classification graph-ml mask-generation zero-shot-object-detection text-to-3d image-to-3d "
    "image-feature-extraction video-text-to-text keypoint-detection visual-document-retrieval any-to-any video-to-video "
    "other"
).split()
BLOCK = re.compile(r"\A\s*---[\r\n]+(.*?)[\r\n]+---(?:\r?\n|\Z)", re.S)
REPO_ID = re.compile(r"(?:[A-Za-z0-9_][\w.-]*/)?[A-Za-z0-9_][\w.-]*", re.A)
LANGUAGE = re.compile(
    r"[a-z]{2,3}|code|multilingual"
)  # the Hub looks the code up in ISO 639; this only looks at its form

# The shape of model-index: [x] is a list of x, a key with "?" may be absent, None is any value but null.
MODEL_INDEX = [
    {
        "name": str,
        "results": [
            {
                "task": {"type": str},
                "dataset": {"type": str, "name": str, "config?": str, "split?": str, "revision?": str},
                "metrics": [{"type": str, "value": None}],
                "source?": {"url": str},
            }
        ],
    }
]


class Loader(yaml.SafeLoader):
    """YAML as the Hub reads it: a key given twice is an error, and `no` is the word no (Norwegian), not false."""

    yaml_implicit_resolvers = {
        first: [(tag, rx) for tag, rx in rules if tag != "tag:yaml.org,2002:bool"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        if len(keys) > len(set(map(str, keys))):
            raise yaml.YAMLError("duplicated mapping key")
        return super().construct_mapping(node, deep)


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")
)


def read_card(text):
    """The metadata at the top of a README, {} if there is none; ValueError with the Hub's complaint if it is no mapping."""
    block = BLOCK.match(text)
    if not block:
        return {}
    try:
        data = yaml.load(block[1], Loader)
    except yaml.YAMLError as e:
        raise ValueError(f"Invalid YAML in README.md: {e}") from None
    if isinstance(data, list):
        raise ValueError('"value" must be of type object')
    if not isinstance(data, dict):
        raise ValueError("The YAML metadata of your README.md is invalid.")
    return data


def many(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def misfits(value, shape, at):
    if isinstance(shape, list):
        if not isinstance(value, list):
            yield f'"{at}" must be an array'
        for i, item in enumerate(many(value) if isinstance(value, list) else ()):
            yield from misfits(item, shape[0], f"{at}[{i}]")
    elif isinstance(shape, dict):
        if not isinstance(value, dict):
            yield f'"{at}" must be of type object'
        for key, inner in shape.items() if isinstance(value, dict) else ():
            name = key.rstrip("?")
            if value.get(name) is not None:
                yield from misfits(value[name], inner, f"{at}.{name}")
            elif name == key:
                yield f'"{at}.{name}" is required'
    elif shape is str and not isinstance(value, str):
        yield f'"{at}" must be a string'


def check_card(text, kind="model"):
    """(errors, warnings) for the text of a README; errors keep it from being pushed."""
    try:
        data = read_card(text)
    except ValueError as e:
        return [str(e)], []
    if not BLOCK.match(text):
        return [], ["empty or missing yaml metadata in repo card"]
    errors, warnings = [], []
    model_id = 'with value "{}" is not valid. Use a model id from https://hf.co/models.'
    rules = {  # a string or a list of strings: what each must be, and what is said otherwise
        "license": (LICENSES.__contains__, f"must be one of [{', '.join(LICENSES)}, array]"),
        "language": (
            LANGUAGE.fullmatch,
            'with value "{}" is not valid. It must be an ISO 639-1, 639-2 or 639-3 code '
            '(two/three letters), or a special value like "code", "multilingual".',
        ),
        "datasets": (
            REPO_ID.fullmatch,
            'with value "{}" is not valid. If possible, use a dataset id from https://hf.co/datasets.',
        ),
        "metrics": (bool, "is not allowed to be empty"),
        "tags": (bool, "is not allowed to be empty"),
    }
    if kind == "model":
        rules |= {
            "base_model": (REPO_ID.fullmatch, model_id),
            "new_version": (REPO_ID.fullmatch, model_id),
            "base_model_relation": (RELATIONS.__contains__, f"must be one of [{', '.join(RELATIONS)}]"),
            "library_name": (bool, "is not allowed to be empty"),
            "pipeline_tag": (bool, "is not allowed to be empty"),
        }
    for key, (fits, complaint) in rules.items():
        for i, value in enumerate(
            data[key] if isinstance(data.get(key), list) else [data[key]] if key in data else ()
        ):
            label = f'"{key}[{i}]"' if isinstance(data[key], list) else f'"{key}"'
            if not isinstance(value, str):
                errors.append(f"{label} must be a string")
            elif not value:
                errors.append(f"{label} is not allowed to be empty")
            elif not fits(value):
                errors.append(f"{label} {complaint.format(value)}")
    errors += [
        f'"{key}" must be an array' for key in ("tags", "widget") if key in data and not isinstance(data[key], list)
    ]
    if kind == "model" and "model-index" in data:
        errors += misfits(data["model-index"], MODEL_INDEX, "model-index")
    if kind == "model" and isinstance(data.get("pipeline_tag"), str) and data["pipeline_tag"] not in TASKS:
        warnings.append(f'The pipeline tag "{data["pipeline_tag"]}" is not in the official list: {", ".join(TASKS)}')
    return errors, warnings


def tags_of(card):
    """The facets the Hub derives from a card, which model_info() calls tags."""
    tags = [str(v) for key in ("library_name", "pipeline_tag", "tags", "language") for v in many(card.get(key))]
    tags += [f"dataset:{v}" for v in many(card.get("datasets"))] + [f"license:{v}" for v in many(card.get("license"))]
    for base in many(card.get("base_model")):
        tags += [f"base_model:{base}"] + [f"base_model:{r}:{base}" for r in many(card.get("base_model_relation"))]
    return list(dict.fromkeys(tags))


if __name__ == "__main__":
    found = check_card(open(sys.argv[1], encoding="utf-8").read(), *sys.argv[2:])
    print("\n".join([f"error: {e}" for e in found[0]] + [f"warning: {w}" for w in found[1]]) or "nothing to remark")
    sys.exit(bool(found[0]))
