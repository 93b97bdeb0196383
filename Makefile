# Afluente: `make run` and `make test` do everything on a fresh machine.
.PHONY: run demo test build data bench compatibility format lint soak screenshots docs clean

run: build data
	tools/run-example flights

demo: build data
	tools/run-example flights --demo

test:
	tools/test

build:
	tools/bootstrap build
	cmake --preset release >build/configure.log || { cat build/configure.log; exit 1; }
	cmake --build --preset release --target afluente

data:
	tools/bootstrap data

bench: build data
	tools/bootstrap bench
	build/python-bench/bin/python bench/run

compatibility: build
	tools/bootstrap test clients
	tools/compatibility

format:
	tools/bootstrap build
	build/python-tools/bin/clang-format -i $$(git ls-files '*.cc' '*.h')

lint:
	tools/check

soak: build
	tools/soak

screenshots: build
	tools/bootstrap test
	build/python-test/bin/python -m pytest -q test/console/screenshots.py

docs: build
	tools/bootstrap docs
	tools/docs

clean:
	rm -rf build
