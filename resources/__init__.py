"""A package of data: icons, built-in models, recipes and a sample movie, found with `importlib.resources`."""
