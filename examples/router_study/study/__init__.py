"""Tasks, models and measurements of the router study; see the README beside this folder."""
