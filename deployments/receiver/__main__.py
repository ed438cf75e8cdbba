"""Run the receiver: `python -m deployments.receiver`."""

import sys

from deployments.receiver.serve import main

if __name__ == "__main__":
    sys.exit(main())
