"""How unequally an amount is held: the Gini coefficient.

As in Gastwirth (1972), "The estimation of the Lorenz curve and Gini index".
"""

import numpy as np


def gini(amount: np.ndarray) -> float:
    """Gini coefficient: 0 if all hold the same, near 1 if one holds all.

    Parameters
    ----------
    amount : ndarray
        Not negative.

    Returns
    -------
    float
        Twice the area between the diagonal and the Lorenz curve, which draws the share
        that the smallest hold against their share of all members.

    Raises
    ------
    ValueError
        A negative amount, or nothing to hold.
    """
    ordered = np.sort(np.asarray(amount, dtype=float))
    if len(ordered) == 0 or ordered[0] < 0 or ordered.sum() == 0:
        raise ValueError("The Gini coefficient needs amounts of 0 or more, not all 0.")
    held = np.append(0, ordered.cumsum() / ordered.sum())
    return float(1 - 2 * np.trapezoid(held, dx=1 / len(ordered)))
