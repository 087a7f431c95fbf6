"""Training of language modules: one file per step of the method (DESIGN.md, section 1)."""
