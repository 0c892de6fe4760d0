"""Does yours hold? `pytest conformance [--lua FILE | --adapter CMD]` judges with the same cases as `verify`."""

pytest_plugins = ["turnaffinity.judging.plugin"]
