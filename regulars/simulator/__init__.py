"""A simulated omnichannel retailer: every entity of the source contract, consistent, with the truth beside it.

Not a copy of any shop: what is planted is what later analyses must find again. Purchases follow the MBG/NBD model
(Batislam, Denizel & Filiztekin 2007): rates gamma, dropout after every purchase beta. Same arguments, same files.
"""

from regulars.simulator.plan import Plan
from regulars.simulator.retailer import simulate

__all__ = ["Plan", "simulate"]
