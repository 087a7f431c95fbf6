"""The marks that end sentences, as character classes of regular expressions."""

MARKS = "[.!?…።।؟۔]"
"""Latin, Ethiopic, Devanagari and Arabic ones; they end a sentence before white space."""

WIDE_MARKS = "[。！？]"
"""East Asian ones, after which there need be none."""
