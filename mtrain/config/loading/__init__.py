"""From a YAML file, a mapping and overrides to a config, or to its problems."""
