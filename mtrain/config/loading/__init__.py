"""From a YAML file, a mapping and overrides to a config, and what is wrong with them."""
