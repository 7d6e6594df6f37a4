# What its RUN steps do is tested in an empty environment (requirements/install.sh); the image as a whole is
# built where an engine runs.
FROM python:3.11-slim AS builder
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY requirements requirements
COPY migrations migrations
COPY app app
RUN sh requirements/install.sh /opt/sigillo

FROM python:3.11-slim
# The number is fixed so that the owner of a mounted folder can be set from outside.
RUN groupadd --gid 10001 sigillo \
 && useradd --uid 10001 --gid sigillo --no-create-home --shell /usr/sbin/nologin sigillo \
 && install --directory --owner=sigillo --group=sigillo --mode=0700 /data /keys
COPY --from=builder /opt/sigillo /opt/sigillo
ENV PATH=/opt/sigillo/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SIGILLO_DATABASE_URL=sqlite:////data/sigillo.db \
    SIGILLO_FILES_FOLDER=/data/files \
    SIGILLO_MAIL_FOLDER=/data/mail \
    SIGILLO_KEYS_FOLDER=/keys
USER sigillo
WORKDIR /data
VOLUME ["/data", "/keys"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
# exec: the service is process 1 and hears the signal to stop.
CMD ["sh", "-c", "sigillo migrate && exec sigillo serve --host 0.0.0.0"]
