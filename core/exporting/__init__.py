"""Movies into other formats: stacks for other programs, films and pictures for people, tables of traces."""
