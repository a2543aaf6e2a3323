# One image for web, worker and beat. Built from the hashed requirements; runs as a user without rights.
FROM python:3.11-slim AS build
WORKDIR /app
RUN python -m venv /venv
COPY requirements/runtime.txt requirements/
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt

FROM python:3.11-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 FOLKMOOT_ENV=production FOLKMOOT_VAR_DIR=/var/lib/folkmoot
RUN useradd --system --create-home --home-dir /var/lib/folkmoot folkmoot
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
USER folkmoot
EXPOSE 8000
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "8", "--worker-class", "gthread", "--no-control-socket"]
