"""The largest of several normal values: its mean and its spread.

Order statistics as in David and Nagaraja (2003), sections 2.1 and 3.1.
"""

import numpy as np
from scipy.special import log_ndtr
from scipy.stats import norm

# An integral over a smooth density that falls off at both ends: the trapezoid rule
# is exact to rounding once the steps are a fraction of the narrowest part.
STEPS_PER_SD = 24
"""Steps of an integral to a standard deviation."""
FAR = 10
"""Standard deviations beyond which nothing is left to integrate."""


def maximum_moments(n: int | np.ndarray) -> tuple:
    """First and second moment of the largest of n independent standard normals.

    Parameters
    ----------
    n : int or ndarray of int
        How many values, at least 1.

    Returns
    -------
    tuple of float or ndarray
        In standard deviations and their square: 0 and 1 for n = 1, 0.564 and 1 for 2.

    Raises
    ------
    ValueError
        An n below 1.
    """
    n = np.asarray(n)
    require_counts(n)
    z = np.linspace(-FAR, FAR, 2 * FAR * STEPS_PER_SD + 1)
    many = n[..., None]
    density = np.exp(np.log(many) + norm.logpdf(z) + (many - 1) * log_ndtr(z))
    step = z[1] - z[0]
    # Odd terms cancel only to rounding where n is 1.
    first = np.where(n == 1, 0.0, (density * z).sum(axis=-1) * step)
    return first[()], ((density * z**2).sum(axis=-1) * step)[()]


def require_counts(n: np.ndarray) -> None:
    """Refuse a number of values below 1.

    Parameters
    ----------
    n : ndarray of int

    Raises
    ------
    ValueError
        An n below 1.
    """
    if np.any(n < 1):
        raise ValueError(f"n={n} must be at least 1: somebody publishes something.")
