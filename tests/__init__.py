"""Tests state behaviour; a test that cannot fail when the thing breaks has no place here."""
