# SPDX-License-Identifier: GPL-2.0-or-later
#
# The fuzz targets (clang's libFuzzer), included by ../Makefile.
#
#   make fuzz            all of them, FUZZ_SECONDS each (60)
#
# What a target finds is left in $(BUILD)/fuzz, as crash-*.

FUZZ_SECONDS	?= 60
FUZZ_SRC	:= $(wildcard fuzz/fuzz_*.c)
FUZZ		:= $(FUZZ_SRC:fuzz/%.c=$(BUILD)/fuzz/%)
FUZZ_FLAGS	:= -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

$(BUILD)/fuzz/%: fuzz/%.c fuzz/fuzz.h $(LIB_SRC:%=src/%) $(wildcard src/*.h) $(UAPI_COPY)
	@mkdir -p $(@D)
	$(call say,FUZZ)
	$(Q)clang -std=c11 $(WARNINGS) -Isrc -Iinclude -I$(BUILD)/include \
		-D_FILE_OFFSET_BITS=64 $(FUZZ_FLAGS) $(FUZZ_MORE) -o $@ $< $(LIB_SRC:%=src/%)

# The tool's parsers, and what they are linked with.
FUZZ_TOOL	:= $(addprefix tool/,parse.c facts.c mount.c keeping.c process.c target.c text.c)
$(BUILD)/fuzz/fuzz_tool: FUZZ_MORE := -Itool $(FUZZ_TOOL)
$(BUILD)/fuzz/fuzz_tool: $(FUZZ_TOOL) $(wildcard tool/*.h)

fuzz-targets: $(FUZZ)

fuzz: $(FUZZ)
	BUILD=$(BUILD) fuzz/run $(FUZZ_SECONDS)

.PHONY: fuzz fuzz-targets
