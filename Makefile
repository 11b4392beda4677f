# Layerlab's build. `make help` lists the targets; everything made goes into $(BUILD).
# New files need no edit here: kernels/<isa>/ comes from isa.def, the rest by wildcards.
VERSION := 0.1.0
BUILD   ?= build
PREFIX  ?= /usr/local
CFLAGS  ?= -O2 -g
WERROR  ?= -Werror
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(MAKELEVEL),0)
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
endif
Q := $(if $(V),,@)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all layerlab tests test test-numa tsan check aarch64 check-aarch64 asan bench bench-compare fuzz fuzzers lint fmt clean help deps install FORCE

# ---- flags -----------------------------------------------------------------------------------------------------------
MODULES := hwloc jansson libpcre2-8 libcrypto libxxhash libutf8proc
BUILDS := $(filter-out help clean deps fmt,$(or $(MAKECMDGOALS),all))
ifneq ($(BUILDS),)
ifneq ($(shell pkg-config --exists $(MODULES) && echo found),found)
$(error pkg-config does not find all of: $(MODULES). Run `make deps` first)
endif
# Debian's oneDNN has no pkg-config file.
DNNL_CFLAGS := $(shell pkg-config --cflags dnnl 2>/dev/null)
DNNL_LIBS   := $(or $(shell pkg-config --libs dnnl 2>/dev/null),-ldnnl)
ifneq ($(shell echo '\#include <oneapi/dnnl/dnnl.h>' | $(CC) $(DNNL_CFLAGS) -E -x c - >/dev/null 2>&1 && echo found),found)
$(error $(CC) does not find oneDNN's oneapi/dnnl/dnnl.h. Run `make deps` first)
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(MODULES)) $(DNNL_CFLAGS)
PKG_LIBS   := $(shell pkg-config --libs $(MODULES)) $(DNNL_LIBS)
endif

# The architectures of isa.def that this compiler builds for.
MACHINE := $(shell $(CC) -dumpmachine)
ARCHITECTURES := ANY $(if $(filter x86_64%,$(MACHINE)),X86) $(if $(filter aarch64% arm64%,$(MACHINE)),ARM)
LISTED := $(shell awk -F'[^A-Za-z0-9_]+' '$$1 == "ISA" {print $$2 ":" $$3}' kernels/isa.def)
ISAS := $(strip $(foreach isa,$(LISTED),$(if $(filter $(word 2,$(subst :, ,$(isa))),$(ARCHITECTURES)),$(firstword $(subst :, ,$(isa))))))
# Every ISA of the list has its folder with its flags, and every folder its line.
ifneq ($(BUILDS),)
$(foreach isa,$(foreach line,$(LISTED),$(firstword $(subst :, ,$(line)))),$(if $(wildcard kernels/$(isa)/flags.mk),,\
    $(error kernels/isa.def lists $(isa), but kernels/$(isa)/flags.mk is missing)))
$(foreach folder,$(patsubst kernels/%/,%,$(wildcard kernels/*/)),\
    $(if $(wildcard kernels/$(folder)/flags.mk),,$(error kernels/$(folder)/ has no flags.mk (it sets FLAGS_$(folder), its compiler flags)))\
    $(if $(filter $(folder):%,$(LISTED)),,$(error kernels/$(folder)/ has no line in kernels/isa.def)))
endif
include $(wildcard $(ISAS:%=kernels/%/flags.mk))

# -ffp-contract=off: exact operations round where their contract says, whatever the compiler.
BASE_FLAGS := -std=c11 -D_GNU_SOURCE $(CFLAGS) -ffp-contract=off $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer)
WARNINGS   := -Wall -Wextra -Wshadow -Wstrict-prototypes
INCLUDES   := -Ikernels -Imodel -Iharness -Iharness/bench -Itests $(PKG_CFLAGS)
# Of a source file: its room, its folder, and what they add. Kernels know no threads; intrinsics convert on purpose.
room   = $(firstword $(subst /, ,$<))
folder = $(patsubst %/,%,$(dir $<))
isa    = $(if $(filter kernels/%,$(folder)),$(notdir $(folder)))
extra  = $(if $(filter kernels,$(room)),-fPIC,-fopenmp) $(if $(filter-out ref,$(isa)),,-Wconversion) $(FLAGS_$(isa))
LIBS   := $(PKG_LIBS) -lm -fopenmp

# ---- sources ---------------------------------------------------------------------------------------------------------
object = $(patsubst %.c,$(BUILD)/%.o,$(1))
KERNELS := $(wildcard kernels/*.c $(ISAS:%=kernels/%/*.c))
MODEL   := $(wildcard model/*.c)
HARNESS := $(filter-out harness/main.c harness/bench/bench_main.c,$(wildcard harness/*.c harness/eval/*.c harness/report/*.c harness/bench/*.c))
TESTS   := $(wildcard tests/test_*.c)
CHECKS  := $(filter-out tests/check.c tests/check_selftest.c,$(wildcard tests/check_*.c))
SUPPORT := $(filter-out tests/test_%.c tests/check.c tests/check_%.c,$(wildcard tests/*.c)) $(wildcard tests/fuzz/fuzz*.c)
SCRIPTS := $(wildcard tests/test_*.sh)
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/fuzzers/%,$(wildcard tests/fuzz/fuzz_*.c))

LIBKERNELS := $(BUILD)/libllkernels.a
LIBMODEL   := $(BUILD)/libllmodel.a
# In link order: harness -> model -> kernels. The first two are no one's interface.
ARCHIVES := $(BUILD)/support.a $(BUILD)/harness.a $(LIBMODEL) $(LIBKERNELS)
CHECK_PROGRAMS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/check.c tests/check_selftest.c))
TEST_PROGRAMS  := $(TESTS:%.c=$(BUILD)/%)

# ---- targets ---------------------------------------------------------------------------------------------------------
all: layerlab $(LIBKERNELS) $(BUILD)/libllkernels.so $(BUILD)/libllkernels.pc ## The program and the kernel library (the default)

layerlab: $(BUILD)/layerlab ## The program alone

tests: $(CHECK_PROGRAMS) $(TEST_PROGRAMS) ## The test programs, without running them

# A model that cannot be had is said once; the tests that need it are then skipped by name.
.PHONY: model-if-possible
model-if-possible:
	-@tools/fetch_model.sh
	-@tools/fetch_tokenizers.sh

test: all tests model-if-possible ## Every test (T=substring: those programs); ends with "N passed, N failed, N skipped"
	@LAYERLAB=$(BUILD)/layerlab tests/run.sh $(foreach t,$(CHECK_PROGRAMS) $(TEST_PROGRAMS) $(SCRIPTS),$(if $(or $(if $(T),,all),$(findstring $(T),$(t))),$(t)))

test-numa: all ## Threads and pages on the nodes of an emulated machine, asked of its kernel
	@LAYERLAB=$(BUILD)/layerlab tests/run.sh tests/test_numa.sh

tsan: ## The threads' tests under ThreadSanitizer, in $(BUILD)/tsan
	@$(MAKE) BUILD=$(BUILD)/tsan SANITIZE=thread $(BUILD)/tsan/tests/test_team $(BUILD)/tsan/tests/test_nodes
	@LL_TEST_QUICK=1 tests/run.sh $(BUILD)/tsan/tests/test_team $(BUILD)/tsan/tests/test_nodes

check: $(CHECK_PROGRAMS) ## Every ISA of this machine against ref
	@tests/run.sh $^

asan: ## The tests under address, leak and undefined-behaviour sanitizers, in $(BUILD)/asan
	@$(MAKE) BUILD=$(BUILD)/asan SANITIZE=address,undefined test

FUZZ_SECONDS ?= 60
fuzz: ## libFuzzer (clang) on every reader of files, FUZZ_SECONDS each (T=substring: those readers), in $(BUILD)/fuzz
	@MAKE='$(MAKE)' BUILD='$(BUILD)/fuzz' SECONDS_EACH='$(FUZZ_SECONDS)' T='$(T)' tests/fuzz/run.sh

fuzzers: $(FUZZERS)

# Cross-built; the libraries for ARM are only unpacked, into a folder that the emulator takes as the system's root.
AARCH64_ROOT := $(BUILD)/aarch64-root
aarch64: ## Everything for 64-bit ARM, cross-built into $(BUILD)/aarch64
	@tools/deps.sh --aarch64 '$(AARCH64_ROOT)'
	@PKG_CONFIG_PATH= PKG_CONFIG_SYSROOT_DIR='$(AARCH64_ROOT)' PKG_CONFIG_LIBDIR='$(AARCH64_ROOT)/usr/lib/aarch64-linux-gnu/pkgconfig' \
	    $(MAKE) BUILD='$(BUILD)/aarch64' CC='aarch64-linux-gnu-gcc --sysroot=$(AARCH64_ROOT)' all tests

check-aarch64: aarch64 layerlab model-if-possible ## That build under an emulator: every ISA's kernels, the program, a model
	@tests/aarch64.sh '$(BUILD)/aarch64' '$(AARCH64_ROOT)' '$(BUILD)'

bench: $(BUILD)/bench ## Times every kernel at real shapes, in some 3 minutes (BENCH_ARGS=...: bench --help)
	@$(BUILD)/bench $(BENCH_ARGS)

bench-compare: $(BUILD)/bench ## What got slower from A=FOLDER to B=FOLDER, beyond the noise
	@$(BUILD)/bench --compare '$(A)' '$(B)'

lint: $(LIBKERNELS) $(BUILD)/libllkernels.so ## Format, symbols, globals, ISA names, lengths
	@tests/lint.sh $^

fmt: ## Formats every C file in place
	@clang-format-14 -i $$(git ls-files -co --exclude-standard '*.c' '*.h' '*.inc') || clang-format -i $$(git ls-files '*.c' '*.h' '*.inc')

deps: ## Installs the packages that are missing (root or sudo; else prints the command)
	@tools/deps.sh

install: ## Program, data, kernel library and header below $(DESTDIR)$(PREFIX)
	@$(MAKE) all SHARE=$(PREFIX)/share/layerlab PAPER=$(PREFIX)/share/layerlab/paper
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin include lib/pkgconfig share/layerlab/plots share/layerlab/paper)
	install -m 755 $(BUILD)/layerlab $(DESTDIR)$(PREFIX)/bin
	install -m 644 kernels/kernels.h $(DESTDIR)$(PREFIX)/include
	install -m 644 $(LIBKERNELS) $(BUILD)/libllkernels.so.0 $(DESTDIR)$(PREFIX)/lib
	ln -sf libllkernels.so.0 $(DESTDIR)$(PREFIX)/lib/libllkernels.so
	install -m 644 $(BUILD)/libllkernels.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig
	cd harness && find data tasks -type f -exec install -D -m 644 {} $(DESTDIR)$(PREFIX)/share/layerlab/{} \;
	install -m 644 $(wildcard harness/plots/*) $(DESTDIR)$(PREFIX)/share/layerlab/plots
	install -m 644 $(wildcard results/paper/*) $(DESTDIR)$(PREFIX)/share/layerlab/paper

clean: ## Removes $(BUILD)
	@for flags in $(BUILD)/flags $(BUILD)/*/flags; do if test -f $$flags; then rm -rf $(BUILD); fi; done

help: ## This list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-13s %s\n", $$1, $$2}' Makefile
	@echo 'Variables: BUILD CC CFLAGS WERROR SANITIZE FUZZ_SECONDS PREFIX DESTDIR T V=1'

# ---- objects ---------------------------------------------------------------------------------------------------------
# Rebuilt only when the text changes, so that other flags mean other objects and the same flags mean none.
FLAGS_TEXT := $(CC) $(BASE_FLAGS) $(WARNINGS) $(INCLUDES)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS_TEXT)' | cmp -s - $@ || echo '$(FLAGS_TEXT)' > $@

# An ISA's own flags concern its folder alone: a new ISA recompiles nothing else.
$(foreach isa,$(ISAS),$(eval $(call object,$(wildcard kernels/$(isa)/*.c)): kernels/$(isa)/flags.mk))

# What a result row says of this build, and where its texts and plots lie; a new commit recompiles only the files that ask.
SHARE  ?= $(CURDIR)/harness
PAPER  ?= $(CURDIR)/results/paper
COMMIT   := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
define BUILD_INFO
#define LL_COMMIT "$(COMMIT)"
#define LL_COMPILER_FLAGS "$(strip $(CFLAGS) -ffp-contract=off $(if $(SANITIZE),-fsanitize=$(SANITIZE)))"
#define LL_DATA_DIR "$(SHARE)/data"
#define LL_TASKS_DIR "$(SHARE)/tasks"
#define LL_PLOTS_DIR "$(SHARE)/plots"
#define LL_PAPER_DIR "$(PAPER)"
endef
export BUILD_INFO
$(BUILD)/build_info.h: FORCE
	@mkdir -p $(@D)
	@echo "$$BUILD_INFO" | cmp -s - $@ || echo "$$BUILD_INFO" > $@
ASKING := $(call object,$(shell grep -lE 'LL_(COMMIT|COMPILER_FLAGS|DATA_DIR|TASKS_DIR|PLOTS_DIR|PAPER_DIR)' $(HARNESS)))
$(ASKING): $(BUILD)/build_info.h
$(ASKING): INCLUDES += -include $(BUILD)/build_info.h

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo "  cc   $<")
	$(Q)$(CC) $(BASE_FLAGS) $(WARNINGS) $(WERROR) $(extra) $(INCLUDES) -MMD -MP -c -o $@ $<

# ---- libraries and programs ------------------------------------------------------------------------------------------
# What was built, for scripts.
$(BUILD)/isas: kernels/isa.def $(BUILD)/flags
	@echo '$(ISAS)' > $@

archive = $(Q)rm -f $@ && ar rcs $@ $(filter %.o,$^)
$(LIBKERNELS): $(call object,$(KERNELS)) $(BUILD)/isas
	$(archive)
$(LIBMODEL): $(call object,$(MODEL))
	$(archive)
$(BUILD)/harness.a: $(call object,$(HARNESS))
	$(archive)
$(BUILD)/support.a: $(call object,$(SUPPORT))
	$(archive)

$(BUILD)/libllkernels.map: $(BUILD)/flags
	@echo '{ global: ll_*; local: *; };' > $@
$(BUILD)/libllkernels.so.0: $(call object,$(KERNELS)) $(BUILD)/isas $(BUILD)/libllkernels.map
	$(Q)$(CC) $(BASE_FLAGS) -shared -Wl,-soname,$(@F) -Wl,--version-script=$(BUILD)/libllkernels.map $(if $(SANITIZE),,-Wl,-z,defs) \
	    -o $@ $(filter %.o,$^) -lm
$(BUILD)/libllkernels.so: $(BUILD)/libllkernels.so.0
	@ln -sf $(<F) $@
$(BUILD)/libllkernels.pc: kernels/libllkernels.pc.in $(BUILD)/flags FORCE
	@sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' $< > $@

link = $(Q)$(CC) $(BASE_FLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)
$(BUILD)/layerlab: $(BUILD)/harness/main.o $(filter-out %/support.a,$(ARCHIVES))
	$(link)
$(TEST_PROGRAMS): $(BUILD)/%: $(BUILD)/%.o $(ARCHIVES)
	$(link)
$(CHECK_PROGRAMS): $(BUILD)/tests/%: $(BUILD)/tests/%.o $(call object,$(CHECKS)) $(ARCHIVES)
	$(link)
# The benches alone need a C++ compiler and Google Benchmark.
CXX ?= g++
$(BUILD)/harness/bench/gbench.o: harness/bench/gbench.cc harness/bench/gbench.h $(BUILD)/flags
	@mkdir -p $(@D)
	@pkg-config --exists benchmark || { echo 'bench: Google Benchmark is missing: tools/deps.sh --dev installs it' >&2; exit 1; }
	$(if $(V),,@echo "  c++  $<")
	$(Q)$(CXX) -std=c++17 $(CFLAGS) -Wall -Wextra -Wshadow -Werror $$(pkg-config --cflags benchmark) -c -o $@ $<
$(BUILD)/bench: $(BUILD)/harness/bench/bench_main.o $(BUILD)/harness/bench/gbench.o $(filter-out %/support.a,$(ARCHIVES))
	$(Q)$(CXX) $(CFLAGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE)) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS) $$(pkg-config --libs benchmark) -lpthread

$(FUZZERS): $(BUILD)/fuzzers/%: tests/fuzz/entry.c tests/fuzz/fuzz.h $(ARCHIVES)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE_FLAGS) -fsanitize=fuzzer $(WARNINGS) $(WERROR) $(INCLUDES) -DLL_FUZZ_TARGET=$* -o $@ $< $(filter %.a,$^) $(LIBS)

-include $(wildcard $(foreach room,kernels model harness tests,$(BUILD)/$(room)/*.d $(BUILD)/$(room)/*/*.d))
