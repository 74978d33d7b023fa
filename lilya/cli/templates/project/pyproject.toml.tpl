[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "@@project_name"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["lilya[server,cli,reload]>=@@lilya_version"]

[project.optional-dependencies]
testing = ["httpx", "mypy", "pytest", "pytest-cov", "ruff"]

[tool.hatch.build.targets.wheel]
packages = ["@@project_name"]

[tool.pytest.ini_options]
testpaths = ["@@project_name"]
python_files = ["test_*.py", "tests.py"]
pythonpath = ["."]

[tool.mypy]
strict = true
packages = ["@@project_name"]

[tool.ruff]
line-length = 120
target-version = "py311"

[tool.ruff.lint]
select = ["ASYNC", "B", "E", "F", "I", "UP", "W"]
