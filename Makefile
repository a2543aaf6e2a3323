# The two commands a newcomer needs are `make run` and `make test`. README.md prints the raw commands behind them.
PYTHON ?= python3
BIN := .venv/bin
SET_UP := .venv/set-up

.PHONY: setup run test lint types frontend check lock

setup: $(SET_UP)

$(SET_UP): requirements/dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Folkmoot needs Python 3.11 or later")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $(SET_UP)

run: setup
	$(BIN)/python manage.py run

# SQLite first; then, where PostgreSQL and Redis answer on their usual local ports, the database tests there too.
test: setup
	$(BIN)/python -m tests.suite

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy .

# Only for those who change TypeScript or styles: the built files are in the repository.
frontend:
	cd frontend && npm ci --no-audit --no-fund && npm run check && npm run build

check: setup
	$(BIN)/python manage.py makemigrations --check --dry-run
	FOLKMOOT_ENV=production SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))') \
	ALLOWED_HOSTS=moot.example SITE_URL=https://moot.example $(BIN)/python manage.py check --deploy --fail-level WARNING

# Needs uv. The files name no index: hashes alone say what may be installed.
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet
lock:
	$(LOCK) -o requirements/runtime.txt
	$(LOCK) --extra dev -o requirements/dev.txt
