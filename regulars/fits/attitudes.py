"""What all customers think, estimated from those who answered.

Those who answer are not like the others. Regression and poststratification (Gelman and Little 1997): a logistic
regression of liking on what is known of everybody (tier, repeat behaviour, recency, channel), with a weak normal
prior, predicts the silent of each cell; cells are counted as they are. Right where answering depends on nothing but
these; `shifted` tells how far the estimate would move if the satisfied answered more readily, and two tests look for
signs that they do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, special

PRIOR_SD = 1.5  # of a log-odds: keeps effects of sparse cells finite
QUADRANTS = ("true", "latent", "spurious", "none")


@dataclass(frozen=True)
class Cells:
    """Customers alike in everything that is known of everybody, counted; parallel arrays.

    Args:
        tier, channel: codes.
        repeat_band, recency_band: bands in order, from 0.
        is_repeating: repeat behaviour reaches the cut-off.
        has_consent: 1, 0, or -1 where unknown.
        answers_often: those who answered on more than one day; False for the silent.
        is_known: whether attitudes of the cell are known.
        customers, fond: how many, and of the known how many like the shop.
    """

    tier: np.ndarray
    channel: np.ndarray
    repeat_band: np.ndarray
    recency_band: np.ndarray
    is_repeating: np.ndarray
    has_consent: np.ndarray
    answers_often: np.ndarray
    is_known: np.ndarray
    customers: np.ndarray
    fond: np.ndarray


@dataclass(frozen=True)
class Estimate:
    """Share of one quadrant among all customers of a tier: estimate, 95 % interval, and shifted by the sensitivity."""

    tier: str
    quadrant: str
    share: float
    low: float
    high: float
    shifted: float


@dataclass(frozen=True)
class Result:
    """Estimates per tier and for all, with the evidence that answering goes along with attitude itself.

    `repeat_answer_z`: do those who answered more than once like the shop more, among customers otherwise alike?
    `consent_z`: do those who answer consent to mail more often, among customers otherwise alike? In standard errors;
    NaN where it can't be told.
    """

    estimates: list[Estimate]
    repeat_answer_z: float
    consent_z: float

    @property
    def evidence_z(self) -> float:
        """Both together (Stouffer et al. 1949); NaN where neither can be told."""
        told = [z for z in (self.repeat_answer_z, self.consent_z) if not np.isnan(z)]
        return sum(told) / np.sqrt(len(told)) if told else float("nan")


def estimate(cells: Cells, readiness: float, z: float) -> Result:
    """Quadrant shares of all customers.

    Args:
        readiness: how many times as readily the satisfied would answer, for `shifted`.
        z: half-width of the interval in standard errors.

    Raises:
        ValueError: when nobody answered.
    """
    known = cells.is_known
    if not known.any():
        raise ValueError("nobody answered")
    design = _design(cells)
    prior = np.full(design.shape[1], 1 / PRIOR_SD**2)
    prior[0] = 1e-9
    n, m = cells.customers.astype(float), np.where(known, cells.fond, 0).astype(float)
    beta, covariance = _logistic(design[known], m[known], n[known], prior)
    p = special.expit(design @ beta)
    fond = np.where(known, m, n * p)
    shifted = _shifted(cells, p, readiness)
    found = []
    for tier in ["all", *np.unique(cells.tier)]:
        inside = np.ones(len(n), bool) if tier == "all" else cells.tier == tier
        total = n[inside].sum()
        for quadrant in QUADRANTS:
            likes, repeats = quadrant in ("true", "latent"), quadrant in ("true", "spurious")
            part = inside & (cells.is_repeating == repeats)
            silent = part & ~known
            spread = n[silent] * p[silent] * (1 - p[silent])
            gradient = design[silent].T @ spread
            error = np.sqrt(gradient @ covariance @ gradient + spread.sum()) / total
            counts = fond[part] if likes else n[part] - fond[part]
            moved = shifted[part] if likes else n[part] - shifted[part]
            share = counts.sum() / total
            found.append(
                Estimate(tier, quadrant, share, max(0.0, share - z * error), min(1.0, share + z * error),
                         moved.sum() / total)
            )  # fmt: skip
    often = _added(design[known], cells.answers_often[known], m[known], n[known], prior)
    told = cells.has_consent >= 0
    consents = np.where(cells.has_consent == 1, n, 0.0)
    return Result(found, often, _added(design[told], known[told], consents[told], n[told], prior))


def _design(cells: Cells) -> np.ndarray:
    """Constant, one step per band reached, one column per code but the first."""
    columns = [np.ones(len(cells.tier))]
    for band in (cells.repeat_band, cells.recency_band):
        columns += [(band >= step).astype(float) for step in np.unique(band)[1:]]
    for code in (cells.tier, cells.channel):
        columns += [(code == value).astype(float) for value in np.unique(code)[1:]]
    return np.stack(columns, axis=1)


def _logistic(design: np.ndarray, hits: np.ndarray, trials: np.ndarray, prior: np.ndarray):
    """Posterior mode and covariance of a logistic regression, by damped Newton steps."""

    def objective(b: np.ndarray) -> float:
        eta = design @ b
        return float(hits @ eta - trials @ np.logaddexp(0, eta) - (prior * b * b).sum() / 2)

    beta = np.zeros(design.shape[1])
    value = objective(beta)
    for _ in range(100):
        p = special.expit(design @ beta)
        gradient = design.T @ (hits - trials * p) - prior * beta
        hessian = (design.T * (trials * p * (1 - p))) @ design + np.diag(prior)
        step = linalg.solve(hessian, gradient, assume_a="pos")
        while (tried := objective(beta + step)) < value - 1e-12 * abs(value):
            step = step / 2
        beta, value = beta + step, tried
        if np.abs(step).max() < 1e-10:
            break
    return beta, linalg.inv(hessian)


def _added(design: np.ndarray, flag: np.ndarray, hits: np.ndarray, trials: np.ndarray, prior: np.ndarray) -> float:
    """Effect of one more column on the log-odds, in standard errors; NaN where it does not vary."""
    if not len(flag) or flag.all() or not flag.any() or not 0 < hits.sum() < trials.sum():
        return float("nan")
    beta, covariance = _logistic(np.column_stack([design, flag]), hits, trials, np.append(prior, 1e-9))
    return float(beta[-1] / np.sqrt(covariance[-1, -1]))


def _shifted(cells: Cells, p: np.ndarray, readiness: float) -> np.ndarray:
    """Customers of each row who like the shop, if the satisfied had answered `readiness` times as readily.

    Of respondents p like it; of all, then, q = p / (k - (k - 1) p), from p = k q / (k q + 1 - q). Known ones stay.
    """
    tier, channel = (np.unique(code, return_inverse=True)[1] for code in (cells.tier, cells.channel))
    rows = np.column_stack([tier, channel, cells.repeat_band, cells.recency_band, cells.is_repeating])
    alike = np.unique(rows, axis=0, return_inverse=True)[1].ravel()
    n, known = cells.customers.astype(float), cells.is_known
    everybody = np.bincount(alike, n)[alike]
    silent = np.bincount(alike, np.where(known, 0, n))[alike]
    likes = np.bincount(alike, np.where(known, cells.fond, 0).astype(float))[alike]
    q = p / (readiness - (readiness - 1) * p)
    left = np.clip((everybody * q - likes) / np.maximum(silent, 1e-300), 0, 1)
    return np.where(known, cells.fond, n * left)
