"""The Gini coefficient."""

import itertools

import numpy as np
import pytest

from illusion.concentration import gini


def test_gini_has_known_values():
    assert gini(np.ones(7)) == pytest.approx(0)
    assert gini(np.array([0, 0, 0, 5])) == pytest.approx(3 / 4)
    # Half the mean absolute difference over the mean.
    amount = np.random.default_rng(1).gamma(0.5, size=40)
    pairs = [abs(x - y) for x, y in itertools.product(amount, amount)]
    assert gini(amount) == pytest.approx(np.mean(pairs) / 2 / amount.mean())
    assert gini(3 * amount) == pytest.approx(gini(amount))


def test_bad_amounts_are_refused():
    for amount in ([], [-1, 2], [0, 0]):
        with pytest.raises(ValueError, match="0 or more"):
            gini(np.array(amount))
