"""How unequally an amount is held: the Lorenz curve and the Gini coefficient.

As in Gastwirth (1972), "The estimation of the Lorenz curve and Gini index".
"""

import numpy as np
import pandas as pd


def lorenz(amount: np.ndarray) -> pd.DataFrame:
    """Lorenz curve: what the smallest hold together.

    Parameters
    ----------
    amount : ndarray
        Not negative.

    Returns
    -------
    DataFrame
        ``members``, the share of the members counted from the smallest, and
        ``amount``, the share that these hold, both from 0 to 1.

    Raises
    ------
    ValueError
        A negative amount, or nothing to hold.
    """
    ordered = np.sort(np.asarray(amount, dtype=float))
    if len(ordered) == 0 or ordered[0] < 0 or ordered.sum() == 0:
        raise ValueError("A Lorenz curve needs amounts that are 0 or more, not all 0.")
    held = np.append(0, ordered.cumsum() / ordered.sum())
    return pd.DataFrame({"members": np.linspace(0, 1, len(held)), "amount": held})


def gini(amount: np.ndarray) -> float:
    """Gini coefficient: 0 if all hold the same, near 1 if one holds all.

    Parameters
    ----------
    amount : ndarray
        Not negative.

    Returns
    -------
    float
        Twice the area between the Lorenz curve and the diagonal.

    Raises
    ------
    ValueError
        As for :func:`lorenz`.
    """
    curve = lorenz(amount)
    return float(1 - 2 * np.trapezoid(curve["amount"], curve["members"]))
