"""The Prefect task that explains a version as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import get_run_logger, task

from tasks.errors import StoreUnavailable, bounded
from tasks.retries import retried

if TYPE_CHECKING:
    from tasks.training.candidates import Chosen
    from tasks.training.contender import Contender
    from tasks.training.insight import Insight
    from tasks.training.work import Work


@task(name="explain", **retried(StoreUnavailable, waits=(1, 5, 15)))
def explain(work: Work, chosen: Chosen, final: Contender) -> Insight:
    """Say what the model looks at; a failure is logged and said in the card, and ends nothing."""
    from tasks.training.insight import Insight, insight

    logger = get_run_logger()
    try:
        found, known = insight(work, chosen, final)
    except StoreUnavailable:
        raise
    except Exception as error:
        why = bounded(f"{type(error).__name__}: {error}", 300)
        logger.warning("The model could not be explained: %s", why, exc_info=True)
        return Insight(None, failure=why)
    assert found.overview is not None
    largest = ", ".join(one.name for one in found.overview.columns[:3])
    logger.info("%s: %s", "Known already" if known else "It looks most at", largest)
    return found
