ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS build
WORKDIR /opt/huiyin
# requirements-extras.lock for an image that can call through Alibaba Cloud or keep recordings in S3.
ARG LOCK=requirements.lock
COPY ${LOCK} ./requirements.lock
RUN python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv/bin/python install \
        --no-cache-dir --no-compile --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
COPY alembic.ini LICENSE pyproject.toml ./
COPY alembic alembic
COPY app app
# The image is read-only when it runs: byte code is made here, and never checked against file times.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash app alembic /opt/venv/lib

FROM python:${PYTHON_VERSION}-slim
# The embedded PostgreSQL wants its user to have a name. Only /data and /tmp are written to.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin huiyin \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/huiyin /opt/huiyin
ENV PATH=/opt/venv/bin:$PATH \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /opt/huiyin
USER 10001:10001
VOLUME ["/data"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "-m", "app", "run", "--host", "0.0.0.0", "--port", "8000", "--data-dir", "/data", "--no-demo"]
