-r base.txt
httpx
mypy
pytest
pytest-cov
ruff
