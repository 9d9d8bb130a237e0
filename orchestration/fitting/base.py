"""What a fit hands back: rows of a small table, or an Arrow table of a larger one."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

Rows = list[Sequence[Any]] | pa.Table
