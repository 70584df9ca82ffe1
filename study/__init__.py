"""The orchestrator: from a YAML file to trained, measured and recorded runs."""
