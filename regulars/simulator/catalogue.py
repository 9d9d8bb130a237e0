"""What is sold and where: products with their prices, stores, cities, and what kinds of customers look for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from regulars.simulator.plan import Plan

# department, category, typical price in yuan, margin rate
CATEGORIES = (
    ("Fresh", "Fruit", 12, 0.32),
    ("Fresh", "Vegetables", 9, 0.3),
    ("Fresh", "Meat", 38, 0.22),
    ("Fresh", "Dairy", 16, 0.24),
    ("Fresh", "Bakery", 11, 0.45),
    ("Pantry", "Rice and noodles", 22, 0.2),
    ("Pantry", "Sauces", 15, 0.33),
    ("Pantry", "Snacks", 10, 0.36),
    ("Pantry", "Breakfast", 19, 0.28),
    ("Drinks", "Tea", 45, 0.48),
    ("Drinks", "Coffee", 52, 0.4),
    ("Drinks", "Juice", 14, 0.27),
    ("Drinks", "Wine", 96, 0.35),
    ("Home", "Cleaning", 21, 0.3),
    ("Home", "Kitchen", 63, 0.42),
    ("Home", "Textiles", 88, 0.5),
    ("Beauty", "Skin care", 118, 0.55),
    ("Beauty", "Hair care", 42, 0.46),
    ("Beauty", "Make-up", 75, 0.58),
    ("Family", "Baby food", 56, 0.19),
    ("Family", "Nappies", 92, 0.15),
    ("Family", "Toys", 67, 0.43),
    ("Family", "Pets", 48, 0.26),
    ("Family", "School", 18, 0.38),
)
PER_CATEGORY = 25
# What each kind of customer looks for: departments weighted up.
CLUSTERS = (
    ("fresh_cook", {"Fresh": 5, "Pantry": 2}),
    ("family", {"Family": 6, "Fresh": 2}),
    ("beauty", {"Beauty": 7}),
    ("homemaker", {"Home": 5, "Pantry": 2}),
    ("drinks_and_snacks", {"Drinks": 6, "Pantry": 2}),
)
# country, region, city, population, income index, climate
CITIES = (
    ("CN", "Shanghai", "Shanghai", 24870000, 178, "subtropical"),
    ("CN", "Zhejiang", "Hangzhou", 12520000, 151, "subtropical"),
    ("CN", "Jiangsu", "Suzhou", 12910000, 149, "subtropical"),
    ("CN", "Beijing", "Beijing", 21860000, 172, "continental"),
    ("CN", "Sichuan", "Chengdu", 21400000, 112, "subtropical"),
    ("CN", "Guangdong", "Shenzhen", 17790000, 165, "tropical"),
)
FORMATS = ("hypermarket", "supermarket", "convenience")


@dataclass
class Catalogue:
    """Products as parallel arrays, ordered by category; prices in yuan."""

    price: np.ndarray
    cost: np.ndarray
    new_cost: np.ndarray
    category: np.ndarray
    cumulative: np.ndarray  # cluster × category: cumulative share of lines

    @property
    def count(self) -> int:
        """Products."""
        return len(self.price)


def draw(plan: Plan) -> Catalogue:
    """The retailer's catalogue."""
    random = plan.random(3)
    category = np.repeat(np.arange(len(CATEGORIES)), PER_CATEGORY)
    typical = np.array([item[2] for item in CATEGORIES])[category]
    margin = np.array([item[3] for item in CATEGORIES])[category]
    price = np.round(typical * random.lognormal(0, 0.35, len(category)), 1) + 0.9
    cost = np.round(price * (1 - margin), 2)
    weights = np.array([[boosts.get(item[0], 1.0) for item in CATEGORIES] for _, boosts in CLUSTERS], dtype=float)
    shares = weights / weights.sum(axis=1, keepdims=True)
    return Catalogue(price, cost, np.round(cost * 1.08, 2), category, np.cumsum(shares, axis=1))


def products(plan: Plan, catalogue: Catalogue) -> pa.Table:
    """Product records; every tenth product has a second version with a new cost from half-time on."""
    number = np.arange(catalogue.count)
    names = np.array([f"{item[1]} {n:02d}" for item in CATEGORIES for n in range(PER_CATEGORY)])
    changed = number % 10 == 0
    start, half = np.datetime64(plan.start), np.datetime64(plan.day(plan.days // 2))

    def version(rows: np.ndarray, updated: np.datetime64, cost: np.ndarray) -> pa.Table:
        items = [CATEGORIES[item] for item in catalogue.category[rows]]
        return pa.table(
            {
                "product_id": np.char.add("P", np.char.zfill(number[rows].astype(str), 4)),
                "updated_at": np.full(len(rows), updated),
                "name": names[rows],
                "department": [item[0] for item in items],
                "category": [item[1] for item in items],
                "subcategory": [f"{item[1]} {'A' if n % 2 else 'B'}" for n, item in zip(rows, items, strict=True)],
                "brand": [f"Brand {n % 17:02d}" for n in rows],
                "is_private_label": number[rows] % 17 == 0,
                "supplier": [f"Supplier {n % 9}" for n in rows],
                "package_size": [f"{(n % 5 + 1) * 100} g" for n in rows],
                "list_price": catalogue.price[rows],
                "unit_cost_amount": cost[rows],
            }
        )

    return pa.concat_tables(
        [version(number, start, catalogue.cost), version(number[changed], half, catalogue.new_cost)]
    )


def stores(plan: Plan) -> pa.Table:
    """Store records."""
    number = np.arange(plan.store_count)
    cities = [CITIES[n % len(CITIES)] for n in number]
    return pa.table(
        {
            "store_id": [f"S{n:03d}" for n in number],
            "name": [f"{city[2]} {n // len(CITIES) + 1}" for n, city in zip(number, cities, strict=True)],
            "city": [city[2] for city in cities],
            "region": [city[1] for city in cities],
            "country": [city[0] for city in cities],
            "format": [FORMATS[n % len(FORMATS)] for n in number],
            "opened_date": [plan.start.replace(year=plan.start.year - 3 - int(n)) for n in number],
            "floor_area_sqm": [float(400 + 350 * (n % 5)) for n in number],
        }
    )


def regions() -> pa.Table:
    """What is known of cities; the notes are free text that must not leave the build."""
    names = ("country", "region", "city", "population", "income_index", "climate")
    columns = {name: [city[place] for city in CITIES] for place, name in enumerate(names)}
    return pa.table({**columns, "custom_notes": [f"Ask {FREE_TEXT} about {city[2]}" for city in CITIES]})


FREE_TEXT = "Mr. Freitext-Geheim"
