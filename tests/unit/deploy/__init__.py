"""The files that containers, Kubernetes, units and dashboards are made of."""
