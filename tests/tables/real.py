"""Real tables that installed packages carry, each with a sensible target."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True)
class RealTable:
    """One table: the package that carries it, its file there, and the column to predict.

    Attributes:
        refused: how the sentence begins that tells why no model comes of it; empty where one does.
    """

    package: str
    file: str
    target: str
    refused: str = ""

    @property
    def name(self) -> str:
        """The name of its pipeline."""
        named = f"{self.package}-{Path(self.file).name.partition('.')[0]}".lower()
        return "".join(letter if letter.isalnum() else "-" for letter in named)

    @property
    def path(self) -> Path:
        """Where the installed package has it."""
        spec = find_spec(self.package)
        assert spec is not None, self.package
        assert spec.origin is not None, self.package
        return Path(spec.origin).parent / self.file


# A series of which each value is close to the one before it: the model never sees that one.
LAST_VALUE = "version 1 was refused by the gate: beats the naive baselines"
NOTHING = ": a column is left to learn from"

TABLES = (
    RealTable("ISLP", "data/Auto.csv", "mpg"),
    RealTable("ISLP", "data/Bikeshare.csv", "bikers"),
    RealTable("ISLP", "data/Boston.csv", "medv"),
    RealTable("ISLP", "data/BrainCancer.csv", "status"),
    RealTable("ISLP", "data/Caravan.csv", "Purchase"),
    RealTable("ISLP", "data/Carseats.csv", "Sales"),
    RealTable("ISLP", "data/College.csv", "Apps"),
    RealTable("ISLP", "data/Credit.csv", "Balance"),
    RealTable("ISLP", "data/Default.csv", "default"),
    RealTable("ISLP", "data/Hitters.csv", "Salary"),
    RealTable("ISLP", "data/OJ.csv", "Purchase"),
    RealTable("ISLP", "data/Publication.csv", "status"),
    RealTable("ISLP", "data/Smarket.csv", "Direction"),
    RealTable("ISLP", "data/Wage.csv", "wage"),
    RealTable("ISLP", "data/Weekly.csv", "Direction"),
    RealTable("ISLP", "data/NYSE.csv", "log_volume"),
    RealTable("palmerpenguins", "data/penguins.csv", "species"),
    RealTable("palmerpenguins", "data/penguins-raw.csv", "Sex"),
    RealTable("vega_datasets", "_data/seattle-weather.csv", "weather"),
    RealTable("vega_datasets", "_data/airports.csv", "latitude"),
    RealTable("vega_datasets", "_data/stocks.csv", "price"),
    RealTable("vega_datasets", "_data/sf-temps.csv", "temp", LAST_VALUE),
    RealTable("vega_datasets", "_data/us-employment.csv", "construction", LAST_VALUE),
    RealTable("river", "datasets/chick-weights.csv", "weight"),
    RealTable("river", "datasets/phishing.csv.gz", "is_phishing"),
    RealTable("river", "datasets/shuttle.csv.gz", "anomaly"),
    RealTable("river", "datasets/trump_approval.csv.gz", "five_thirty_eight"),
    RealTable("river", "datasets/water-flow.csv", "Water flow [l/s]", LAST_VALUE),
    RealTable("river", "drift/datasets/occupancy.csv", "V3", LAST_VALUE),
    RealTable("statsmodels", "datasets/anes96/anes96.csv", "'vote'"),
    RealTable("statsmodels", "datasets/fair/fair.csv", "affairs"),
    RealTable("statsmodels", "datasets/fair/fair_pt.csv", "naffairs"),
    RealTable("statsmodels", "datasets/grunfeld/grunfeld.csv", "invest"),
    RealTable("statsmodels", "datasets/macrodata/macrodata.csv", "unemp", LAST_VALUE),
    RealTable("statsmodels", "datasets/modechoice/modechoice.csv", "choice"),
    RealTable("statsmodels", "datasets/randhie/randhie.csv", "mdvis"),
    RealTable("statsmodels", "datasets/star98/star98.csv", "PR50M"),
    RealTable("statsmodels", "datasets/engel/engel.csv", "foodexp"),
    RealTable("statsmodels", "datasets/cancer/cancer.csv", "cancer"),
    RealTable("statsmodels", "datasets/ccard/ccard.csv", "AVGEXP"),
    RealTable(
        "statsmodels",
        "datasets/elec_equip/elec_equip.csv",
        "STS.M.I7.W.TOVT.NS0016.4.000",
        f"perennial: elec_equip.csv{NOTHING}",
    ),
    RealTable("statsmodels", "datasets/co2/co2.csv", "co2", LAST_VALUE),
    RealTable(
        "statsmodels",
        "datasets/sunspots/sunspots.csv",
        "SUNACTIVITY",
        f"perennial: sunspots.csv{NOTHING}",
    ),
    RealTable("statsmodels", "datasets/statecrime/statecrime.csv", "murder"),
    RealTable("sklearn", "datasets/data/iris.csv", "virginica"),
)
