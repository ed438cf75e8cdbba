"""Print the JSON schema of the pipeline file."""

from __future__ import annotations

import json
import sys

from tasks.config import json_schema

sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
