"""Pipeline files into Prefect deployments: `plan` decides, `act` does."""
