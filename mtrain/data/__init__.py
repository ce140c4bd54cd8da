"""From files to the splits that an experiment trains, validates and tests on."""
