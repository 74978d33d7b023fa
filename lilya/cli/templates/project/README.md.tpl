# @@project_name

```sh
python -m venv .venv && . .venv/bin/activate
make requirements
make run     # http://localhost:8000
make test
```

`lilya show-urls` lists the routes, `lilya directives` what else can be run.
