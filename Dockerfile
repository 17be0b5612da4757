# tcmbench on CPUs. Has not been built: there was no Docker where it was written (docs/install.md).
#
#   docker build -t tcmbench .
#   docker run --rm -v "$PWD:/workspace" -v tcmbench-store:/store tcmbench run SET
FROM python:3.11-slim AS wheel
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir build==1.6.1 && python -m build --wheel --outdir /dist

FROM python:3.11-slim
# git: commits in the provenance of scores; libgomp1: OpenMP of FAISS and scikit-learn
RUN apt-get update && apt-get install -y --no-install-recommends git libgomp1 && rm -rf /var/lib/apt/lists/*
COPY --from=wheel /dist /dist
COPY constraints.txt /dist/
RUN pip install --no-cache-dir -c /dist/constraints.txt "$(ls /dist/*.whl)[train]" && rm -rf /dist
RUN useradd --create-home --uid 1000 tcmbench && mkdir /workspace /store && chown tcmbench /workspace /store
USER tcmbench
# Models and data sets of the hub are read from the cache unless downloads are allowed: -e HF_HUB_OFFLINE=0
ENV TCMBENCH_CACHE=/store HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
WORKDIR /workspace
ENTRYPOINT ["tcmbench"]
CMD ["--help"]
