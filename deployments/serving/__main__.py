"""Run the prediction API: `python -m deployments.serving`."""

import sys

from deployments.serving.serve import main

if __name__ == "__main__":
    sys.exit(main())
