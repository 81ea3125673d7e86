# doge-replay with its executable: docker build -t doge-replay . && docker run --rm -v "$PWD:/work" doge-replay run logs/
# The executable is built in a stage of its own: the image that goes on needs no GHC.

FROM debian:bookworm AS executable
RUN apt-get update && apt-get install -y --no-install-recommends ghc && rm -rf /var/lib/apt/lists/*
ARG REVISION=unknown
COPY haskell /src/haskell
COPY scripts/build-core scripts/install.sh /src/scripts/
RUN DOGE_REVISION=$REVISION /src/scripts/build-core

FROM python:3.11-slim-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends libffi8 libgmp10 && rm -rf /var/lib/apt/lists/*
COPY --from=executable /src/build/doge-core-exe /usr/local/bin/doge-core-exe
COPY pyproject.toml setup.py constraints.txt README.md LICENSE /src/
COPY replay /src/replay
COPY corpus /src/corpus
COPY docs/contract /src/docs/contract
COPY examples /src/examples
COPY haskell /src/haskell
COPY scripts/build-core scripts/install.sh /src/scripts/
RUN pip install --no-cache-dir --constraint /src/constraints.txt "/src[all]" && rm -rf /src
RUN useradd --create-home bot
USER bot
WORKDIR /work
ENV DOGE_CORE_EXE=/usr/local/bin/doge-core-exe
ENTRYPOINT ["doge-replay"]
CMD ["--help"]
