"""Names that a config may use, and what somebody meant who wrote another."""
