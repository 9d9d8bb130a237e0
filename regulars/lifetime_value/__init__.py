"""Customer lifetime value: how many orders to expect of each customer, and what they spend. Usable by itself.

    import numpy as np
    from regulars import lifetime_value as clv

    customers = clv.Customers(x=[2, 1, 0], t_x=[30.4, 1.7, 0.0], T=[38.9, 38.9, 38.9])  # any unit of time, the same
    fit = clv.fit_dropout(customers, model="mbg")            # "bg", "mbg" (default) or "pareto"
    fit.model.expected_orders(52, customers)                 # E[orders in the next 52 units], one per customer
    fit.model.alive_probability(customers)
    spend = clv.fit_spend(orders=[3, 2], mean=[21.4, 80.0])  # Gamma-Gamma
    spend.model.expected_spend(orders=[3, 2], mean=[21.4, 80.0])

x counts repeat orders (or order-days), t_x is the time from the first to the last of them, T the time from the first
order to the day of analysis. Weights count customers that are alike. Only NumPy and SciPy are needed.
"""

from regulars.lifetime_value.backtest import Groups, Score, compare, score, tenths
from regulars.lifetime_value.choice import Choice, choose, count_quantiles
from regulars.lifetime_value.dropout import AverageRate, BetaGeometric, NegativeBinomial
from regulars.lifetime_value.fitting import DropoutFit, Fit, SpendFit, bootstrap, fit_dropout, fit_spend
from regulars.lifetime_value.forecast import Month, Part, forecast
from regulars.lifetime_value.inputs import Customers
from regulars.lifetime_value.pareto import ParetoNBD
from regulars.lifetime_value.spend import GammaGamma

__all__ = [
    "AverageRate",
    "BetaGeometric",
    "Choice",
    "Customers",
    "DropoutFit",
    "Fit",
    "GammaGamma",
    "Groups",
    "Month",
    "NegativeBinomial",
    "ParetoNBD",
    "Part",
    "Score",
    "SpendFit",
    "bootstrap",
    "choose",
    "compare",
    "count_quantiles",
    "fit_dropout",
    "fit_spend",
    "forecast",
    "score",
    "tenths",
]
