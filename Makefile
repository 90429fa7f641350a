# Entry points. Each target is one script; CI calls `make test` and nothing else.
.PHONY: help run test web fmt lint bench bench-peers soak fuzz dist doctor clean

## run: check, install what is missing, build, start everything, print one address; LOG=kafka
##      runs each service in its own process on a local Kafka broker, at KAFKA_PORT (the last one used, at
##      first 9092); ARGS="--ports 8800" and the like are passed to `tallylight up`
run:
	@LOG=$(LOG) KAFKA_PORT=$(KAFKA_PORT) scripts/run.sh $(ARGS)

## help: this list
help:
	@sed -n 's/^## \{0,1\}//p' Makefile

## test: format, lints, unit and property tests, end-to-end tests, a real browser
test:
	@scripts/test.sh

## web: build the pages that the binary embeds
web:
	@scripts/web.sh

## fmt: format every source
fmt:
	@cargo fmt --all

## lint: format check and clippy, as `make test` runs them
lint:
	@scripts/lint.sh

## bench: speed as ratios to a floor, release build
bench:
	@scripts/bench.sh

## bench-peers: the workload W1 on DuckDB, chDB, Flink and Tallylight, as ratios in one run
bench-peers:
	@scripts/bench-peers.sh

## soak: test sizes that are too big for `make test`, into a dated table in docs/soak; STEPS="ledger-disk
##       seeds" runs some of them, SEEDS, FUZZ_S and STEADY_S shorten them
soak:
	@scripts/soak.sh $(STEPS)

## fuzz: a minute of libFuzzer on each parser and inflater of the collector; needs a nightly Rust
fuzz:
	@scripts/fuzz.sh

## dist: a tarball with the release binary, which needs no GStreamer
dist:
	@scripts/dist.sh

## doctor: report what is missing, install nothing
doctor:
	@scripts/doctor.sh

## clean: remove build products (a shared target folder too) and the demo's data in ./data
clean:
	@scripts/clean.sh
