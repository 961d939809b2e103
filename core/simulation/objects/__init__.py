"""What is looked at: particles, crystals and their defects, films, sheets, macromolecules, surfaces."""
