# Byte-compiled / optimized / DLL files
__pycache__/
*.py[cod]

# Environments, and what is known to them alone
.env
.venv/
venv/

# Tools
.coverage
.mypy_cache/
.pytest_cache/
.ruff_cache/
htmlcov/

# Builds
build/
dist/
*.egg-info/
