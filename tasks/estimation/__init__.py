"""How well a model does on rows whose labels are not known yet, with an honest interval."""
