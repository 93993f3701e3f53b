# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The papers' formulas in plain loops, one example at a time where that is possible; slow, and easy to check."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

Vector = Sequence[float] | np.ndarray


def softmax(values: Vector) -> list[float]:
    powers = [math.exp(value - max(values)) for value in values]
    return [power / sum(powers) for power in powers]


def divergence(wanted: Vector, given: Vector) -> float:
    return sum(p * math.log(p / q) for p, q in zip(wanted, given))


def scaled(values: Vector, temperature: float) -> list[float]:
    return [value / temperature for value in values]


def largest(values: Vector, number: int) -> list[int]:
    return sorted(range(len(values)), key=lambda place: -values[place])[:number]


def logits_kl(student: Vector, teacher: Vector, temperature: float, top_k: int | None = None) -> float:
    kept = largest(teacher, top_k or len(teacher))
    wanted = softmax(scaled([teacher[place] for place in kept], temperature))
    given = softmax(scaled([student[place] for place in kept], temperature))
    return temperature**2 * divergence(wanted, given)


def logits_ce(student: Vector, teacher: Vector, temperature: float, top_k: int | None = None) -> float:
    kept = largest(teacher, top_k or len(teacher))
    wanted = softmax(scaled([teacher[place] for place in kept], temperature))
    given = softmax(scaled([student[place] for place in kept], temperature))
    return -(temperature**2) * sum(p * math.log(q) for p, q in zip(wanted, given))


def logits_bce(student: Vector, teacher: Vector, temperature: float) -> float:
    total = 0.0
    for s, t in zip(scaled(student, temperature), scaled(teacher, temperature)):
        given, wanted = 1 / (1 + math.exp(-s)), 1 / (1 + math.exp(-t))
        total -= wanted * math.log(given) + (1 - wanted) * math.log(1 - given)
    return temperature**2 * total / len(student)


def mean_squared_difference(student: Vector, teacher: Vector) -> float:
    return sum((s - t) ** 2 for s, t in zip(student, teacher)) / len(student)


def dkd(student: Vector, teacher: Vector, label: int, temperature: float, alpha: float, beta: float) -> float:
    if label == -100:
        return logits_kl(student, teacher, temperature)
    given, wanted = softmax(scaled(student, temperature)), softmax(scaled(teacher, temperature))
    others = [place for place in range(len(student)) if place != label]
    target = divergence([wanted[label], 1 - wanted[label]], [given[label], 1 - given[label]])
    among_others = divergence(
        [wanted[place] / (1 - wanted[label]) for place in others],
        [given[place] / (1 - given[label]) for place in others],
    )
    return temperature**2 * (alpha * target + beta * among_others)


def correlation_distance(student: Vector, teacher: Vector) -> float:
    s_mean, t_mean = sum(student) / len(student), sum(teacher) / len(teacher)
    covariance = sum((s - s_mean) * (t - t_mean) for s, t in zip(student, teacher))
    s_square, t_square = sum((s - s_mean) ** 2 for s in student), sum((t - t_mean) ** 2 for t in teacher)
    return 1 - covariance / math.sqrt(s_square * t_square)


def dist(student: np.ndarray, teacher: np.ndarray, temperature: float, beta: float, gamma: float) -> list[float]:
    """Rows that are all real."""
    given = np.array([softmax(scaled(row, temperature)) for row in student])
    wanted = np.array([softmax(scaled(row, temperature)) for row in teacher])
    rows, classes = given.shape
    # A single row, or class, has nothing that varies.
    columns = sum(correlation_distance(given[:, c], wanted[:, c]) for c in range(classes)) if rows > 1 < classes else 0
    return [
        temperature**2
        * (beta * (correlation_distance(given[i], wanted[i]) if classes > 1 else 0) + gamma * columns / classes)
        for i in range(rows)
    ]


def length(vector: Vector) -> float:
    return math.sqrt(sum(value**2 for value in vector))


def product_of(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other))


def direction(vector: Vector) -> list[float]:
    return [value / length(vector) for value in vector]


def pkd(student: np.ndarray, teacher: np.ndarray) -> float:
    """The real tokens of one example."""
    return sum((s - t) ** 2 for s, t in zip(direction(student[0]), direction(teacher[0])))


def nst(student: np.ndarray, teacher: np.ndarray) -> float:
    """The real tokens of one example."""
    ours = [direction(student[:, neuron]) for neuron in range(student.shape[1])]
    theirs = [direction(teacher[:, neuron]) for neuron in range(teacher.shape[1])]

    def mean_kernel(one: list, other: list) -> float:
        return sum(product_of(x, y) ** 2 for x, y in product(one, other)) / (len(one) * len(other))

    return mean_kernel(theirs, theirs) + mean_kernel(ours, ours) - 2 * mean_kernel(ours, theirs)


def fsp(student: tuple[np.ndarray, np.ndarray], teacher: tuple[np.ndarray, np.ndarray]) -> float:
    """The real tokens of one example, in two layers each."""
    tokens, width = student[0].shape
    total = 0.0
    for i, j in product(range(width), range(width)):
        ours = sum(student[0][token, i] * student[1][token, j] for token in range(tokens)) / tokens
        theirs = sum(teacher[0][token, i] * teacher[1][token, j] for token in range(tokens)) / tokens
        total += (ours - theirs) ** 2
    return total / width**2


def smooth_l1(one: float, other: float) -> float:
    difference = abs(one - other)
    return difference**2 / 2 if difference < 1 else difference - 0.5


def rkd_distance(student: np.ndarray, teacher: np.ndarray) -> float:
    """A vector for each real example."""

    def relative_distances(vectors: np.ndarray) -> list[float]:
        distances = [length(one - other) for one, other in product(vectors, vectors)]
        positive = [distance for distance in distances if distance > 0]
        return [distance / (sum(positive) / len(positive)) for distance in distances] if positive else distances

    pairs = zip(relative_distances(student), relative_distances(teacher))
    return sum(smooth_l1(s, t) for s, t in pairs) / max(len(student), 1) ** 2


def rkd_angle(student: np.ndarray, teacher: np.ndarray) -> float:
    """A vector for each real example."""

    def cosine(vectors: np.ndarray, i: int, j: int, k: int) -> float:
        return product_of(direction(vectors[i] - vectors[j]), direction(vectors[k] - vectors[j]))

    number, total = len(student), 0.0
    for i, j, k in product(range(number), range(number), range(number)):
        if len({i, j, k}) == 3:
            total += smooth_l1(cosine(student, i, j, k), cosine(teacher, i, j, k))
    return total / max(number, 1) ** 3


def similarity(student: np.ndarray, teacher: np.ndarray) -> float:
    """A vector for each real example."""
    total = 0.0
    for row in range(len(student)):
        ours = direction([product_of(student[row], other) for other in student])
        theirs = direction([product_of(teacher[row], other) for other in teacher])
        total += sum((s - t) ** 2 for s, t in zip(ours, theirs))
    return total / max(len(student), 1) ** 2


def sentence_mse(student: Vector, teacher: Vector) -> float:
    return mean_squared_difference(student, teacher)


def sentence_cosine(student: Vector, teacher: Vector) -> float:
    product = sum(s * t for s, t in zip(student, teacher))
    return 1 - product / math.sqrt(sum(s * s for s in student) * sum(t * t for t in teacher))


def mean_of_tokens(states: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A vector for each example with a real token."""
    return np.array([rows[real].sum(0) / real.sum() for rows, real in zip(states, mask) if real.any()])


def first_tokens(states: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A vector for each example with a real token."""
    return np.array([rows[real][0] for rows, real in zip(states, mask) if real.any()])


def attention_scores(queries: np.ndarray, keys: np.ndarray, heads: int) -> list[np.ndarray]:
    """The real tokens of one example; a matrix for each head."""
    size = queries.shape[1] // heads
    return [
        np.array(
            [
                [product_of(q[first : first + size], k[first : first + size]) / math.sqrt(size) for k in keys]
                for q in queries
            ]
        )
        for first in range(0, size * heads, size)
    ]


def divergence_of_rows(student: list[np.ndarray], teacher: list[np.ndarray]) -> list[float]:
    """The loss of every token, given the scores of each head."""
    return [
        sum(divergence(softmax(wanted[row]), softmax(given[row])) for given, wanted in zip(student, teacher))
        / len(student)
        for row in range(len(student[0]))
    ]


def attention_mse(student: dict[str, np.ndarray], teacher: dict[str, np.ndarray], heads: int) -> list[float]:
    """The real tokens of one example; so are those below."""
    ours, theirs = (attention_scores(states["query"], states["key"], heads) for states in (student, teacher))
    tokens = len(ours[0])
    return [
        sum(
            (ours[head][row, column] - theirs[head][row, column]) ** 2
            for head in range(heads)
            for column in range(tokens)
        )
        / (heads * tokens)
        for row in range(tokens)
    ]


def attention_kl(student: dict[str, np.ndarray], teacher: dict[str, np.ndarray], heads: int) -> list[float]:
    return divergence_of_rows(
        *(attention_scores(states["query"], states["key"], heads) for states in (student, teacher))
    )


def minilm(student: dict[str, np.ndarray], teacher: dict[str, np.ndarray], heads: int) -> list[float]:
    values = divergence_of_rows(
        *(attention_scores(states["value"], states["value"], heads) for states in (student, teacher))
    )
    return [one + other for one, other in zip(attention_kl(student, teacher, heads), values)]


def minilm_v2(student: dict[str, np.ndarray], teacher: dict[str, np.ndarray], heads: int) -> list[float]:
    parts = [
        divergence_of_rows(*(attention_scores(states[part], states[part], heads) for states in (student, teacher)))
        for part in ("query", "key", "value")
    ]
    return [sum(losses) for losses in zip(*parts)]


def crd(student: np.ndarray, teacher: np.ndarray, temperature: float) -> list[float]:
    """A vector for each real example."""
    number, losses = len(student), []
    noise = (number - 1) / number
    for i in range(number):
        shares = softmax([product_of(direction(student[i]), direction(t)) / temperature for t in teacher])
        negatives = sum(math.log(noise / (shares[j] + noise)) for j in range(number) if j != i)
        losses.append(-math.log(shares[i] / (shares[i] + noise)) - negatives)
    return losses


def entropy(logits: Vector) -> float:
    """From 0 to 1."""
    shares = softmax(logits)
    return -sum(share * math.log(share) for share in shares) / math.log(len(shares))


def example_temperatures(
    student: np.ndarray, teacher: np.ndarray, schedule: str, start: float, beta: float, gamma: float
) -> list[float]:
    """Rows that are all real."""
    if schedule == "flsw":
        hardness = [max(1 - product_of(direction(s), direction(t)), 0.0) ** gamma for s, t in zip(student, teacher)]
    else:
        hardness = [1 / max(softmax(s)) for s in student]
    mean = sum(hardness) / len(hardness)
    return [max(start + beta * (mean - value), start / 10) for value in hardness]
