# The wheel is built in the first stage; only it and what it needs are in the image.
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY mtrain mtrain
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim AS run
COPY --from=build /wheels /wheels
COPY constraints.txt /wheels/constraints.txt
RUN pip install --no-cache-dir --constraint /wheels/constraints.txt /wheels/*.whl
RUN useradd --create-home mtrain && install --directory --owner mtrain /experiments
# Downloaded data stay in the volume; any user may draw charts.
ENV KERAS_HOME=/experiments/.keras MPLCONFIGDIR=/tmp/matplotlib
USER mtrain
WORKDIR /experiments
VOLUME /experiments
ENTRYPOINT ["mtrain"]
CMD ["--help"]
