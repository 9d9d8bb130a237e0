"""What a fit hands back: rows of a small table, or the columns of a larger one, in which NaN is NULL."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# Not Arrow: to take a NumPy array, pyarrow imports pandas, a third of a second.
Rows = Sequence[Sequence[Any]] | Mapping[str, np.ndarray]


def row_count(rows: Rows) -> int:
    """Rows of a table, whichever way it is handed back."""
    return len(next(iter(rows.values()), ())) if isinstance(rows, Mapping) else len(rows)
