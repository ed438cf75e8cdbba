"""Tables that are made here, each awkward in one way; what must come of each."""

from tests.tables.awkward import columns, later, targets, times, writing

SCENES = (*writing.SCENES, *times.SCENES, *columns.SCENES, *targets.SCENES, *later.SCENES)
